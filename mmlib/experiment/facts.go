package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/infer"
	"gomm/mmlib/report"
)

// requested are examples that captions ask for in several forms, and of whose regions all attributes are known.
type requested interface {
	described
	RequestForms() []string
	// Request is a caption of example i, and what a picture drawn from it must show: the value of every attribute of every region, −1 for
	// what is not said; one of several alternatives.
	Request(i int, form string) (caption string, want [][]int32, err error)
}

// mostRequested is how many pictures are drawn from captions of each form.
const mostRequested = 1000

// judgeFacts has drawings of scenes judged by what is said of them, fact by fact, and real pictures beside them.
func (d *drawings) judgeFacts(ctx context.Context, j *judge, set requested) error {
	artist, err := NewArtist(j.backend, j.run, 64)
	if err != nil {
		return err
	}
	artist.Guidance = j.drawing.Guidance
	d.how = fmt.Sprintf("Drawn at temperature %g, with guidance %g (1 is none), none left out.", j.drawing.Temperature, j.drawing.Guidance)
	n := min(mostRequested, set.Len())
	for _, form := range set.RequestForms() {
		names, wanted := make([]string, n), make([][][]int32, n)
		for i := range n {
			if names[i], wanted[i], err = set.Request(i, form); err != nil {
				return err
			}
		}
		samples, err := artist.Draw(ctx, names, j.drawing.Sampling, nil)
		if err != nil {
			return err
		}
		found, err := j.regions(n, func(dst []float32, i int) { copy(dst, samples[i].Pixels) })
		if err != nil {
			return err
		}
		d.figures = append(d.figures, factFigures(form, set.Attributes(), found, wanted)...)
		d.samples = append(d.samples, samples[:min(n, 20)]...)
	}
	real, err := realFacts(j, set, n)
	d.figures = append(d.figures, real...)
	if err != nil {
		return err
	}
	return d.nearest(ctx, j)
}

// realFacts is how well the judge reads real pictures, which the drawings cannot surpass by much.
func realFacts(j *judge, set requested, n int) ([]Figure, error) {
	all := make([][][]int32, n)
	for i := range n {
		row := make([]int32, j.facts())
		set.Classes(row, i)
		all[i] = [][]int32{row}
	}
	found, err := j.regions(n, func(dst []float32, i int) { set.Picture(dst, i, nil) })
	if err != nil {
		return nil, err
	}
	return factFigures("real", set.Attributes(), found, all)[:1], nil
}

// judgeFacts is what the judge reads from reconstructions, and from the originals.
func (c *coded) judgeFacts(j *judge, set requested) error {
	s, err := infer.Open(j.backend, j.run, []string{"codes", "drawing"}, batch)
	if err != nil {
		return err
	}
	n, size := set.Len(), j.model.Preprocess.Len()
	pixels, wanted := make([]float32, n*size), make([][][]int32, n)
	for i := range n {
		row := make([]int32, j.facts())
		set.Classes(row, i)
		wanted[i] = [][]int32{row}
		set.Picture(pixels[i*size:(i+1)*size], i, nil)
	}
	back := make([]float32, 0, n*size)
	for part := range slices.Chunk(pixels, batch*size) {
		_, drawn, err := reconstruct(s, part, len(part)/size)
		if err != nil {
			return err
		}
		back = append(back, drawn...)
	}
	for _, x := range []struct {
		form   string
		pixels []float32
	}{{"reconstructions", back}, {"real", pixels}} {
		found, err := j.regions(n, func(dst []float32, i int) { copy(dst, x.pixels[i*size:(i+1)*size]) })
		if err != nil {
			return err
		}
		c.judgedFigures = append(c.judgedFigures, factFigures(x.form, set.Attributes(), found, wanted)...)
	}
	return nil
}

// regions reads the attributes of the regions of n pictures, which are given as the judged run has them.
func (j *judge) regions(n int, picture func(dst []float32, i int)) ([][]int32, error) {
	p := j.model.Preprocess
	var found [][]int32
	for start := 0; start < n; start += batch {
		out, err := onPictures(j.session, "regions", min(batch, n-start), func(dst []float32, i int) {
			picture(dst, start+i)
			for k := range dst {
				dst[k] = (dst[k] - p.Mean[k%p.Channels]) / p.Std[k%p.Channels]
			}
		})
		if err != nil {
			return nil, err
		}
		flat, err := tensors.CopyFlatData[int32](out)
		if err = errors.Join(err, out.FinalizeAll()); err != nil {
			return nil, err
		}
		found = slices.AppendSeq(found, slices.Chunk(flat, j.facts()))
	}
	return found, nil
}

