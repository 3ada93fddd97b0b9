package experiment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data"
	"gomm/mmlib/data/text"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// described is what the measure of pretraining needs of a set, besides pictures.
type described interface {
	data.Set
	Picture(dst []float32, i int, r *rand.Rand)
	Caption(i int, r *rand.Rand) string
	Classes(dst []int32, i int) // of each attribute of each region
	Attributes() []string       // their names
}

// hider is a model of masked language modelling.
type hider interface {
	Hide(ids []int32, r *rand.Rand) []bool
	Shown(shown, token int32, chosen bool) float64
}

func acceptsPretrained(_ *models.Model, set data.Set) error {
	if _, ok := set.(described); !ok {
		return errors.New("experiment: the examples have no captions and classes of regions, by which pretraining is measured")
	}
	return nil
}

// pretrained is the result of measuring pretraining.
type pretrained struct {
	figures []Figure
	notes   []string
}

// Figures implements [Result].
func (p *pretrained) Figures() []Figure { return p.figures }

// Notes implements [noted].
func (p *pretrained) Notes() []string { return p.notes }

// Sections implements [Result].
func (p *pretrained) Sections() ([]report.Section, error) {
	if len(p.notes) == 0 {
		return nil, nil
	}
	return []report.Section{{Title: "The best guesses of hidden words", Empty: strings.Join(p.notes, " ")}}, nil
}

func (p *pretrained) share(key, name string, right, total int) {
	f := Figure{Key: key, Name: name, Unit: Share, Value: float64(right) / float64(max(total, 1)), Right: right, Total: total}
	p.figures = append(p.figures, f)
}

// measurePretrained measures what a pretrained model can do by itself: name the classes of regions, and guess hidden words.
func measurePretrained(_ context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	d, ok := set.(described)
	if !ok {
		return nil, acceptsPretrained(m, set)
	}
	p := &pretrained{}
	if _, ok := s.Func("mask"); ok {
		if err := p.masked(s, m, d); err != nil {
			return nil, err
		}
	}
	if _, ok := s.Func("regions"); ok {
		if err := p.regions(s, d); err != nil {
			return nil, err
		}
	}
	if len(p.figures) > 0 { // of which the first is what the best checkpoint is chosen by
		p.figures = append(p.figures, Figure{Key: "score", Value: p.figures[0].Value, Unit: Share})
	}
	return p, nil
}

// regions measures the share of attributes of regions that are named rightly.
func (p *pretrained) regions(s *infer.Session, d described) error {
	f, _ := s.Func("regions")
	names := d.Attributes()
	each, right := f.Out[0].Size(), make([]int, len(names))
	for start := 0; start < d.Len(); start += batch {
		n := min(batch, d.Len()-start)
		out, err := onPictures(s, "regions", n, func(dst []float32, i int) { d.Picture(dst, start+i, nil) })
		if err != nil {
			return err
		}
		named, err := tensors.CopyFlatData[int32](out)
		if err = errors.Join(err, out.FinalizeAll()); err != nil {
			return err
		}
		labels := make([]int32, each)
		for i := range n {
			d.Classes(labels, start+i)
			for k, label := range labels {
				if named[i*each+k] == label {
					right[k%len(names)]++
				}
			}
		}
	}
	sum := 0
	for _, n := range right {
		sum += n
	}
	total := d.Len() * each
	p.share("region_accuracy", "attributes of regions", sum, total)
	for i, name := range names {
		p.share("region_accuracy_"+name, "– "+name, right[i], total/len(names))
		p.figures[len(p.figures)-1].Detail = true
	}
	return nil
}

// hiddenExamples is how many captions the guessing of hidden words is measured on.
const hiddenExamples = 500

// hidden is a caption with hidden words.
type hidden struct {
	ids, shown []int32
	chosen     []bool
}

// masked measures the share of hidden tokens that are guessed, in sight of the picture and without, beside what can be known of them.
func (p *pretrained) masked(s *infer.Session, m *models.Model, d described) error {
	h, ok := m.Predictor.(hider)
	if !ok {
		return errors.New("experiment: the model does not say how it hides words")
	}
	f, _ := s.Func("mask")
	encode := func(caption string) ([]int32, error) {
		return text.Fixed(m.Tokenizer, caption, f.In[1].Dim(0), text.Refuse)
	}
	n := min(hiddenExamples, d.Len())
	captions := make([]hidden, n)
	var shown []int32
	for i := range captions {
		ids, err := encode(d.Caption(i, nil))
		if err != nil {
			return err
		}
		c := hidden{ids: ids, shown: slices.Clone(ids)}
		c.chosen = h.Hide(c.shown, rand.New(rand.NewPCG(uint64(i), 15)))
		captions[i], shown = c, append(shown, c.shown...)
	}
	picture, err := onPictures(s, "picture", n, func(dst []float32, i int) { d.Picture(dst, i, nil) })
	if err != nil {
		return err
	}
	nothing := tensors.FromShape(picture.Shape())
	for _, way := range []struct {
		key, name string
		picture   *tensors.Tensor
	}{{"masked_accuracy", "hidden words", picture}, {"masked_accuracy_blind", "hidden words, without the picture", nothing}} {
		in := tensors.FromFlatDataAndDimensions(shown, n, len(shown)/n)
		out, err := s.Call("mask", way.picture, in)
		if err = errors.Join(err, in.FinalizeAll(), way.picture.FinalizeAll()); err != nil {
			return err
		}
		guesses, err := tensors.CopyFlatData[int32](out[0])
		if err = errors.Join(err, out[0].FinalizeAll()); err != nil {
			return err
		}
		right, total := 0, 0
		for i, c := range captions {
			for k, chosen := range c.chosen {
				if chosen {
					total++
					if guesses[i*len(c.ids)+k] == c.ids[k] {
						right++
					}
				}
			}
		}
		p.share(way.key, way.name, right, total)
	}
	return p.ceilings(m, d, h, encode, captions)
}

// generated is a set whose captions come from a generator that is known: the probability that the best guess of each hidden token is
// right, by Bayes' rule, of one who sees the picture and of one who does not.
type generated interface {
	Posterior(encode, token func(string) ([]int32, error), noise func(shown, token int32, chosen bool) float64) (
		seeing, blind func(i int, shown []int32, chosen []bool) ([]float64, error), err error)
}

// ceilings adds what the best guesses would reach, where that is known.
func (p *pretrained) ceilings(m *models.Model, d described, h hider, encode func(string) ([]int32, error), captions []hidden) error {
	g, ok := d.(generated)
	if !ok {
		return nil
	}
	seeing, blind, err := g.Posterior(encode, m.Tokenizer.Encode, h.Shown)
	if err != nil {
		p.notes = append(p.notes, fmt.Sprintf("What the best guesses of hidden words would reach is not known here: %v.", err))
		return nil
	}
	for _, way := range []struct {
		key, name string
		best      func(i int, shown []int32, chosen []bool) ([]float64, error)
	}{{"masked_ceiling", "the best guess of hidden words", seeing}, {"masked_ceiling_blind", "the best guess without the picture", blind}} {
		sum, total := 0.0, 0
		for i, c := range captions {
			best, err := way.best(i, c.shown, c.chosen)
			if err != nil {
				return err
			}
			for _, x := range best {
				sum, total = sum+x, total+1
			}
		}
		p.figures = append(p.figures, Figure{Key: way.key, Name: way.name, Value: sum / float64(max(total, 1)), Unit: Share})
	}
	return nil
}
