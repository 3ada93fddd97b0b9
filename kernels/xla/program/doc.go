// Package program shows what XLA sees: it writes one step of attention as a StableHLO program, by hand, and compiles and runs it
// with go-xla's packages stablehlo and pjrt, without GoMLX between.
//
//	a := program.Attention{L: 2, S: 3, K: 4}
//	text, err := a.StableHLO()  // the program as XLA receives it
//	z, err := a.Run(q, k, v)    // plugin, client, compile, buffers, execute
//
// In mmlib the same step is one call, for a batch and for many heads; with B = H = 1 it becomes nearly this program (it
// scales Q before the product, which is the same):
//
//	z, weights := attention.ScaledDotProduct(q, k, v, nil) // q [B, L, H, K]; k, v [B, S, H, K]
//
//	softmax(Q·Kᵀ/√d_k)·V    mmlib/nn/attention           StableHLO
//	Q·Kᵀ                    Einsum("BLHK,BSHK->BHLS")    dot_general
//	/√d_k                   MulScalar(q, 1/√d_k)         constant, broadcast_in_dim, multiply
//	softmax                 Softmax(scores, -1)          reduce (maximum), subtract, exponential, reduce (add), divide
//	·V                      Einsum("BHLS,BSHK->BLHK")    dot_general
//
// So a graph of GoMLX is such a text in the end, and its gradient is more operations in the same text. The backend that
// gomm/kernels/xla opens logs the text of every graph that it compiles, at klog's level 2.
//
// # After XLA's optimisation
//
// XLA rewrites the program before it makes machine code: it fuses operations into one loop, so that what passes between them
// stays in registers. PJRT can hand out the result (PJRT_Executable_OptimizedProgram), but go-xla v0.4.1 does not offer that
// call. XLA also writes it into a folder, if the environment says so:
//
//	XLA_FLAGS="--xla_dump_to=DIR --xla_dump_hlo_as_text" go run .
//
// XLA reads the variable once, when the process first compiles; os.Setenv before that also serves. [Optimized] then finds the
// program in the folder. In it source_line names the line of the StableHLO text from which an operation came.
//
// # Without cgo
//
// StableHLO and Optimized need no cgo. Run needs it and a plugin; built without cgo or with the tag noxla it gives an error.
package program
