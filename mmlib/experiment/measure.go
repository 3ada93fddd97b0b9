package experiment

import (
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

// batch is the number of examples a call of a compiled function gets in evaluation.
const batch = 256

// Session compiles what [MeasureZeroShot] or [Classify] call of a trained run, and the functions that are named besides.
func Session(b compute.Backend, m *models.Model, more ...string) (*infer.Session, error) {
	return openSession(b, m, m.Config.Task, more...)
}

func openSession(b compute.Backend, p task.Predictor, taskName string, more ...string) (*infer.Session, error) {
	names := []string{"classify"}
	if taskName == models.CLIP {
		names = []string{"image", "text"}
	}
	return infer.Open(b, p, append(names, more...), batch)
}

// ZeroShot is what a CLIP makes of a set of pictures.
type ZeroShot struct {
	Images     eval.Matrix            // embeddings of the pictures
	Similarity map[string]eval.Matrix // language to the cosines of pictures and classes
}

// MeasureZeroShot compares pictures with the prompts of every class, in each of the run's languages.
func MeasureZeroShot(s *infer.Session, c run.Config, t text.Tokenizer, pictures *mnist.Set) (ZeroShot, error) {
	z := ZeroShot{Similarity: map[string]eval.Matrix{}}
	var err error
	if z.Images, err = eval.OnPictures(s, "image", pictures); err != nil {
		return z, err
	}
	for _, language := range c.Data.Captions.Languages {
		classes, err := ClassVectors(s, c.Data.Name, language, t)
		if err != nil {
			return z, err
		}
		if z.Similarity[language], err = eval.Similarity(z.Images, classes); err != nil {
			return z, err
		}
	}
	return z, nil
}

// ClassVectors makes a data set's zero-shot classifier in one language: a vector for each class, of all its prompts.
func ClassVectors(s *infer.Session, data, language string, t text.Tokenizer) (eval.Matrix, error) {
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

// Accuracies are one figure a language, "accuracy_en", and "accuracy", their mean, by which the best checkpoint is chosen.
func (z ZeroShot) Accuracies(truth eval.Labelled) (map[string]float64, error) {
	m := map[string]float64{}
	sum := 0.0
	for language, similarity := range z.Similarity {
		p, err := eval.Predict(similarity, truth)
		if err != nil {
			return nil, err
		}
		m["accuracy_"+language] = eval.Accuracy(p)
		sum += m["accuracy_"+language]
	}
	m["accuracy"] = sum / float64(len(z.Similarity))
	return m, nil
}

// Classify is what a classifier says of a set of pictures.
func Classify(s *infer.Session, pictures *mnist.Set) ([]eval.Prediction, error) {
	p, err := eval.OnPictures(s, "classify", pictures)
	if err != nil {
		return nil, err
	}
	return eval.Predict(p, pictures)
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
		p, err := Classify(v.session, v.job.Validation)
		return map[string]float64{"accuracy": eval.Accuracy(p)}, err
	}
	z, err := MeasureZeroShot(v.session, v.job.Config, v.job.Tokenizer, v.job.Validation)
	if err != nil {
		return nil, err
	}
	return z.Accuracies(v.job.Validation)
}
