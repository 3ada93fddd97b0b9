package experiment

import (
	"context"
	"errors"
	"fmt"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// scaled is a model of a shared space that knows what it multiplies cosines by before a softmax.
type scaled interface{ LogitScale() (float64, error) }

// acceptsZeroShot: pictures of any classes will do, as long as the classes have names and templates, and the model's
// vocabulary their words.
func acceptsZeroShot(m *models.Model, set data.Set) error {
	s, ok := set.(labelled)
	if !ok {
		return errors.New("experiment: the examples have no classes with names, by which a model is measured zero-shot")
	}
	for _, v := range s.Classes() {
		for _, prompts := range v.Prompts() {
			for _, prompt := range prompts {
				if _, err := m.IDs(prompt); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// ZeroShot is what a model of a shared space makes of a set of pictures, without having been trained to classify them.
type ZeroShot struct {
	classified
	languages  captions.Classes
	Images     eval.Matrix            // embeddings of the pictures
	Similarity map[string]eval.Matrix // by language, the cosines of pictures and classes
}

// zeroShot compares pictures with the prompts of every class, in each language (CLIP §3.1).
func zeroShot(_ context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(labelled)
	if !ok {
		return nil, acceptsZeroShot(m, set)
	}
	return MeasureZeroShot(s, m, pictures, pictures.Classes())
}

// MeasureZeroShot compares pictures with the prompts of every class, in each language of the classes.
func MeasureZeroShot(s *infer.Session, m *models.Model, pictures eval.Pictures, classes captions.Classes) (*ZeroShot, error) {
	sc, ok := m.Predictor.(scaled)
	if !ok {
		return nil, fmt.Errorf("experiment: a %s has no space shared by pictures and texts", m.Settings.Kind)
	}
	scale, err := sc.LogitScale()
	if err != nil {
		return nil, err
	}
	k, err := models.Lookup(m.Settings.Kind)
	if err != nil {
		return nil, err
	}
	originals, _ := pictures.(original)
	z := &ZeroShot{languages: classes, Similarity: map[string]eval.Matrix{}, classified: classified{
		session: s, model: m, set: withClasses{pictures, classes}, originals: originals, label: k.Label(m.Settings),
	}}
	if z.Images, err = eval.OnPictures(s, "image", pictures); err != nil {
		return nil, err
	}
	for _, v := range classes {
		vectors, err := ClassVectors(s, m, v.Prompts())
		if err != nil {
			return nil, err
		}
		similarity, err := eval.Similarity(z.Images, vectors)
		if err != nil {
			return nil, err
		}
		// As sure of itself as the model is by its own temperature.
		predictions, err := eval.Predict(eval.Softmax(similarity, scale), pictures)
		if err != nil {
			return nil, err
		}
		z.Similarity[v.Language] = similarity
		z.answers = append(z.answers, answers{"zero-shot, " + languageName(v.Language) + " prompts", "accuracy_" + v.Language, predictions})
	}
	return z, nil
}

// withClasses gives pictures other classes than their own, as those of some languages only.
type withClasses struct {
	eval.Pictures
	classes captions.Classes
}

func (w withClasses) Classes() captions.Classes { return w.classes }

// ClassVectors makes a zero-shot classifier: a vector for each class, of all its prompts, of which every class has as many.
func ClassVectors(s *infer.Session, m *models.Model, prompts [][]string) (eval.Matrix, error) {
	var ids [][]int32
	for class, list := range prompts {
		if len(list) != len(prompts[0]) || len(list) == 0 {
			return eval.Matrix{}, fmt.Errorf("experiment: class %d has %d prompts, class 0 has %d", class, len(list), len(prompts[0]))
		}
		for _, prompt := range list {
			row, err := m.IDs(prompt)
			if err != nil {
				return eval.Matrix{}, err
			}
			ids = append(ids, row)
		}
	}
	if len(ids) == 0 {
		return eval.Matrix{}, errors.New("experiment: there are no classes to tell apart")
	}
	return eval.ClassVectors(s, ids, len(prompts[0]))
}

func languageName(language string) string {
	switch language {
	case "en":
		return "English"
	case "zh":
		return "Chinese"
	}
	return language
}

// Figures implements [Result]: the accuracy in each language, and their mean, by which the best checkpoint is chosen.
func (z *ZeroShot) Figures() []Figure {
	list := z.classified.Figures()
	mean := Figure{Key: "accuracy", Unit: Share}
	for _, f := range list {
		mean.Value += f.Value
	}
	mean.Value /= float64(max(1, len(list)))
	return append(list, mean)
}

// Predictions are the model's answers by the prompts of a language.
func (z *ZeroShot) Predictions(language string) []eval.Prediction {
	for i, v := range z.languages {
		if v.Language == language {
			return z.answers[i].predictions
		}
	}
	return nil
}

// Sections implements [Result].
func (z *ZeroShot) Sections() ([]report.Section, error) {
	similarity, err := z.similaritySection()
	if err != nil {
		return nil, err
	}
	neighbours, err := z.neighboursSection()
	if err != nil {
		return nil, err
	}
	others, err := z.classified.Sections()
	return append(append([]report.Section{similarity}, neighbours...), others...), err
}

func (z *ZeroShot) similaritySection() (report.Section, error) {
	var matrices []report.Matrix
	for _, v := range z.languages {
		means, err := eval.MeanByClass(z.Similarity[v.Language], z.set, len(v.Names))
		if err != nil {
			return report.Section{}, err
		}
		matrices = append(matrices, report.Matrix{
			Title:   languageName(v.Language) + " prompts",
			RowsAre: "pictures of the class", ColumnsAre: "prompts, the mean of all templates",
			Rows: z.names(), Columns: v.Names, Values: means, Diagonal: true,
		})
	}
	return report.Similarity(matrices...), nil
}
