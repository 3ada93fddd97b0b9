package regions

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// Priors say what the attributes of a region tell of each other in the training examples: Priors[a][b] has, for each class of b and
// each of a, row by row,
//
//	log p(a | b) − log p(a)
//
// nil where nothing is adjusted. Where 2 is never green, a model learns that what is green is no 2, and fails when it is. With logits
// adjusted by what the training examples tell (Menon et al. 2021, Long-tail learning via logit adjustment, arXiv:2007.07314, eq. 10;
// there by the frequency of the classes, here by that of pairs), the loss no longer asks for that: a class that is known not to occur
// with the others is no rival.
type Priors [][][]float32

// adjustExamples is how many examples are counted.
const adjustExamples = 20_000

// Priors counts the classes of the first examples.
func (c Config) Priors(p Classified) Priors {
	if !c.Adjust {
		return nil
	}
	attributes := len(c.Classes)
	counts, single := make([][][]float64, attributes), make([][]float64, attributes)
	for a, n := range c.Classes {
		single[a], counts[a] = make([]float64, n), make([][]float64, attributes)
		for b, m := range c.Classes {
			counts[a][b] = make([]float64, m*n)
		}
	}
	classes := make([]int32, c.Count()*attributes)
	for i := range min(adjustExamples, p.Len()) {
		p.Classes(classes, i)
		for at := 0; at < len(classes); at += attributes {
			region := classes[at : at+attributes]
			for a, class := range region {
				if class == Unknown {
					continue
				}
				single[a][class]++
				for b, other := range region {
					if other != Unknown {
						counts[a][b][int(other)*c.Classes[a]+int(class)]++
					}
				}
			}
		}
	}
	list := make(Priors, attributes)
	for a := range list {
		list[a] = make([][]float32, attributes)
		for b := range list[a] {
			list[a][b] = logRatios(counts[a][b], single[a])
		}
	}
	return list
}

// logRatios are log p(a | b) − log p(a), of counts of pairs, row by row for each class of b, and counts of a. What was never seen has
// been seen a tenth of a time.
func logRatios(pairs, single []float64) []float32 {
	sum := func(list []float64) (s float64) {
		for _, x := range list {
			s += x + rare
		}
		return s
	}
	n, all := len(single), sum(single)
	list := make([]float32, len(pairs))
	for i, x := range pairs {
		row := pairs[i/n*n : i/n*n+n]
		list[i] = float32(math.Log((x+rare)/sum(row)) - math.Log((single[i%n]+rare)/all))
	}
	return list
}

const rare = 0.1

// adjust adds to the logits [N, classes] of attribute a what the classes [N, attributes] of the others tell of it.
func (p Priors) adjust(logits *Node, a int, classes *Node) *Node {
	if p == nil {
		return logits
	}
	n := logits.Shape().Dim(-1)
	for b, flat := range p[a] {
		if b == a {
			continue
		}
		table := Reshape(Const(logits.Graph(), flat), -1, n) // [classes of b, classes of a]
		other := Squeeze(Slice(classes, AxisRange(), AxisElem(b)), -1)
		given := OneHot(other, table.Shape().Dim(0), logits.DType()) // of Unknown: zeros
		logits = Add(logits, Einsum("NM,MK->NK", given, table))
	}
	return logits
}
