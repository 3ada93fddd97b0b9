package train

import (
	"context"
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/run"
)

// reference is the training of the task `linear` in plain Go: y = g·(x·W) + b.
type reference struct {
	w        [in * out]float64
	g        [1]float64
	b        [out]float64
	m, v     [3][]float64 // moments of W, g and b
	loss     float64
	gradNorm float64
}

func newReference() *reference {
	r := &reference{g: [1]float64{1.25}, b: [out]float64{0.5, -0.25, 0}}
	for i := range r.w {
		r.w[i] = math.Cos(float64(i)) / 2
	}
	for i, n := range []int{len(r.w), len(r.g), len(r.b)} {
		r.m[i], r.v[i] = make([]float64, n), make([]float64, n)
	}
	return r
}

// gradients are those of the mean square error, worked out by hand.
func (r *reference) gradients(xs, ys []float32) (dw [in * out]float64, dg [1]float64, db [out]float64) {
	n := len(ys)
	r.loss = 0
	for row := range n / out {
		x, y := xs[row*in:][:in], ys[row*out:][:out]
		for j := range out {
			var xw float64
			for k := range in {
				xw += float64(x[k]) * r.w[k*out+j]
			}
			e := r.g[0]*xw + r.b[j] - float64(y[j])
			r.loss += e * e / float64(n)
			d := 2 * e / float64(n)
			db[j] += d
			dg[0] += d * xw
			for k := range in {
				dw[k*out+j] += d * r.g[0] * float64(x[k])
			}
		}
	}
	return dw, dg, db
}

// step is one step of AdamW after clipping; only W, of two axes, decays.
func (r *reference) step(xs, ys []float32, c run.Training, step int64) {
	dw, dg, db := r.gradients(xs, ys)
	groups := [3]struct {
		weights, gradients []float64
		decay              float64
	}{{r.w[:], dw[:], c.WeightDecay}, {r.g[:], dg[:], 0}, {r.b[:], db[:], 0}}

	var square float64
	for _, p := range groups {
		for _, d := range p.gradients {
			square += d * d
		}
	}
	r.gradNorm = math.Sqrt(square)
	factor := 1.0
	if c.ClipNorm > 0 {
		factor = min(1, c.ClipNorm/(r.gradNorm+1e-6))
	}
	rate, t := LearningRate(c, step), float64(step+1)
	for i, p := range groups {
		for k, d := range p.gradients {
			d *= factor
			r.m[i][k] = c.Beta1*r.m[i][k] + (1-c.Beta1)*d
			r.v[i][k] = c.Beta2*r.v[i][k] + (1-c.Beta2)*d*d
			m := r.m[i][k] / (1 - math.Pow(c.Beta1, t))
			v := r.v[i][k] / (1 - math.Pow(c.Beta2, t))
			p.weights[k] -= rate * (m/(math.Sqrt(v)+c.Epsilon) + p.decay*p.weights[k])
		}
	}
}

func (r *reference) values() map[string][]float32 {
	narrow := func(values []float64) []float32 {
		list := make([]float32, len(values))
		for i, x := range values {
			list[i] = float32(x)
		}
		return list
	}
	return map[string][]float32{"/weights": narrow(r.w[:]), "/gain": narrow(r.g[:]), "/biases": narrow(r.b[:])}
}

// start puts the reference's weights into a store.
func (r *reference) start(s *model.Store) error {
	dims := map[string][]int{"/weights": {in, out}, "/gain": {}, "/biases": {out}}
	for path, values := range r.values() {
		if _, err := s.CreateVariable(path, tensors.FromFlatDataAndDimensions(values, dims[path]...)); err != nil {
			return err
		}
	}
	return nil
}

// TestAdamW compares a training with the same one in plain Go: warm-up, cosine, clipping, Adam, decoupled decay.
func TestAdamW(t *testing.T) {
	for name, change := range map[string]func(*run.Training){
		"plain Adam":     func(c *run.Training) { c.ClipNorm, c.WeightDecay = 0, 0 },
		"decay":          func(c *run.Training) { c.ClipNorm, c.WeightDecay = 0, 0.5 },
		"clipped, decay": func(c *run.Training) { c.ClipNorm, c.WeightDecay, c.Epsilon = 0.3, 0.5, 0.1 },
		// a large ε, for else Adam undoes a factor
	} {
		t.Run(name, func(t *testing.T) {
			c := settings()
			c.Steps = 8
			change(&c)
			x := &fit{examples: 20, model: linear}
			r := newReference()
			f := newFolder(t, 3, c)
			tr := trainer(t, x, f, Hooks{Init: r.start, Progress: func(p Progress) {
				step := p.Step - 1
				b, err := x.Batch(newOrder(3, x.Len(), c.BatchSize).at(step), stepRand(3, step))
				check.Must(t, err)
				xs, _ := tensors.CopyFlatData[float32](b.Inputs[0])
				ys, _ := tensors.CopyFlatData[float32](b.Inputs[1])
				r.step(xs, ys, c, step)
				if got := p.Metrics["gradient_norm"]; math.Abs(got-r.gradNorm) > 1e-5 || math.Abs(p.Loss-r.loss) > 1e-5 {
					t.Errorf("step %d: loss %g, gradient norm %g; want %g, %g", step, p.Loss, got, r.loss, r.gradNorm)
				}
			}})
			check.Must(t, tr.Run(context.Background()))
			compare(t, weights(t, tr.Store()), r.values(), 1e-5)
			if r.gradNorm < c.ClipNorm {
				t.Errorf("the gradient's norm ends at %g: the limit of %g is not tested", r.gradNorm, c.ClipNorm)
			}
		})
	}
}

// TestFrozen: frozen weights stay as they were, to the bit, and do not decay; the others learn.
func TestFrozen(t *testing.T) {
	c := settings()
	c.Frozen = []string{"/hidden"}
	f := newFolder(t, 1, c)
	tr := trainer(t, &fit{examples: 20, model: network}, f, Hooks{})
	before := weights(t, tr.Store())
	check.Must(t, tr.Run(context.Background()))
	after := weights(t, tr.Store())
	for path, values := range before {
		same := true
		for i, x := range values {
			same = same && after[path][i] == x
		}
		if frozen := isUnder(path, c.Frozen); same != frozen {
			t.Errorf("%s: unchanged is %v, frozen is %v", path, same, frozen)
		}
	}
	for v := range tr.Store().IterVariables() {
		if isUnder(v.Path(), []string{"/AdamOptimizer/hidden"}) {
			t.Errorf("the frozen weights have moments: %s", v.Path())
		}
	}
}
