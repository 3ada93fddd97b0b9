package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/nn"
)

// LoRA is low-rank adaptation (Hu et al. 2021, arXiv:2106.09685, §4.1): a pretrained matrix W [in, out] stays as it is, and
// what fine-tuning adds to it is the product of two narrow matrices, which alone are trained:
//
//	y = x·W + b + (α/r)·x·A·B          A [in, r] starts from N(0, 1/in), B [r, out] from zero
//
// B is zero, so training starts exactly at the pretrained model. A matrix has r·(in+out) numbers to train instead of in·out.
// (The paper writes h = W₀x + BAx for columns; its B and A are transposed here, and change places.) The paper does not give
// the variance of A; this one gives x·A the variance of x.
//
// The zero value adapts nothing.
type LoRA struct {
	Rank    int      `json:"rank,omitempty"`    // r; 0: nothing is adapted
	Alpha   float64  `json:"alpha,omitempty"`   // α; 0: as large as Rank, so that α/r = 1
	Targets []Target `json:"targets,omitempty"` // the matrices that are adapted; none: query and value (§5.1)
}

// Target names a matrix of a transformer's block that [LoRA] can adapt.
type Target string

// The targets. One adapts the matrix of that name everywhere in a stack: query is that of self-attention and of
// cross-attention.
const (
	Query  Target = "query"   // W^Q
	Key    Target = "key"     // W^K
	Value  Target = "value"   // W^V
	Out    Target = "out"     // W^O
	MLPIn  Target = "mlp_in"  // W₁
	MLPOut Target = "mlp_out" // W₂
)

// Targets lists all targets.
func Targets() []Target { return []Target{Query, Key, Value, Out, MLPIn, MLPOut} }

// Validate names the key and the value at fault, for matrices of a model of that width.
func (l LoRA) Validate(width int) error {
	switch {
	case l.Rank < 0:
		return fmt.Errorf("lora.rank is %d: it must be at least 1, or 0 for no LoRA", l.Rank)
	case l.Rank > width:
		return fmt.Errorf("lora.rank is %d: it must be at most the width, %d; a matrix of that width has no higher rank", l.Rank, width)
	case !(l.Alpha >= 0) || math.IsInf(l.Alpha, 1):
		return fmt.Errorf("lora.alpha is %g: it must be above 0 and finite, or 0 for as large as lora.rank", l.Alpha)
	case l.Rank == 0 && l.Alpha != 0:
		return fmt.Errorf("lora.alpha is %g and lora.rank is 0: set the rank too, or neither", l.Alpha)
	case l.Rank == 0 && len(l.Targets) > 0:
		return fmt.Errorf("lora.targets are %q and lora.rank is 0: set the rank too, or neither", l.Targets)
	}
	for i, t := range l.Targets {
		switch {
		case !slices.Contains(Targets(), t):
			return fmt.Errorf("lora.targets has %q, which is unknown: there are %q", t, Targets())
		case slices.Contains(l.Targets[:i], t):
			return fmt.Errorf("lora.targets has %q twice", t)
		}
	}
	return nil
}

// Adapts reports whether the target is adapted.
func (l LoRA) Adapts(t Target) bool {
	if len(l.Targets) == 0 {
		return l.Rank > 0 && (t == Query || t == Value)
	}
	return l.Rank > 0 && slices.Contains(l.Targets, t)
}

// scale is α/r for matrices of rank r.
func (l LoRA) scale(r int) float64 {
	if l.Alpha == 0 {
		return 1
	}
	return l.Alpha / float64(r)
}

// Adapt adds the low-rank term of a target to y [..., out], which a dense layer in the scope s made of x [..., in]; out may be
// some of the layer's columns, where several matrices lie side by side. If the target is not adapted, it returns y itself.
// Weights: "lora/<target>/a" [in, r] and "lora/<target>/b" [r, out].
func (l LoRA) Adapt(s *model.Scope, t Target, y, x *Node) *Node {
	if !l.Adapts(t) {
		return y
	}
	s = s.At("lora").At("%s", string(t))
	in, out := x.Shape().Dim(-1), y.Shape().Dim(-1)
	a := Weight(s, x, "a", 1/math.Sqrt(float64(in)), in, l.Rank)
	b := weight(s.WithInitializer(initializer.Zero), x, "b", l.Rank, out)
	low := nn.Dense(nn.Dense(x, a, nil, compute.DenseLayoutInputOutputs), b, nil, compute.DenseLayoutInputOutputs)
	return Add(y, MulScalar(low, l.scale(l.Rank)))
}

