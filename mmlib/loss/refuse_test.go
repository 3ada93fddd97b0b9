package loss_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/loss"
	"gomm/mmlib/task"
)

// TestPanics: what does not fit is refused, and the message says what.
func TestPanics(t *testing.T) {
	matrix := func(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, dims...)) }
	labels := func(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Int32, dims...)) }
	type maker = func(g *Graph, dims ...int) *Node
	contrast := func(kind maker, o loss.ContrastiveOptions, n, nPlus int) func(g *Graph) *Node {
		return func(g *Graph) *Node { return loss.Contrastive(kind(g, n, 2), kind(g, nPlus, 2), o) }
	}
	sequence := func(logits, ids maker, o loss.SequenceOptions, b, l int) func(g *Graph) *Node {
		return func(g *Graph) *Node { return loss.Sequence(logits(g, 2, 3, 4), ids(g, b, l), o) }
	}
	dot := func(x, y *Node) *Node { return ReduceSum(Mul(x, y), 1) }
	for _, c := range []struct {
		name, want string
		build      func(g *Graph) *Node
	}{
		{"one pair", "at least 2 pairs in a batch, not 1", func(g *Graph) *Node {
			return loss.CLIP(matrix(g, 1, 1), matrix(g, 1, 1))
		}},
		{"not square", "(Float32)[3, 4]", func(g *Graph) *Node { return loss.CLIP(matrix(g, 3, 4), matrix(g, 3, 4)) }},
		{"other targets", "(Float32)[2, 2]", func(g *Graph) *Node { return loss.CLIP(matrix(g, 3, 3), matrix(g, 2, 2)) }},
		{"other widths", "(Float32)[3, 5]", func(g *Graph) *Node {
			return loss.Similarity(matrix(g, 3, 4), matrix(g, 3, 5))
		}},
		{"groups of rank 2", "rank", func(g *Graph) *Node { return loss.Targets(labels(g, 3, 3)) }},
		{"logits of rank 1", "rank", func(g *Graph) *Node { return loss.CrossEntropy(matrix(g, 3), matrix(g, 3)) }},
		{"too many labels", "(Int32)[4]", func(g *Graph) *Node {
			return loss.Classification(matrix(g, 3, 2), labels(g, 4), 0)
		}},
		{"smoothing", "label smoothing is 1", func(g *Graph) *Node {
			return loss.Classification(matrix(g, 3, 2), labels(g, 3), 1)
		}},
		{"negative smoothing", "label smoothing is -0.1", func(g *Graph) *Node {
			return loss.Classification(matrix(g, 3, 2), labels(g, 3), -0.1)
		}},
		{"NaN smoothing", "label smoothing is NaN", func(g *Graph) *Node {
			return loss.Classification(matrix(g, 3, 2), labels(g, 3), math.NaN())
		}},
		{"one representation each", "at least 2 pairs in a batch, not 1", contrast(matrix, loss.ContrastiveOptions{Temperature: 1}, 1, 1)},
		{"different N", "z is (Float32)[3, 2] and z⁺ is (Float32)[4, 2]", contrast(matrix, loss.ContrastiveOptions{Temperature: 1}, 3, 4)},
		{"no temperature", "temperature τ is 0", contrast(matrix, loss.ContrastiveOptions{}, 3, 3)},
		{"negative temperature", "temperature τ is -0.1", contrast(matrix, loss.ContrastiveOptions{Temperature: -0.1}, 3, 3)},
		{"NaN temperature", "temperature τ is NaN", contrast(matrix, loss.ContrastiveOptions{Temperature: math.NaN()}, 3, 3)},
		{"infinite temperature", "temperature τ is +Inf", contrast(matrix, loss.ContrastiveOptions{Temperature: math.Inf(1)}, 3, 3)},
		{"vanishing temperature", "temperature τ is 1e-320", contrast(matrix, loss.ContrastiveOptions{Temperature: 1e-320}, 3, 3)},
		{"two temperatures", "given twice, as the number 0.5", func(g *Graph) *Node {
			return loss.Contrastive(matrix(g, 3, 2), matrix(g, 3, 2), loss.ContrastiveOptions{Temperature: 0.5, Scale: matrix(g)})
		}},
		{"a scale for each row", "scale is (Float32)[3]", func(g *Graph) *Node {
			return loss.Contrastive(matrix(g, 3, 2), matrix(g, 3, 2), loss.ContrastiveOptions{Scale: matrix(g, 3)})
		}},
		{"integers as representations", "z is (Int32)[3, 2]", contrast(labels, loss.ContrastiveOptions{Temperature: 1}, 3, 3)},
		{"one pair of embeddings", "not 1", func(g *Graph) *Node {
			return loss.Pairs(matrix(g, 1, 2), matrix(g, 1, 2), nil, matrix(g), lean.BySize)
		}},
		{"groups of another batch", "groups are (Int32)[4]: they must be (Int32)[3]", func(g *Graph) *Node {
			return loss.Pairs(matrix(g, 3, 2), matrix(g, 3, 2), labels(g, 4), matrix(g), lean.Always)
		}},
		{"groups that are not numbers", "groups are (Float32)[3]", func(g *Graph) *Node {
			return loss.SigLIP(matrix(g, 3, 2), matrix(g, 3, 2), matrix(g, 3), matrix(g), matrix(g))
		}},
		{"no scale", "scale is nil", func(g *Graph) *Node {
			return loss.Pairs(matrix(g, 3, 2), matrix(g, 3, 2), nil, nil, lean.BySize)
		}},
		{"a bias of another type", "bias is (Int32)", func(g *Graph) *Node {
			return loss.SigLIP(matrix(g, 3, 2), matrix(g, 3, 2), nil, matrix(g), labels(g))
		}},
		{"SigLIP of one pair", "not 1", func(g *Graph) *Node {
			return loss.SigLIP(matrix(g, 1, 2), matrix(g, 1, 2), nil, matrix(g), matrix(g))
		}},
		{"no negatives", "there are 0 negatives", func(g *Graph) *Node {
			return loss.InfoNCE(matrix(g, 3), matrix(g, 3, 0))
		}},
		{"negatives of others", "(Float32)[3] and the negatives' (Float32)[4, 2]", func(g *Graph) *Node {
			return loss.InfoNCE(matrix(g, 3), matrix(g, 4, 2))
		}},
		{"no shared negatives", "there are 0 negatives", func(g *Graph) *Node {
			return loss.InfoNCEFunc(dot, matrix(g, 3, 2), matrix(g, 3, 2), matrix(g, 0, 2))
		}},
		{"negatives of another width", "(Float32)[4, 5]", func(g *Graph) *Node {
			return loss.InfoNCEFunc(dot, matrix(g, 3, 2), matrix(g, 3, 2), matrix(g, 4, 5))
		}},
		{"one negative", "negatives are (Float32)[2]", func(g *Graph) *Node {
			return loss.InfoNCEFunc(dot, matrix(g, 3, 2), matrix(g, 3, 2), matrix(g, 2))
		}},
		{"scores that are a matrix", "(Float32)[15, 15]", func(g *Graph) *Node {
			return loss.InfoNCEFunc(loss.Similarity, matrix(g, 3, 2), matrix(g, 3, 2), matrix(g, 4, 2))
		}},
		{"a bound without negatives", "there are 0 negatives", func(g *Graph) *Node {
			return loss.MutualInformation(matrix(g), 0)
		}},
		{"no mask", "mask is nil", func(g *Graph) *Node {
			return loss.MaskedTokens(matrix(g, 2, 3, 4), labels(g, 2, 3), nil)
		}},
		{"a mask of numbers", "mask is (Int32)[2, 3]: it must be (Bool)[2, 3]", func(g *Graph) *Node {
			return loss.MaskedTokens(matrix(g, 2, 3, 4), labels(g, 2, 3), labels(g, 2, 3))
		}},
		{"labels shifted, logits not", "labels are (Int32)[2, 2]", sequence(matrix, labels, loss.SequenceOptions{}, 2, 2)},
		{"labels that are distributions", "labels are (Float32)[2, 3]", sequence(matrix, matrix, loss.SequenceOptions{}, 2, 3)},
		{"logits of integers", "logits are (Int32)[2, 3, 4]", sequence(labels, labels, loss.SequenceOptions{}, 2, 3)},
		{"smoothing of a sequence", "label smoothing is 1.5", sequence(matrix, labels, loss.SequenceOptions{Smoothing: 1.5}, 2, 3)},
		{"negative z-loss", "coefficient of the z-loss is -0.0001", sequence(matrix, labels, loss.SequenceOptions{ZLoss: -1e-4}, 2, 3)},
		{"NaN z-loss", "coefficient of the z-loss is NaN", sequence(matrix, labels, loss.SequenceOptions{ZLoss: math.NaN()}, 2, 3)},
		{"lengths for each token", "lengths are (Int32)[2, 3]", func(g *Graph) *Node {
			return loss.Sequence(matrix(g, 2, 3, 4), labels(g, 2, 3), loss.SequenceOptions{Lengths: labels(g, 2, 3)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGraph(backend, c.name)
			defer g.Finalize()
			err := task.Try(func() error { c.build(g); return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
