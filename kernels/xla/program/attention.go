package program

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/go-xla/types"
	"github.com/gomlx/go-xla/types/shapes"
)

// Attention is one step of attention with one head, softmax(Q·Kᵀ/√d_k)·V, in float32.
type Attention struct {
	L int // queries: Q and the result are [L, K]
	S int // keys and values: both matrices are [S, K]
	K int // width of the head, d_k
}

// StableHLO gives the program as text, the form in which XLA takes it. The same sizes always give the same text.
func (a Attention) StableHLO() (text string, err error) {
	if a.L < 1 || a.S < 1 || a.K < 1 {
		return "", fmt.Errorf("program: attention with L=%d, S=%d, K=%d: each must be at least 1", a.L, a.S, a.K)
	}
	defer func() { // build panics, as functions that build graphs do
		if r := recover(); r != nil {
			text, err = "", fmt.Errorf("program: attention with L=%d, S=%d, K=%d: %v", a.L, a.S, a.K, r)
		}
	}()
	return string(a.build()), nil
}

// Run compiles the program for the device of the best plugin that is installed ([plugin.Find]), and runs it once.
//
// q [L, K], k [S, K] and v [S, K] hold their rows one after another, and so does the result z [L, K].
func (a Attention) Run(q, k, v []float32) (z []float32, err error) {
	text, err := a.StableHLO()
	if err != nil {
		return nil, err
	}
	for _, m := range []struct {
		name   string
		values []float32
		rows   int
	}{{"q", q, a.L}, {"k", k, a.S}, {"v", v, a.S}} {
		if n := len(m.values); n%a.K != 0 || n/a.K != m.rows {
			return nil, fmt.Errorf("program: %s has %d values; it must have %d rows of %d", m.name, n, m.rows, a.K)
		}
	}
	return a.run(text, q, k, v)
}

// build writes the formula down, operation by operation. Nothing is computed here.
func (a Attention) build() []byte {
	b := stablehlo.New("attention")
	main := b.Main()
	q := try(main.NamedInput("q", float32s(a.L, a.K)))
	k := try(main.NamedInput("k", float32s(a.S, a.K)))
	v := try(main.NamedInput("v", float32s(a.S, a.K)))

	// A = Q·Kᵀ/√d_k: the product sums over axis 1 of both, so Kᵀ is never made
	product := dot(q, 1, k, 1) // [L, S]
	scale := try(main.ConstantFromScalar(float32(1 / math.Sqrt(float64(a.K)))))
	scores := try(stablehlo.Multiply(product, spread(scale, product))) // [L, S]

	// E_ij = exp(A_ij − max_j A_ij): the maximum cancels out in the quotient below, and keeps exp from overflowing
	lowest := try(main.ConstantFromScalar(float32(math.Inf(-1))))
	highest := reduce(main, scores, lowest, stablehlo.Maximum)             // [L]
	centred := try(stablehlo.Subtract(scores, spread(highest, scores, 0))) // [L, S]
	exps := try(stablehlo.Exponential(centred))                            // [L, S]

	// W_ij = E_ij / Σ_j E_ij, which with the step before is softmax(A)
	zero := try(main.ConstantFromScalar(float32(0)))
	sums := reduce(main, exps, zero, stablehlo.Add)               // [L]
	weights := try(stablehlo.Divide(exps, spread(sums, exps, 0))) // [L, S]

	// Z = W·V
	z := dot(weights, 1, v, 0) // [L, K]
	check(main.Return(z))
	return try(b.Build())
}

// dot is the product of two matrices, summed over one axis of each. HIGHEST keeps all bits of float32; with DEFAULT a GPU may
// round the factors to TF32, ten bits of mantissa, to be faster.
func dot(x *stablehlo.Value, xAxis int, y *stablehlo.Value, yAxis int) *stablehlo.Value {
	highest := types.DotGeneralPrecisionHighest
	return try(stablehlo.DotGeneral(x, []int{xAxis}, nil, y, []int{yAxis}, nil).Precision(highest, highest).Done())
}

// spread repeats x until it has the shape of like, since StableHLO repeats nothing by itself; axes are where the axes of x go.
func spread(x, like *stablehlo.Value, axes ...int) *stablehlo.Value {
	return try(stablehlo.BroadcastInDim(x, like.Shape(), axes))
}

// reduce combines the values of each row of x, from start on. How two are combined is a small function within the program.
func reduce(main *stablehlo.Function, x, start *stablehlo.Value,
	combine func(l, r *stablehlo.Value) (*stablehlo.Value, error)) *stablehlo.Value {
	f := main.Closure()
	l, r := try(f.NamedInput("l", float32s())), try(f.NamedInput("r", float32s()))
	check(f.Return(try(combine(l, r))))
	return try(stablehlo.Reduce(x, start, f, 1))
}

func float32s(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }

func try[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
