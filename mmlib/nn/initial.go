package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
)

// Normal creates or finds the variable `name` of the given shape, which starts from N(0, std²).
func Normal(s *model.Scope, name string, std float64, shape shapes.Shape) *model.Variable {
	inGraph := initializer.RandomNormalFn(s, std)
	start := func(g *Graph, shape shapes.Shape) *Node {
		list, _ := s.Store().GetParam(lateKey)
		if late, ok := list.(*lateWeights); ok && shape.DType == dtypes.Float32 {
			late.list = append(late.list, lateWeight{model.JoinPath(s.Scope(), name), std, shape})
			return Zeros(g, shape)
		}
		return inGraph(g, shape)
	}
	return s.WithInitializer(start).VariableWithShape(name, shape)
}

// lateKey is the store's parameter under which Normal finds the list of weights that get their random numbers later.
const lateKey = "/gomm_late_weights"

type lateWeights struct{ list []lateWeight }

type lateWeight struct {
	path  string
	std   float64
	shape shapes.Shape
}

// goBackend is what the Go backend calls itself.
const goBackend = "Go Backend"

// Initialize gives the store's variables their first values, as [model.Store.InitializeVariables] does, which it replaces: the same
// values, where the generator is Philox as on the CPU, in a fraction of the time. There XLA compiles a random number generator for every
// weight, one to two seconds for a model of a hundred; here one for all of them, see normals. The pure Go backend compiles nothing and
// has another generator: it is left alone.
func Initialize(b compute.Backend, store *model.Store) error {
	if b.Name() == goBackend {
		return store.InitializeVariables(b, nil)
	}
	late := &lateWeights{}
	store.SetParam(lateKey, late)
	err := store.InitializeVariables(b, nil)
	store.SetParam(lateKey, nil)
	if err != nil || len(late.list) == 0 {
		return err
	}
	v := store.GetVariable("/" + model.RNGStateVariableName)
	if v == nil {
		return errors.New("nn: the store has no random state: set it before the weights are initialized")
	}
	r := normals{backend: b}
	if r.state, err = v.Value(); err != nil {
		return err
	}
	for _, w := range late.list {
		r.left += 2 * r.aligned(w.shape.Size())
	}
	for _, w := range late.list {
		values, err := r.draw(w.shape.Size(), float32(w.std))
		if err != nil {
			return fmt.Errorf("nn: first values of %s: %w", w.path, err)
		}
		if err := store.GetVariable(w.path).SetValue(tensors.FromFlatDataAndDimensions(values, w.shape.Dimensions...)); err != nil {
			return err
		}
	}
	return v.SetValue(r.state)
}

// normals draws what RandomNormal of GoMLX does, by the Box–Muller transform of uniform numbers u from 0 to 1:
//
//	x = √(−2 log u₁) · cos(2π u₂)        all u₁ of a weight first, then all u₂
//
// The backend makes both factors of one number after another, and they are put together here: so one program does for all shapes.
type normals struct {
	backend compute.Backend
	state   *tensors.Tensor // of the generator
	left    int             // numbers still to be made

	radius []float32 // √(−2 log u) of the numbers at hand
	cosine []float32 // cos(2πu) of the same
}

// block is how many numbers are made at a time: 64 MB of them.
const block = 1 << 23

// aligned is how many numbers the generator makes for n: it makes four at a time (Philox 4×32, Salmon et al. 2011).
func (*normals) aligned(n int) int { return (n + 3) / 4 * 4 }

// draw gives n numbers of N(0, std²).
func (r *normals) draw(n int, std float32) ([]float32, error) {
	values := make([]float32, n)
	if err := r.take(n, func(at int, radius, _ float32) { values[at] = radius }); err != nil {
		return nil, err
	}
	return values, r.take(n, func(at int, _, cosine float32) { values[at] = values[at] * cosine * std })
}

// take reads n numbers, and past those that are left of the last four.
func (r *normals) take(n int, use func(at int, radius, cosine float32)) error {
	for at, end := 0, r.aligned(n); at < end; {
		if len(r.radius) == 0 {
			if err := r.make(); err != nil {
				return err
			}
		}
		k := min(end-at, len(r.radius))
		for i := range min(k, n-at) {
			use(at+i, r.radius[i], r.cosine[i])
		}
		r.radius, r.cosine, at = r.radius[k:], r.cosine[k:], at+k
	}
	return nil
}

// make fills radius and cosine again.
func (r *normals) make() error {
	size := min(r.left, block)
	out, err := CallOnceN(r.backend, func(state *Node) (next, radius, cosine *Node) {
		next, u := RandomUniform(state, shapes.Make(dtypes.Float32, size))
		above := Max(u, Const(u.Graph(), dtypes.Float32.SmallestNonZeroValueForDType()))
		return next, Sqrt(MulScalar(Log(above), -2)), Cos(MulScalar(u, 2*math.Pi))
	}, r.state)
	if err != nil {
		return err
	}
	r.left -= size
	r.state = out[0]
	if r.radius, err = tensors.CopyFlatData[float32](out[1]); err != nil {
		return err
	}
	r.cosine, err = tensors.CopyFlatData[float32](out[2])
	return err
}