// reads returns an error unless the judge reads all attributes of the regions of the examples.
func (j *judge) reads(set requested) error {
	if f, ok := j.session.Func("regions"); !ok || f.Out[0].Dim(1) != len(set.Attributes()) {
		return fmt.Errorf("experiment: the judge is a %s, and the examples are scenes: choose one that reads their attributes, a "+
			"fusion of the preset scenes-attributes", j.model.Settings.Kind)
	}
	return nil
}

// facts is how many facts the judge reads from a picture.
func (j *judge) facts() int {
	f, _ := j.session.Func("regions")
	return f.Out[0].Size()
}

// factFigures are the share of the facts of a form of captions that the pictures show, by attribute, and the share of the pictures that
// show all.
func factFigures(form string, attributes []string, found [][]int32, wanted [][][]int32) []Figure {
	facts := Figure{Key: "facts_accuracy_" + form, Name: form + ": facts that are shown, by the judge", Unit: Share}
	exact := Figure{Key: "pictures_accuracy_" + form, Name: "…, pictures that show all", Unit: Share, Total: len(found)}
	facts.Parts = make([]Part, len(attributes))
	for a, name := range attributes {
		facts.Parts[a].Name = name
	}
	for i, shown := range found {
		best, right := bestOf(shown, wanted[i])
		stated := 0
		for k, v := range best {
			if v < 0 {
				continue
			}
			part := &facts.Parts[k%len(attributes)]
			part.Total, stated = part.Total+1, stated+1
			if shown[k] == v {
				part.Right++
			}
		}
		if facts.Total, facts.Right = facts.Total+stated, facts.Right+right; right == stated {
			exact.Right++
		}
	}
	facts.Value = float64(facts.Right) / float64(max(1, facts.Total))
	exact.Value = float64(exact.Right) / float64(max(1, exact.Total))
	list := []Figure{facts, exact}
	for _, p := range facts.Parts {
		if p.Total > 0 {
			list = append(list, Figure{
				Key: facts.Key + "_" + p.Name, Name: "…, " + p.Name, Unit: Share, Right: p.Right, Total: p.Total,
				Value: float64(p.Right) / float64(p.Total), Detail: true,
			})
		}
	}
	return list
}

// bestOf is the alternative of which most is shown.
func bestOf(shown []int32, alternatives [][]int32) (best []int32, right int) {
	right = -1
	for _, want := range alternatives {
		n := 0
		for k, v := range want {
			if v >= 0 && shown[k] == v {
				n++
			}
		}
		if n > right {
			best, right = want, n
		}
	}
	return best, right
}

// numNeighbors is how many drawings are shown beside their nearest training pictures, among so many.
const (
	numNeighbors = 10
	mostTraining = 10_000
)

// nearest finds the training pictures that are most like the first drawings, so that copying would be seen.
func (d *drawings) nearest(ctx context.Context, j *judge) error {
	split, err := j.trainingSplit(ctx, j.run.Preprocess)
	if err != nil {
		return err
	}
	training, ok := split.(changing)
	if !ok {
		return fmt.Errorf("experiment: the training examples of %s are no pictures", j.run.Settings.Data)
	}
	shown := d.samples[:min(numNeighbors, len(d.samples))]
	best, distance := make([]int, len(shown)), make([]float64, len(shown))
	pixels := make([]float32, j.run.Preprocess.Len())
	for i := range min(mostTraining, training.Len()) {
		if err := ctx.Err(); err != nil {
			return err
		}
		training.Picture(pixels, i, nil)
		for k, x := range shown {
			sum := 0.0
			for at, v := range x.Pixels {
				sum += float64((v - pixels[at]) * (v - pixels[at]))
			}
			if i == 0 || sum < distance[k] {
				best[k], distance[k] = i, sum
			}
		}
	}
	f := j.run.Preprocess
	for k, x := range shown {
		training.Picture(pixels, best[k], nil)
		d.neighbors = append(d.neighbors,
			report.Picture{Image: x.Image, Caption: x.Caption},
			report.Picture{
				Image:   Drawn(pixels, f.Size, f.Size, f.Channels),
				Caption: fmt.Sprintf("training picture %d, mean squared error %.4f", best[k], distance[k]/float64(len(pixels))),
			})
	}
	return nil
}
