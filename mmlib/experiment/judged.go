package experiment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"gomm/mmlib/data"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
)

// mostDrawn is how many pictures are drawn to be judged.
const mostDrawn = 5000

// judge implements [judged]: it draws a picture from a caption of each of the first examples, and has them judged.
func (d *drawings) judge(ctx context.Context, j *judge, set data.Set) error {
	if facts, ok := set.(requested); ok {
		if err := j.reads(facts); err != nil {
			return err
		}
		return d.judgeFacts(ctx, j, facts)
	}
	real, ok := set.(labelled)
	w, has := set.(withTexts)
	if !ok || !has {
		return errors.New("experiment: the examples have no classes, by which drawings are judged")
	}
	if err := j.knows(real); err != nil {
		return err
	}
	artist, err := NewArtist(j.backend, j.run, 64)
	if err != nil {
		return err
	}
	artist.Guidance = j.drawing.Guidance
	d.how = fmt.Sprintf("Drawn at temperature %g, with guidance %g (1 is none), none left out.", j.drawing.Temperature, j.drawing.Guidance)
	pairs, err := w.Pairs(j.run.Drawing)
	if err != nil {
		return err
	}
	n, r := min(mostDrawn, set.Len()), rand.New(rand.NewPCG(1, 17))
	drawn := &labelledPictures{preprocess: j.model.Preprocess, classes: j.model.Classes}
	ids, names := make([][]int32, n), make([]string, n)
	for i := range n {
		rows, own, _ := pairs.Texts([]int{i}, r)
		ids[i], names[i] = rows[own[0]], real.Classes().Names()[real.Class(i)]
		drawn.wanted = append(drawn.wanted, real.Class(i))
	}
	samples, err := artist.draw(ctx, names, ids, j.drawing.Sampling, nil)
	if err != nil {
		return err
	}
	for _, x := range samples {
		drawn.pixels = append(drawn.pixels, x.Pixels...)
	}
	d.samples = samples[:min(len(samples), 50)]
	if err := d.compare(ctx, j, drawn, real); err != nil {
		return err
	}
	return d.nearest(ctx, j)
}

// compare adds what the judge finds of drawings, beside what it finds of real pictures.
func (d *drawings) compare(ctx context.Context, j *judge, drawn *labelledPictures, real labelled) error {
	training, err := j.training(ctx)
	if err != nil {
		return err
	}
	n := drawn.Len()
	like := j.collect(training, min(n, training.Len()))
	ofDrawn, err := j.on(n, func(dst []float32, i int) { drawn.Picture(dst, i, nil) })
	if err != nil {
		return err
	}
	ofReal, err := j.on(real.Len(), func(dst []float32, i int) { real.Picture(dst, i, nil) })
	if err != nil {
		return err
	}
	ofTraining, err := j.on(like.Len(), func(dst []float32, i int) { like.Picture(dst, i, nil) })
	if err != nil {
		return err
	}
	truth := make([]int, real.Len())
	for i := range truth {
		truth[i] = real.Class(i)
	}
	d.figures = append(d.figures,
		j.figure("judge_accuracy", "drawings that show what was asked for, by the judge", ofDrawn.classes, drawn.wanted),
		j.figure("judge_accuracy_real", "the judge on real pictures", ofReal.classes, truth))
	for _, x := range []struct {
		key, name string
		a, b      eval.Matrix
	}{
		{"frechet_distance", "Fréchet distance of drawings and training pictures", ofDrawn.features, ofTraining.features},
		{"frechet_distance_floor", "Fréchet distance of real pictures and training pictures", ofReal.features, ofTraining.features},
	} {
		distance, err := eval.Frechet(x.a, x.b)
		if err != nil {
			return err
		}
		d.figures = append(d.figures, Figure{Key: x.key, Name: x.name, Value: distance})
	}
	for _, x := range []struct {
		key, name string
		on        *labelledPictures
	}{
		{"classification_accuracy_score", "real pictures named by a network that learnt from drawings alone", drawn},
		{"classification_accuracy_score_real", "…, from as many real pictures", like},
	} {
		found, err := j.fresh(ctx, x.on, real)
		if err != nil {
			return err
		}
		d.figures = append(d.figures, j.figure(x.key, x.name, found.classes, truth))
	}
	return nil
}

// judge implements [judged]: what the judge finds of the originals, and of what their codes give back.
func (c *coded) judge(_ context.Context, j *judge, set data.Set) error {
	if j.drawing != plainDrawing {
		return fmt.Errorf("experiment: guidance is %g and temperature %g, and a %s draws nothing at random: both must be 1", j.drawing.Guidance,
			j.drawing.Temperature, j.run.Settings.Kind)
	}
	if facts, ok := set.(requested); ok {
		if err := j.reads(facts); err != nil {
			return err
		}
		return c.judgeFacts(j, facts)
	}
	real, ok := set.(labelled)
	if !ok {
		return errors.New("experiment: the examples have no classes, by which reconstructions are judged")
	}
	if err := j.knows(real); err != nil {
		return err
	}
	s, err := infer.Open(j.backend, j.run, []string{"codes", "drawing"}, batch)
	if err != nil {
		return err
	}
	size, n := j.model.Preprocess.Len(), real.Len()
	originals := j.collect(real, n)
	back := make([]float32, 0, n*size)
	for part := range slices.Chunk(originals.pixels, batch*size) {
		_, drawn, err := reconstruct(s, part, len(part)/size)
		if err != nil {
			return err
		}
		back = append(back, drawn...)
	}
	for _, x := range []struct {
		key, name string
		pixels    []float32
	}{
		{"judge_accuracy", "reconstructions, by the judge", back}, {"judge_accuracy_real", "the originals, by the judge", originals.pixels},
	} {
		found, err := j.on(n, func(dst []float32, i int) { copy(dst, x.pixels[i*size:(i+1)*size]) })
		if err != nil {
			return err
		}
		c.judgedFigures = append(c.judgedFigures, j.figure(x.key, x.name, found.classes, originals.wanted))
	}
	return nil
}
