package fusion

import (
	"errors"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/task"
)

// Regions say how a picture is classified (chapter 3.1): its tokens are averaged over a grid of equal regions, and a linear layer
// names the class of each in every attribute. One region and one attribute are plain image classification.
type Regions struct {
	Grid    int   `json:"grid"`    // regions along one side
	Classes []int `json:"classes"` // number of classes of each attribute

	// Adjust makes the loss of an attribute blind to what the others of the region tell of it in the training examples, so that pairs
	// that do not occur there can be named elsewhere (logit adjustment, Menon et al. 2021).
	Adjust bool `json:"adjust,omitempty"`
}

// Unknown stands for a class that cannot be told from the picture, which nothing is learnt from.
const Unknown = -1

// Regional are pictures whose regions have known classes.
type Regional interface {
	task.Pictures
	// Classes writes the class of every attribute of every region of example i, region by region; Unknown where there is none.
	Classes(dst []int32, i int)
}

func (r Regions) validate(c Config) error {
	if r.Grid < 1 || c.Grid()%r.Grid != 0 {
		return fmt.Errorf("fusion: regions.grid is %d: it must divide the %d tokens along one side of the picture", r.Grid, c.Grid())
	}
	if len(r.Classes) == 0 {
		return errors.New("fusion: regions.classes is empty: name the number of classes of each attribute")
	}
	for _, n := range r.Classes {
		if n < 2 {
			return fmt.Errorf("fusion: regions.classes has %d: an attribute has at least 2 classes", n)
		}
	}
	return nil
}

// Count is the number of regions.
func (r Regions) Count() int { return r.Grid * r.Grid }

// ClassToken stands among the regions of [Passage.Look] for the picture's class token.
const ClassToken = -1

// mark writes ones into look [tokens, places] at what says each of the tokens from the given one on, unless that takes all regions. The
// places are the regions, and if there is one more the class token before them.
func (r Regions) mark(look []float32, places, from int, tokens [][]int) error {
	if look == nil {
		return nil
	}
	if room := len(look)/places - from; len(tokens) > room {
		return fmt.Errorf("it says where %d tokens look, and there is room for %d", len(tokens), room)
	}
	first := places - r.Count() // the place of the first region
	for i, regions := range tokens {
		if len(regions) == r.Count() && !slices.Contains(regions, ClassToken) { // all of them, which says nothing
			continue
		}
		for _, region := range regions {
			if region < -first || region >= r.Count() {
				return fmt.Errorf("it is to look at region %d, and there are %d from 0", region, r.Count())
			}
			look[(from+i)*places+first+region] = 1
		}
	}
	return nil
}

// grounding is the loss of looking elsewhere than where a token is to be read (attention supervision, as in Gan et al. 2017, VQS,
// arXiv:1708.04686): the mean of
//
//	-1/n Σ log( n · attention to the place, over all heads and blocks )        over the n places, of regions and class token
//
// over the tokens of which the places are known, those of look [B, L, places], as mark has them: the cross-entropy of attention that is
// spread evenly over them, less its smallest value. share is that of the attention on them all. weights are each block's over the
// picture's tokens, [B, H, L, 1+Grid²], the class token first.
func (r Regions) grounding(weights []*Node, look *Node, c Config) (l, share *Node) {
	var sum *Node
	for _, w := range weights {
		if w = ReduceMean(w, 1); sum == nil {
			sum = w
		} else {
			sum = Add(sum, w)
		}
	}
	b, length, side := look.Shape().Dim(0), look.Shape().Dim(1), c.Grid()/r.Grid
	sum = DivScalar(sum, float64(len(weights)))
	patches := Slice(sum, AxisRange(), AxisRange(), AxisRange(1))
	shares := Reshape(ReduceSum(Reshape(patches, b, length, r.Grid, side, r.Grid, side), 3, 5), b, length, r.Count())
	if look.Shape().Dim(2) > r.Count() {
		class := Slice(sum, AxisRange(), AxisRange(), AxisRange(0, 1))
		shares = Concatenate([]*Node{class, shares}, -1)
	}
	known := ReduceMax(look, -1)
	share = ReduceSum(Mul(shares, look), -1)
	n := ReduceAndKeep(look, ReduceSum, -1)
	each := Div(Mul(Log(AddScalar(Mul(shares, n), 1e-6)), look), MaxScalar(n, 1))
	mean := func(x *Node) *Node { return Div(ReduceAllSum(Mul(x, known)), MaxScalar(ReduceAllSum(known), 1)) }
	return Neg(mean(ReduceSum(each, -1))), mean(share)
}

// labels makes a tensor [B, regions, attributes] of classes.
func (r Regions) labels(p Regional, examples []int) *tensors.Tensor {
	size := r.Grid * r.Grid * len(r.Classes)
	flat := make([]int32, len(examples)*size)
	for n, i := range examples {
		p.Classes(flat[n*size:(n+1)*size], i)
	}
	return tensors.FromFlatDataAndDimensions(flat, len(examples), r.Grid*r.Grid, len(r.Classes))
}

// Logits gives the logits of each attribute, [B, regions, classes]. Weights: "regions/attribute<i>".
func (r Regions) Logits(s *model.Scope, p Picture, c Config) []*Node {
	b, d, side := p.Tokens.Shape().Dim(0), p.Tokens.Shape().Dim(2), c.Grid()/r.Grid
	patches := Slice(p.Tokens, AxisRange(), AxisRange(1)) // without the class token
	x := ReduceMean(Reshape(patches, b, r.Grid, side, r.Grid, side, d), 2, 4)
	x = Reshape(x, b, r.Grid*r.Grid, d)
	var logits []*Node
	for i, n := range r.Classes {
		logits = append(logits, nn.Dense(s.At("regions").At("attribute%d", i), x, n, 0.02))
	}
	return logits
}

// loss is the mean cross-entropy over attributes and regions; labels [B, regions, attributes]. The logits are adjusted by priors.
func (r Regions) loss(s *model.Scope, p Picture, labels *Node, known priors, c Config) (l, accuracy *Node) {
	labels = Reshape(labels, -1, len(r.Classes)) // [N, attributes]
	for i, logits := range r.Logits(s, p, c) {
		logits = Reshape(logits, -1, r.Classes[i])
		class := Squeeze(Slice(labels, AxisRange(), AxisElem(i)), -1)
		one, right := loss.Classification(known.adjust(logits, i, labels), class, 0, Unknown), loss.Accuracy(logits, class, Unknown)
		if l == nil {
			l, accuracy = one, right
			continue
		}
		l, accuracy = Add(l, one), Add(accuracy, right)
	}
	n := float64(len(r.Classes))
	return DivScalar(l, n), DivScalar(accuracy, n)
}
