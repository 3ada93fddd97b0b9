package experiment

import (
	"context"
	"fmt"
	"math/rand/v2"

	"gomm/mmlib/data"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// changing are pictures that can be changed at random.
type changing interface {
	Len() int
	Picture(dst []float32, i int, r *rand.Rand)
}

// acceptsViews: any pictures will do, with classes or without.
func acceptsViews(m *models.Model, set data.Set) error {
	if _, ok := set.(changing); !ok {
		return fmt.Errorf("experiment: the examples are not pictures, by whose views a %s is measured: choose a data set of pictures",
			m.Settings.Kind)
	}
	return nil
}

// viewed is what a model makes of pictures without being told what they show.
type viewed struct {
	label      string
	pictures   int
	recognised int               // views that lie nearest to the other view of their picture
	images     eval.Matrix       // of the pictures as they are
	set        labelled          // nil for pictures without classes
	neighbours []eval.Prediction // of the class of each picture by that of the nearest other one
}

// views draws two views of each picture and counts how often a view's nearest neighbour, among all views of 256 pictures,
// is the other view of the same picture. No label is used for that, so it may choose checkpoints. Where pictures have
// classes, the share of those whose nearest neighbour is of their class is reported beside it, and chooses nothing.
func views(_ context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(changing)
	if !ok {
		return nil, acceptsViews(m, set)
	}
	k, err := models.Lookup(m.Settings.Kind)
	if err != nil {
		return nil, err
	}
	v := &viewed{label: k.Label(m.Settings), pictures: pictures.Len()}
	var pair [2]eval.Matrix
	for view := range pair {
		pair[view], err = eval.Run(s, "image", pictures.Len(), func(dst []float32, i int) {
			pictures.Picture(dst, i, rand.New(rand.NewPCG(uint64(i), uint64(view)))) // the same at every checkpoint
		})
		if err != nil {
			return nil, err
		}
	}
	if v.recognised, err = eval.Recognised(pair[0], pair[1], batch); err != nil {
		return nil, err
	}
	if v.set, ok = set.(labelled); !ok {
		return v, nil
	}
	if v.images, err = eval.OnPictures(s, "image", v.set); err != nil {
		return nil, err
	}
	v.neighbours, err = eval.ByNearest(v.images, v.set)
	return v, err
}

// Figures implements [Result].
func (v *viewed) Figures() []Figure {
	total := 2 * v.pictures
	list := []Figure{{
		Key: "view_accuracy", Name: v.label + ", a view recognised among those of 256 pictures", Unit: Share,
		Value: float64(v.recognised) / float64(max(1, total)), Right: v.recognised, Total: total,
	}}
	if v.neighbours != nil {
		a := answers{name: v.label + ", nearest neighbour of the same class", key: "neighbour_accuracy", predictions: v.neighbours}
		list = append(list, a.figure(v.set.Classes().Names()))
	}
	return list
}

// Sections implements [Result]: for a picture of each class, the pictures that the model finds nearest to it.
func (v *viewed) Sections() ([]report.Section, error) {
	originals, ok := v.set.(original)
	if !ok {
		return nil, nil
	}
	names := v.set.Classes().Names()
	asked := eval.FirstOfEachClass(v.set, len(names))
	hits, err := eval.Nearest(v.images.Select(asked), v.images, 1+picturesFound)
	if err != nil {
		return nil, err
	}
	section := report.Section{Title: "Nearest pictures", Text: nearestText}
	for i, example := range asked {
		name := names[v.set.Class(example)]
		g := report.Gallery{Title: v.label + ", " + name, Pictures: []report.Picture{{
			Image: originals.Original(example), Caption: name, Note: "asked for",
		}}}
		for _, h := range hits[i] {
			if h.Item != example && len(g.Pictures) <= picturesFound {
				g.Pictures = append(g.Pictures, report.Picture{
					Image: originals.Original(h.Item), Caption: names[v.set.Class(h.Item)], Note: fmt.Sprintf("%.2f", h.Cosine),
				})
			}
		}
		section.Blocks = append(section.Blocks, g)
	}
	return []report.Section{section}, nil
}

const nearestText = "For the first picture of each class, the pictures whose representations lie nearest to its own, with the cosine. " +
	"The model was never told which class a picture is of."
