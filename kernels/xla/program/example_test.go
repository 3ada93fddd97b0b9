package program_test

import (
	"fmt"
	"os"
	"strings"

	"gomm/kernels/xla/program"
)

// What XLA sees of softmax(Q·Kᵀ/√d_k)·V for two queries, three keys and d_k = 4.
func ExampleAttention_StableHLO() {
	text, err := program.Attention{L: 2, S: 3, K: 4}.StableHLO()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text)
	// Output:
	// module @attention {
	//   func.func @main(%q: tensor<2x4xf32>, %k: tensor<3x4xf32>, %v: tensor<3x4xf32>) -> tensor<2x4xf32> {
	//     %0 = "stablehlo.dot_general"(%q, %k) {
	//       dot_dimension_numbers = #stablehlo.dot<
	//   lhs_batching_dimensions = [],
	//   rhs_batching_dimensions = [],
	//   lhs_contracting_dimensions = [1],
	//   rhs_contracting_dimensions = [1]
	// >,
	//       precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]
	//     } : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
	//     %1 = "stablehlo.constant"() { value = dense<0.5> : tensor<f32> } : () -> tensor<f32>
	//     %2 = "stablehlo.broadcast_in_dim"(%1) { broadcast_dimensions = array<i64> } : (tensor<f32>) -> tensor<2x3xf32>
	//     %3 = "stablehlo.multiply"(%0, %2) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
	//     %4 = "stablehlo.constant"() { value = dense<0xff800000> : tensor<f32> } : () -> tensor<f32>
	//     %6 = "stablehlo.reduce"(%3, %4) ({
	//       ^reductionFn(%l: tensor<f32>, %r: tensor<f32>) :
	//           %5 = "stablehlo.maximum"(%l, %r) : (tensor<f32>, tensor<f32>) -> tensor<f32>
	//           "stablehlo.return"(%5) : (tensor<f32>) -> ()
	//     }) { dimensions = array<i64: 1> } : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
	//     %7 = "stablehlo.broadcast_in_dim"(%6) { broadcast_dimensions = array<i64: 0> } : (tensor<2xf32>) -> tensor<2x3xf32>
	//     %8 = "stablehlo.subtract"(%3, %7) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
	//     %9 = "stablehlo.exponential"(%8) : (tensor<2x3xf32>) -> tensor<2x3xf32>
	//     %10 = "stablehlo.constant"() { value = dense<0.0> : tensor<f32> } : () -> tensor<f32>
	//     %12 = "stablehlo.reduce"(%9, %10) ({
	//       ^reductionFn(%l: tensor<f32>, %r: tensor<f32>) :
	//           %11 = "stablehlo.add"(%l, %r) : (tensor<f32>, tensor<f32>) -> tensor<f32>
	//           "stablehlo.return"(%11) : (tensor<f32>) -> ()
	//     }) { dimensions = array<i64: 1> } : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
	//     %13 = "stablehlo.broadcast_in_dim"(%12) { broadcast_dimensions = array<i64: 0> } : (tensor<2xf32>) -> tensor<2x3xf32>
	//     %14 = "stablehlo.divide"(%9, %13) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
	//     %15 = "stablehlo.dot_general"(%14, %v) {
	//       dot_dimension_numbers = #stablehlo.dot<
	//   lhs_batching_dimensions = [],
	//   rhs_batching_dimensions = [],
	//   lhs_contracting_dimensions = [1],
	//   rhs_contracting_dimensions = [0]
	// >,
	//       precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]
	//     } : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
	//     "stablehlo.return"(%15) : (tensor<2x4xf32>) -> ()
	//   }
	// }
}

// The first query points where the second key does; the second query is as near to each key as to the others.
func ExampleAttention_Run() {
	q := []float32{0, 8, 0, 0, 0, 0, 0, 0}
	k := []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}
	v := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 18}
	z, err := program.Attention{L: 2, S: 3, K: 4}.Run(q, k, v)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n%.3f\n", z[:4], z[4:])
	// Output:
	// [5.000 6.000 7.000 8.106]
	// [5.000 6.000 7.000 10.000]
}

// The process runs with XLA_FLAGS="--xla_dump_to=$DUMP --xla_dump_hlo_as_text".
func ExampleOptimized() {
	zeros := make([]float32, 12)
	if _, err := (program.Attention{L: 2, S: 3, K: 4}).Run(zeros[:8], zeros, zeros); err != nil {
		fmt.Println(err)
		return
	}
	text, err := program.Optimized(os.Getenv("DUMP"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, entry, _ := strings.Cut(text, "ENTRY")
	fmt.Println("softmax is in fusions:", strings.Contains(entry, " fusion(") && !strings.Contains(entry, " exponential("))
	// Output: softmax is in fusions: true
}
