package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/text"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// evalBatch is the number of examples a call of a compiled function gets in evaluation.
const evalBatch = 256

// zeroShot is what a CLIP model makes of a set of pictures.
type zeroShot struct {
	images     eval.Matrix            // embeddings of the pictures
	similarity map[string]eval.Matrix // language to the cosines of pictures and classes
}

// measureZeroShot compares pictures with the prompts of every class, in each of the run's languages.
func measureZeroShot(s *infer.Session, c run.Config, t text.Tokenizer, pictures *mnist.Set) (zeroShot, error) {
	z := zeroShot{similarity: map[string]eval.Matrix{}}
	var err error
	if z.images, err = eval.OnPictures(s, "image", pictures); err != nil {
		return z, err
	}
	for _, language := range c.Data.Captions.Languages {
		classes, err := classVectors(s, c.Data.Name, language, t)
		if err != nil {
			return z, err
		}
		if z.similarity[language], err = eval.Similarity(z.images, classes); err != nil {
			return z, err
		}
	}
	return z, nil
}

func classVectors(s *infer.Session, data, language string, t text.Tokenizer) (eval.Matrix, error) {
	prompts, err := models.Prompts(data, language)
	if err != nil {
		return eval.Matrix{}, err
	}
	f, _ := s.Func("text")
	ids, err := models.PromptIDs(t, prompts, f.In[0].Dim(0))
	if err != nil {
		return eval.Matrix{}, err
	}
	return eval.ClassVectors(s, ids, len(prompts[0]))
}

// classify is what a classifier says of a set of pictures.
func classify(s *infer.Session, pictures *mnist.Set) ([]eval.Prediction, error) {
	p, err := eval.OnPictures(s, "classify", pictures)
	if err != nil {
		return nil, err
	}
	return eval.Predict(p, pictures)
}

// functions are what a task's evaluation calls.
func functions(taskName string) []string {
	if taskName == models.CLIP {
		return []string{"image", "text"}
	}
	return []string{"classify"}
}

// validator measures the weights of a training on its validation split. It compiles once, at the first call.
type validator struct {
	backend compute.Backend
	job     *models.Job
	session *infer.Session
}

func (v *validator) measure(weights *model.Store) (map[string]float64, error) {
	if v.job.Validation.Len() == 0 {
		return map[string]float64{}, nil
	}
	if v.session == nil {
		p, err := v.job.Predictor(weights)
		if err != nil {
			return nil, err
		}
		if v.session, err = openSession(v.backend, p, v.job.Config.Task); err != nil {
			return nil, err
		}
	}
	if v.job.Config.Task != models.CLIP {
		p, err := classify(v.session, v.job.Validation)
		return map[string]float64{"accuracy": eval.Accuracy(p)}, err
	}
	z, err := measureZeroShot(v.session, v.job.Config, v.job.Tokenizer, v.job.Validation)
	if err != nil {
		return nil, err
	}
	return z.accuracies(v.job.Validation)
}

func openSession(b compute.Backend, p task.Predictor, taskName string) (*infer.Session, error) {
	return infer.Open(b, p, functions(taskName), evalBatch)
}

// accuracies are one figure a language and "accuracy", their mean, by which the best checkpoint is chosen.
func (z zeroShot) accuracies(truth eval.Labelled) (map[string]float64, error) {
	m := map[string]float64{}
	sum := 0.0
	for language, similarity := range z.similarity {
		p, err := eval.Predict(similarity, truth)
		if err != nil {
			return nil, err
		}
		m["accuracy_"+language] = eval.Accuracy(p)
		sum += m["accuracy_"+language]
	}
	m["accuracy"] = sum / float64(len(z.similarity))
	return m, nil
}

// percentages writes measurements for people: "accuracy 98.40 %, accuracy_en 98.38 %, …".
func percentages(m map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %.2f %%", strings.ReplaceAll(name, "_", " "), 100*m[name]))
	}
	return strings.Join(parts, ", ")
}
