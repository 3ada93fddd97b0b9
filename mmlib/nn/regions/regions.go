// Package regions reads pictures region by region (chapter 3.1): it names what is in each, teaches attention where to look, and counts
// them. It works on the tokens of a vision transformer, those of [gomm/mmlib/nn/vision.See], the class token first, whichever model they
// are for.
package regions

import (
	"errors"
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
)

// Config says how a picture is classified (chapter 3.1): its tokens are averaged over a grid of equal regions, and a linear layer
// names the class of each in every attribute. One region and one attribute are plain image classification.
type Config struct {
	Grid    int   `json:"grid"`    // regions along one side
	Classes []int `json:"classes"` // number of classes of each attribute

	// Adjust makes the loss of an attribute blind to what the others of the region tell of it in the training examples, so that pairs
	// that do not occur there can be named elsewhere (logit adjustment, Menon et al. 2021).
	Adjust bool `json:"adjust,omitempty"`
}

// Unknown stands for a class that cannot be told from the picture, which nothing is learnt from.
const Unknown = -1

// Classified are examples whose regions have known classes.
type Classified interface {
	Len() int
	// Classes writes the class of every attribute of every region of example i, region by region; Unknown where there is none.
	Classes(dst []int32, i int)
}

// Validate names the key and the value at fault. side is the number of the picture's tokens along one side.
func (c Config) Validate(side int) error {
	if c.Grid < 1 || side%c.Grid != 0 {
		return fmt.Errorf("grid is %d: it must divide the %d tokens along one side of the picture", c.Grid, side)
	}
	if len(c.Classes) == 0 {
		return errors.New("classes is empty: name the number of classes of each attribute")
	}
	for _, n := range c.Classes {
		if n < 2 {
			return fmt.Errorf("classes has %d: an attribute has at least 2 classes", n)
		}
	}
	return nil
}

// Count is the number of regions.
func (c Config) Count() int { return c.Grid * c.Grid }

// Places is the number of places at which a token of a text can be told to look: the regions, and before them the class token if that is
// one.
func (c Config) Places(class bool) int {
	if class {
		return 1 + c.Count()
	}
	return c.Count()
}

// ClassToken stands among the regions at which a token looks for the picture's class token.
const ClassToken = -1

// Mark writes ones into look [tokens, places] at what says each of the tokens from the given one on, unless that takes all regions. The
// places are those of [Config.Places].
func (c Config) Mark(look []float32, places, from int, tokens [][]int) error {
	if look == nil {
		return nil
	}
	if room := len(look)/places - from; len(tokens) > room {
		return fmt.Errorf("it says where %d tokens look, and there is room for %d", len(tokens), room)
	}
	first := places - c.Count() // the place of the first region
	for i, list := range tokens {
		if len(list) == c.Count() && !slices.Contains(list, ClassToken) { // all of them, which says nothing
			continue
		}
		for _, region := range list {
			if region < -first || region >= c.Count() {
				return fmt.Errorf("it is to look at region %d, and there are %d from 0", region, c.Count())
			}
			look[(from+i)*places+first+region] = 1
		}
	}
	return nil
}

// Grounding is the loss of looking elsewhere than where a token is to be read (attention supervision, as in Gan et al. 2017, VQS,
// arXiv:1708.04686): the mean of
//
//	-1/n Σ log( n · attention to the place, over all heads and blocks )        over the n places, of regions and class token
//
// over the tokens of which the places are known, those of look [B, L, places], as Mark has them: the cross-entropy of attention that is
// spread evenly over them, less its smallest value. share is that of the attention on them all. weights are each block's over the
// picture's tokens, [B, H, L, 1+side²], the class token first.
func (c Config) Grounding(weights []*Node, look *Node) (l, share *Node) {
	var sum *Node
	for _, w := range weights {
		if w = ReduceMean(w, 1); sum == nil {
			sum = w
		} else {
			sum = Add(sum, w)
		}
	}
	b, length, side := look.Shape().Dim(0), look.Shape().Dim(1), c.side(sum.Shape().Dim(2))
	sum = DivScalar(sum, float64(len(weights)))
	patches := Slice(sum, AxisRange(), AxisRange(), AxisRange(1))
	shares := Reshape(ReduceSum(Reshape(patches, b, length, c.Grid, side, c.Grid, side), 3, 5), b, length, c.Count())
	if look.Shape().Dim(2) > c.Count() {
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

// side is the number of tokens along one side of a region, in a picture of so many with the class token.
func (c Config) side(tokens int) int { return int(math.Round(math.Sqrt(float64(tokens-1)))) / c.Grid }

// Labels makes a tensor [B, regions, attributes] of classes.
func (c Config) Labels(p Classified, examples []int) *tensors.Tensor {
	size := c.Count() * len(c.Classes)
	flat := make([]int32, len(examples)*size)
	for n, i := range examples {
		p.Classes(flat[n*size:(n+1)*size], i)
	}
	return tensors.FromFlatDataAndDimensions(flat, len(examples), c.Count(), len(c.Classes))
}

// Logits gives the logits of each attribute, [B, regions, classes], of a picture's tokens [B, 1+side², D], the class token first.
// Weights: "regions/attribute<i>".
func (c Config) Logits(s *model.Scope, tokens *Node) []*Node {
	x := c.means(tokens)
	var logits []*Node
	for i, n := range c.Classes {
		logits = append(logits, nn.Dense(s.At("regions").At("attribute%d", i), x, n, 0.02))
	}
	return logits
}

// means are those of each region's tokens, [B, regions, D], the class token left out.
func (c Config) means(tokens *Node) *Node {
	b, d, side := tokens.Shape().Dim(0), tokens.Shape().Dim(2), c.side(tokens.Shape().Dim(1))
	patches := Slice(tokens, AxisRange(), AxisRange(1))
	return Reshape(ReduceMean(Reshape(patches, b, c.Grid, side, c.Grid, side, d), 2, 4), b, c.Count(), d)
}

// Loss is the mean cross-entropy over attributes and regions, of a picture's tokens and labels [B, regions, attributes]. The logits are
// adjusted by priors.
func (c Config) Loss(s *model.Scope, tokens, labels *Node, known Priors) (l, accuracy *Node) {
	labels = Reshape(labels, -1, len(c.Classes)) // [N, attributes]
	for i, logits := range c.Logits(s, tokens) {
		logits = Reshape(logits, -1, c.Classes[i])
		class := Squeeze(Slice(labels, AxisRange(), AxisElem(i)), -1)
		one, right := loss.Classification(known.adjust(logits, i, labels), class, 0, Unknown), loss.Accuracy(logits, class, Unknown)
		if l == nil {
			l, accuracy = one, right
			continue
		}
		l, accuracy = Add(l, one), Add(accuracy, right)
	}
	n := float64(len(c.Classes))
	return DivScalar(l, n), DivScalar(accuracy, n)
}
