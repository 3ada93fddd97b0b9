package train

import (
	"cmp"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// stepGraph builds one training step: loss, gradients, AdamW. in[0] is the learning rate, the rest is the task's batch.
// It returns one vector: loss, gradient norm, then the task's metrics.
func stepGraph(s *model.Scope, in []*Node, t task.Task, c run.Training) *Node {
	rate, g := in[0], in[0].Graph()
	s.Store().SetTraining(g, true)
	l, metrics := t.Loss(s, in[1:])
	l.AssertScalar()
	if len(metrics) != len(t.Metrics()) {
		exceptions.Panicf("the task's loss returns %d metrics and names %d: %q", len(metrics), len(t.Metrics()), t.Metrics())
	}

	weights := trainable(s.Store(), g, c.Frozen)
	nodes := make([]*Node, len(weights))
	for i, w := range weights {
		nodes[i] = w.NodeValue(g)
	}
	gradients := Gradient(l, nodes...)
	gradients, norm := clipByGlobalNorm(gradients, c.ClipNorm)
	adamW(s, t, weights, gradients, rate, c)

	out := append([]*Node{l, norm}, metrics...)
	for i, n := range out {
		n.AssertScalar()
		out[i] = Reshape(n, 1)
	}
	return Concatenate(out, 0)
}

// trainable freezes the weights under the given paths and returns the others that the graph uses, in path order: sums
// over them, the global norm, then come out the same however the store was filled.
func trainable(store *model.Store, g *Graph, frozen []string) []*model.Variable {
	for _, prefix := range frozen {
		if !slices.ContainsFunc(slices.Collect(store.IterVariables()),
			func(v *model.Variable) bool { return isUnder(v.Path(), []string{prefix}) }) {
			exceptions.Panicf("training.frozen names %q, and the model has no weights there", prefix)
		}
	}
	var weights []*model.Variable
	for v := range store.IterVariables() {
		if isUnder(v.Path(), frozen) {
			v.SetTrainable(false)
		}
		if v.Trainable && v.InUseByGraph(g) {
			weights = append(weights, v)
		}
	}
	if len(weights) == 0 {
		exceptions.Panicf("no weight is left to train: training.frozen covers them all")
	}
	slices.SortFunc(weights, func(a, b *model.Variable) int { return cmp.Compare(a.Path(), b.Path()) })
	return weights
}

// isUnder reports whether path is one of the prefixes or below one.
func isUnder(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return path == p || len(path) > len(p) && path[:len(p)] == p && path[len(p)] == '/'
	})
}

// clipByGlobalNorm scales all gradients by the same factor so that their norm together is at most limit (Pascanu et al.
// 2013, algorithm 1); 0 is no limit. It also returns the norm before.
func clipByGlobalNorm(gradients []*Node, limit float64) ([]*Node, *Node) {
	var sum *Node
	for _, d := range gradients {
		if square := ReduceAllSum(Square(d)); sum == nil {
			sum = square
		} else {
			sum = Add(sum, square)
		}
	}
	norm := Sqrt(sum)
	if limit == 0 {
		return gradients, norm
	}
	factor := Min(ScalarOne(norm.Graph(), norm.DType()), Div(ConstAs(norm, limit), AddScalar(norm, 1e-6)))
	clipped := make([]*Node, len(gradients))
	for i, d := range gradients {
		clipped[i] = Mul(d, factor)
	}
	return clipped, norm
}

// adamW updates the weights by Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2):
//
//	m ← β₁m + (1−β₁)d    v ← β₂v + (1−β₂)d²    w ← w − η·( m̂/(√v̂ + ε) + λ·w )
//
// Adam is GoMLX's; the decay is ours, because it must leave out biases, gains and scalars (CLIP §2.5), that is, everything
// of fewer than two axes. With c.LayerDecay, η is that of the weight's layer; see layerRates.
func adamW(s *model.Scope, t task.Task, weights []*model.Variable, gradients []*Node, rate *Node, c run.Training) {
	g := rate.Graph()
	optimizer.LearningRateVar(s, rate.DType(), c.LearningRate).SetNodeValue(rate)
	before := make([]*Node, len(weights))
	for i, w := range weights {
		before[i] = w.NodeValue(g)
	}
	adam := optimizer.Adam().LearningRate(c.LearningRate).Betas(c.Beta1, c.Beta2).Epsilon(c.Epsilon).Done()
	adam.(takesGradients).UpdateGraphWithGradients(s, inStoreOrder(s, weights, gradients), rate.DType())
	if c.WeightDecay != 0 {
		for i, w := range weights {
			if w.Shape().Rank() >= 2 {
				w.SetNodeValue(Sub(w.NodeValue(g), Mul(before[i], MulScalar(rate, c.WeightDecay))))
			}
		}
	}
	if c.LayerDecay == 0 || c.LayerDecay == 1 {
		return
	}
	// Both terms are proportional to η: a smaller one makes the whole change smaller.
	factor := layerRates(s.Store(), t, c.LayerDecay)
	for i, w := range weights {
		if f := factor(w.Path()); f != 1 {
			w.SetNodeValue(Add(before[i], MulScalar(Sub(w.NodeValue(g), before[i]), f)))
		}
	}
}

// takesGradients is GoMLX's optimizer for gradients that are computed already, as its gradient accumulation uses it.
type takesGradients interface {
	UpdateGraphWithGradients(s *model.Scope, gradients []*Node, lossDType dtypes.DType)
}

// inStoreOrder sorts gradients as GoMLX's optimizers expect them: in the order of the store's variables.
func inStoreOrder(s *model.Scope, weights []*model.Variable, gradients []*Node) []*Node {
	place := make(map[*model.Variable]int, len(weights))
	for i, w := range weights {
		place[w] = i
	}
	sorted := make([]*Node, 0, len(weights))
	for v := range s.Store().IterVariables() {
		if i, ok := place[v]; ok {
			sorted = append(sorted, gradients[i])
		}
	}
	return sorted
}
