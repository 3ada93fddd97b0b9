package loss_test

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/golden"
	"gomm/mmlib/loss"
)

// TestCrossEntropyGolden: cross-entropy with labels, smoothed labels and distributions, and its gradient, are PyTorch's.
func TestCrossEntropyGolden(t *testing.T) {
	file := golden.Load(t, "testdata/crossentropy.safetensors")
	with := func(l func(logits, targets *Node) *Node) func(in ...*tensors.Tensor) [][]float64 {
		return compile(t, func(in []*Node) []*Node {
			value := l(in[0], in[1])
			return []*Node{value, Gradient(value, in[0])[0]}
		})
	}
	labels := func(smoothing float64) func(in ...*tensors.Tensor) [][]float64 {
		return with(func(logits, labels *Node) *Node { return loss.Classification(logits, labels, smoothing) })
	}
	hard, smoothed, distributions := labels(0), labels(0.1), with(loss.CrossEntropy)
	for name, results := range map[string]func(in ...*tensors.Tensor) [][]float64{
		"labels": hard, "large": hard, "smoothed": smoothed, "large_smoothed": smoothed, "distributions": distributions,
	} {
		for dtype, tolerance := range precision {
			t.Run(name+"/"+dtype.String(), func(t *testing.T) {
				r := reference{file, name + "."}
				var out [][]float64
				if file.Has(name + ".labels") {
					out = results(r.float(t, dtype, "logits"), r.int(t, "labels"))
				} else {
					out = results(r.float(t, dtype, "logits"), r.float(t, dtype, "targets"))
				}
				r.same(t, "loss", out[0], tolerance*max(1, math.Abs(out[0][0])))
				r.same(t, "dlogits", out[1], tolerance)
			})
		}
	}
}

func TestAccuracy(t *testing.T) {
	logits := tensors.FromValue([][]float32{{1, 3, 2}, {9, 0, 0}, {0, 1, 2}, {5, 6, 7}})
	out := run(t, func(in []*Node) []*Node { return []*Node{loss.Accuracy(in[0], in[1])} }, logits, integers(1, 0, 0, 2))
	if out[0][0] != 0.75 {
		t.Errorf("three right of four are %v, want 0.75", out[0][0])
	}
}
