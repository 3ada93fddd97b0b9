package experiment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// withTexts are pictures that come with texts.
type withTexts interface {
	data.Set
	changing
	Pairs(captions.Encode) (*captions.Pairs, error)
}

func acceptsDrawings(m *models.Model, set data.Set) error {
	if _, ok := set.(withTexts); !ok {
		return fmt.Errorf("experiment: the examples are not pictures with captions, from which a %s draws", m.Settings.Kind)
	}
	return nil
}

// mostScored is how many examples the probability of pictures is measured on.
const mostScored = 2048

// drawings is what a model that draws makes of captions.
type drawings struct {
	figures []Figure
	samples []Sample
	how     string // they were drawn

	neighbors []report.Picture // drawings, each followed by the training picture that is most like it
}

// Figures implements [Result].
func (d *drawings) Figures() []Figure { return d.figures }

// measureDrawings measures how probable a model finds the pictures of a set, given their captions: nats a code, and of the captions nats
// a token. Captions are drawn at random, the same ones at every checkpoint.
func measureDrawings(ctx context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	w, ok := set.(withTexts)
	drawer, is := m.Predictor.(models.Drawer)
	if !ok || !is {
		return nil, acceptsDrawings(m, set)
	}
	pairs, err := w.Pairs(m.Drawing)
	if err != nil {
		return nil, err
	}
	n, r := min(mostScored, set.Len()), rand.New(rand.NewPCG(1, 16))
	f, _ := s.Func("score")
	sums := make([]float64, len(f.Out)) // the last of the codes, and before it of the captions if they are modelled too
	for start := 0; start < n; start += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		examples := make([]int, min(batch, n-start))
		for i := range examples {
			examples[i] = start + i
		}
		ids, own, _ := pairs.Texts(examples, r)
		var tokens []int32
		for _, k := range own {
			tokens = append(tokens, drawer.Caption(ids[k])...)
		}
		if err := score(s, w, examples, tokens, sums); err != nil {
			return nil, err
		}
	}
	d := &drawings{figures: []Figure{
		{Key: "nats_per_code", Name: "nats a code, given the caption", Value: sums[len(sums)-1] / float64(n), Unit: Nats},
	}}
	if len(sums) > 1 {
		d.figures = append(d.figures, Figure{Key: "nats_per_token", Name: "nats a token of captions", Value: sums[0] / float64(n), Unit: Nats})
	}
	return d, nil
}

// score adds to sums the nats of examples, given the tokens of their captions.
func score(s *infer.Session, w withTexts, examples []int, tokens []int32, sums []float64) error {
	pictures, err := onPictures(s, "codes", len(examples), func(dst []float32, i int) { w.Picture(dst, examples[i], nil) })
	if err != nil {
		return err
	}
	in := tensors.FromFlatDataAndDimensions(tokens, len(examples), len(tokens)/len(examples))
	out, err := s.Call("score", in, pictures)
	if err = errors.Join(err, in.FinalizeAll(), pictures.FinalizeAll()); err != nil {
		return err
	}
	for k, t := range out {
		nats, err := tensors.CopyFlatData[float32](t)
		if err = errors.Join(err, t.FinalizeAll()); err != nil {
			return err
		}
		for _, x := range nats {
			sums[k] += float64(x)
		}
	}
	return nil
}

// Sections implements [Result].
func (d *drawings) Sections() ([]report.Section, error) {
	if len(d.samples) == 0 {
		return nil, nil
	}
	g := report.Gallery{Title: "Drawn from captions"}
	for _, x := range d.samples {
		g.Pictures = append(g.Pictures, report.Picture{Image: x.Image, Caption: x.Caption})
	}
	sections := []report.Section{{Title: "Drawings", Text: d.how, Blocks: []report.Block{g}}}
	if len(d.neighbors) > 0 {
		sections = append(sections, report.Section{
			Title: "Drawings and the nearest training pictures", Text: neighborsText,
			Blocks: []report.Block{report.Gallery{Title: "Each drawing, and what is most like it", Pictures: d.neighbors}},
		})
	}
	return sections, nil
}

var neighborsText = fmt.Sprintf("The first drawings, each beside the one of the first %d training pictures whose pixels differ least: "+
	"a drawing that equals one would be a copy.", mostTraining)