// loraPath takes the path of a low-rank weight apart: "/block0/attention/qkv/lora/query/a" is the "a" of Query beside the
// weights of layer "/block0/attention/qkv".
func loraPath(path string) (layer string, t Target, name string, ok bool) {
	parts := strings.Split(path, "/")
	n := len(parts)
	if n < 4 || parts[n-3] != "lora" || parts[n-1] != "a" && parts[n-1] != "b" {
		return "", "", "", false
	}
	t = Target(parts[n-2])
	return strings.Join(parts[:n-3], "/"), t, parts[n-1], slices.Contains(Targets(), t)
}

// Merge folds every low-rank term under a path of the store into the matrix beside it, W ← W + (α/r)·A·B, and removes A and B:
// then the layers without LoRA compute the same, at no further cost (§4.1, no additional inference latency). On an error the
// store is not to be used.
func (l LoRA) Merge(s *model.Store, under string) error {
	var paths []string
	for v := range s.IterVariables() {
		if _, _, name, ok := loraPath(v.Path()); ok && name == "a" && strings.HasPrefix(v.Path(), under+"/") {
			paths = append(paths, v.Path())
		}
	}
	for _, path := range paths {
		if err := l.merge(s, path); err != nil {
			return fmt.Errorf("nn: merging %s: %w", path, err)
		}
	}
	return nil
}

// merge folds the term whose A is at that path.
func (l LoRA) merge(s *model.Store, path string) error {
	layer, t, _, _ := loraPath(path)
	other := strings.TrimSuffix(path, "a") + "b"
	var values [3]*tensors.Tensor
	for i, p := range []string{layer + "/weights", path, other} {
		v := s.GetVariable(p)
		if v == nil {
			return fmt.Errorf("there is no %s", p)
		}
		var err error
		if values[i], err = v.Value(); err != nil {
			return err
		}
	}
	sum, err := l.fold(values[0], values[1], values[2], t)
	if err != nil {
		return err
	}
	if err := s.GetVariable(layer + "/weights").SetValue(sum); err != nil {
		return err
	}
	for _, p := range []string{path, other} {
		if err := s.DeleteVariable(p); err != nil {
			return err
		}
	}
	return nil
}

// fold returns w + (α/r)·a·b. Where b is narrower, w [in, columns] is W^Q, W^K and W^V side by side, and the last two are
// equally wide.
func (l LoRA) fold(w, a, b *tensors.Tensor, t Target) (*tensors.Tensor, error) {
	ws, as, bs := w.Shape(), a.Shape(), b.Shape()
	if ws.Rank() != 2 || as.Rank() != 2 || bs.Rank() != 2 || as.Dim(0) != ws.Dim(0) || as.Dim(1) != bs.Dim(0) || bs.Dim(1) > ws.Dim(1) ||
		as.DType != ws.DType || bs.DType != ws.DType {
		return nil, fmt.Errorf("a %s and b %s do not fit the weights %s", as, bs, ws)
	}
	from := 0
	switch columns, part := ws.Dim(1), bs.Dim(1); {
	case t == Key && part < columns:
		from = max(columns-2*part, 0)
	case t == Value:
		from = columns - part
	}
	switch ws.DType {
	case dtypes.Float32:
		return foldFlat[float32](w, a, b, l.scale(as.Dim(1)), from)
	case dtypes.Float64:
		return foldFlat[float64](w, a, b, l.scale(as.Dim(1)), from)
	}
	return nil, fmt.Errorf("the weights are of type %s: convert them to Float32 first", ws.DType)
}

// foldFlat adds scale·a·b to the columns of w from that one on.
func foldFlat[T float32 | float64](w, a, b *tensors.Tensor, scale float64, from int) (*tensors.Tensor, error) {
	var flat [3][]T
	for i, x := range []*tensors.Tensor{w, a, b} {
		var err error
		if flat[i], err = tensors.CopyFlatData[T](x); err != nil {
			return nil, err
		}
	}
	in, columns, r, out := w.Shape().Dim(0), w.Shape().Dim(1), b.Shape().Dim(0), b.Shape().Dim(1)
	for i := range in {
		for j := range out {
			sum := 0.0
			for k := range r {
				sum += float64(flat[1][i*r+k]) * float64(flat[2][k*out+j])
			}
			flat[0][i*columns+from+j] += T(scale * sum)
		}
	}
	return tensors.FromFlatDataAndDimensions(flat[0], in, columns), nil
}
