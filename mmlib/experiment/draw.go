package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// Sample is a picture that a model has drawn.
type Sample struct {
	Caption string
	Codes   []int32   // of the first stage, row by row
	Pixels  []float32 // 0 to 1, [height, width, channels] in a row
	Image   image.Image
	Score   float64 // the cosine of picture and caption, by [RankByCLIP]
}

// Drawing says how pictures are drawn.
type Drawing struct {
	Guidance float64 // how much of what a caption says is exaggerated; 1 is none
	infer.Sampling
}

// plainDrawing is by the probabilities that the model has.
var plainDrawing = Drawing{Guidance: 1, Sampling: infer.Sampling{Temperature: 1, Seed: 1}}

// Artist is a model ready to draw.
type Artist struct {
	Model    *models.Model
	Guidance float64 // how much of what a caption says is exaggerated; 1, which it is at first, is none
	drawer   models.Drawer
	session  *infer.Session
	batch    int
}

// NewArtist compiles a model for drawing so many pictures at once; others are drawn one group after another.
func NewArtist(b compute.Backend, m *models.Model, together int) (*Artist, error) {
	d, ok := m.Predictor.(models.Drawer)
	if !ok {
		return nil, fmt.Errorf("experiment: a %s draws no pictures: use a run of another kind, such as dalle or parti", m.Settings.Kind)
	}
	if together < 1 {
		return nil, fmt.Errorf("experiment: %d pictures at once: there must be at least 1", together)
	}
	names := []string{"step", "drawing"}
	if memory := d.Decoder().Memory; memory != "" {
		names = append(names, memory)
	}
	s, err := infer.Open(b, m, names, together)
	return &Artist{Model: m, Guidance: 1, drawer: d, session: s, batch: together}, err
}

// Draw draws a picture from each caption, as o says. The random numbers of a picture come from o.Seed and its number: a picture does not
// depend on those beside it. each, unless nil, is told how many are done.
func (a *Artist) Draw(ctx context.Context, captions []string, o infer.Sampling, each func(done int)) ([]Sample, error) {
	ids := make([][]int32, len(captions))
	for i, c := range captions {
		var err error
		if ids[i], err = a.Model.Drawing(c); err != nil {
			return nil, err
		}
	}
	return a.draw(ctx, captions, ids, o, each)
}

// draw draws from the captions' ids.
func (a *Artist) draw(ctx context.Context, captions []string, ids [][]int32, o infer.Sampling, each func(int)) ([]Sample, error) {
	var list []Sample
	for start := 0; start < len(ids); start += a.batch {
		end := min(start+a.batch, len(ids))
		about, prompts, err := a.drawer.Begin(ids[start:end], a.Guidance)
		if err != nil {
			return nil, err
		}
		o.FirstRow = start
		tokens, err := infer.Generate(ctx, a.session, a.drawer.Decoder(), about, prompts, o, nil)
		for _, t := range about {
			err = errors.Join(err, t.FinalizeAll())
		}
		if err != nil {
			return nil, err
		}
		drawn, err := a.pictures(captions[start:end], tokens)
		if err != nil {
			return nil, err
		}
		if list = append(list, drawn...); each != nil {
			each(len(list))
		}
	}
	return list, nil
}

// pictures makes pictures of the tokens of codes.
func (a *Artist) pictures(captions []string, tokens [][]int32) ([]Sample, error) {
	f, _ := a.session.Func("drawing")
	var codes []int32
	for i, row := range tokens {
		if len(row) != f.In[0].Size() {
			return nil, fmt.Errorf("experiment: %q gave %d codes, a picture has %d", captions[i], len(row), f.In[0].Size())
		}
		for _, t := range row {
			codes = append(codes, t-a.drawer.FirstCode())
		}
	}
	in := tensors.FromFlatDataAndDimensions(codes, len(tokens), f.In[0].Size())
	out, err := a.session.Call("drawing", in)
	if err = errors.Join(err, in.FinalizeAll()); err != nil {
		return nil, err
	}
	pixels, err := tensors.CopyFlatData[float32](out[0])
	if err = errors.Join(err, out[0].FinalizeAll()); err != nil {
		return nil, err
	}
	list, size, shape := make([]Sample, len(tokens)), f.Out[0].Size(), f.Out[0]
	for i := range list {
		own := pixels[i*size : (i+1)*size]
		list[i] = Sample{
			Caption: captions[i], Codes: codes[i*len(tokens[i]) : (i+1)*len(tokens[i])], Pixels: own,
			Image: Drawn(own, shape.Dim(0), shape.Dim(1), shape.Dim(2)),
		}
	}
	return list, nil
}

// RankByCLIP scores pictures by the cosine to their captions in the space of a model, and sorts each run of so many, those of one caption,
// with the best first (DALL-E, §2.6).
func RankByCLIP(b compute.Backend, m *models.Model, drawn []Sample, candidates int) error {
	if err := errors.Join(has(m, "image", "pictures"), has(m, "text", "texts")); err != nil {
		return err
	}
	size := batchSize(len(drawn))
	s, err := infer.Open(b, m, []string{"image", "text"}, size)
	if err != nil {
		return err
	}
	errs, ids, pixels := make([]error, len(drawn)), make([][]int32, len(drawn)), make([][]float32, len(drawn))
	for i, x := range drawn {
		ids[i], errs[i] = m.IDs(x.Caption)
		if errs[i] == nil {
			pixels[i] = make([]float32, m.Preprocess.Len())
			errs[i] = m.Preprocess.Apply(pixels[i], x.Image)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	pictures, err := eval.Run(s, "image", len(drawn), func(dst []float32, i int) { copy(dst, pixels[i]) })
	if err != nil {
		return err
	}
	texts, err := eval.Run(s, "text", len(drawn), func(dst []int32, i int) { copy(dst, ids[i]) })
	if err != nil {
		return err
	}
	for i := range drawn {
		drawn[i].Score = 0
		for k, x := range pictures.Row(i) {
			drawn[i].Score += float64(x) * float64(texts.Row(i)[k])
		}
	}
	for group := range slices.Chunk(drawn, candidates) {
		slices.SortStableFunc(group, func(x, y Sample) int { return cmp.Compare(y.Score, x.Score) })
	}
	return nil
}
