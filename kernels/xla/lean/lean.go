// Package lean holds attention and the contrastive losses in a form that needs little memory.
//
// The formulas of chapter 4 compare everything with everything: attention has a score for each query and key [L, S], a
// contrastive loss a similarity for each row and column [N, M]. Neither matrix is needed; both are summed up along an
// axis at once. So the kernels here go through it tile by tile, keep running sums, and recompute the tiles for the
// gradient. Time stays that of the products; memory grows with L + S, and no longer with L·S.
//
//   - [Attention] is FlashAttention's algorithm (Dao et al. 2022, 2023): softmax(Q·Kᵀ/√d_k)·V with an online softmax.
//   - [Contrast] is the idea of Inf-CL (Cheng et al. 2024): the log-sums over the rows and columns of X·Yᵀ.
//
// Both are ordinary graph code, a While over tiles, which XLA compiles for CPU, GPU and TPU alike, and both come with
// their gradients. Their results are those of the plain formulas to the rounding of the sums. Packages
// mmlib/nn/attention and mmlib/loss hold the plain formulas, the choice between the two by size, and more tests that
// compare them. The pure Go backend cannot run them ([Runs]); there, the choice by size falls on the plain formula.
//
// # The online softmax
//
// log Σⱼ exp(sⱼ) of scores that come in blocks: keep the largest score m so far and l = Σⱼ exp(sⱼ − m). A block with the
// largest score m' makes of them
//
//	m ← max(m, m')    l ← l·exp(m_old − m) + Σ exp(s − m)
//
// and whatever else was summed with the weights exp(s − m), such as the weighted values of attention, is rescaled by the
// same exp(m_old − m). No exponent is ever positive, so scores of any size are safe.
//
// # What the sizes of tiles were chosen for
//
// They were measured on CPUs of 2 cores (see bench/README.md). A tile has up to 2 million numbers, 8 MB, which stay within the
// last cache; its products are large enough for all threads, and more steps would cost more in starting and joining threads
// than they save. For attention that is 2 heads of 2048 queries by 512 keys, or 8 heads of 512 by 512 where a mask lets
// blocks be left out; the contrastive losses take 1024 by 1024.
package lean

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Choice decides whether a lean kernel is used in place of the plain formula. Its zero value lets the size decide.
type Choice int

// The choices.
const (
	BySize Choice = iota // lean from [Threshold] on
	Never                // always the plain formula
	Always               // always the lean kernel
)

// Threshold is the size in bytes of a plain matrix, of scores or of similarities, from which on [BySize] chooses the
// lean kernel: 64 MiB, 4,096 by 4,096 of Float32. Below it the plain form is no slower and keeps its weights to look at.
// Above it memory decides, and not time: the many short sequences of a ViT-B/16 (64 pictures of 197 positions, 12 heads,
// 119 MB) took attention 1.2 times as long, forward and backward, on 2 cores. Where there is memory, say Never.
const Threshold = 64 << 20

// Lean reports whether to use the lean kernel on a backend, where the plain formula would make a matrix of these dimensions.
// On a backend that cannot run it ([Runs]) the size does not matter, and Always panics.
func (c Choice) Lean(b compute.Backend, dtype dtypes.DType, dims ...int) bool {
	switch c {
	case Never:
		return false
	case Always:
		mustRun(b)
		return true
	}
	return Runs(b) && int64(shapes.Make(dtype, dims...).ByteSize()) >= Threshold
}

// Runs reports whether a backend has what the kernels are made of. The Go backend (compute v0.1.5) lacks slices whose place
// is computed. While is not asked for: go-xla v0.4.1 has it and does not list it.
func Runs(b compute.Backend) bool {
	ops := b.Capabilities().Operations
	return ops[compute.OpTypeDynamicSlice] && ops[compute.OpTypeDynamicUpdateSlice]
}

func mustRun(b compute.Backend) {
	if !Runs(b) {
		exceptions.Panicf("lean: the backend %q cannot run the lean kernel (lean.Always): use lean.BySize or lean.Never, or XLA", b.Name())
	}
}
