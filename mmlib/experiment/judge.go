package experiment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// judged is a result that another model can judge: what was drawn, by one that names classes.
type judged interface {
	judge(ctx context.Context, j *judge, set data.Set) error
}

// judge is a classifier of pictures, or of the regions of pictures, that is no part of the model it judges.
type judge struct {
	backend compute.Backend
	model   *models.Model
	session *infer.Session
	run     *models.Model // that is judged
	options data.Options
	drawing Drawing
}

// newJudge opens the run of a judge.
func newJudge(b compute.Backend, dir string, judgedRun *models.Model, o data.Options) (*judge, error) {
	m, err := models.Open(dir)
	if err != nil {
		return nil, err
	}
	by := "features"
	if _, ok := m.Func("regions"); ok {
		by = "regions"
	} else if _, ok := m.Func("features"); !ok {
		return nil, fmt.Errorf("experiment: %s holds a %s, which cannot judge pictures: train a convnet, or for scenes a fusion of the "+
			"preset scenes-attributes", dir, m.Settings.Kind)
	}
	got, want := m.Preprocess, judgedRun.Preprocess
	same := slices.Equal(got.Mean, want.Mean) && slices.Equal(got.Std, want.Std)
	if got.Size != want.Size || got.Channels != want.Channels || by == "features" && !same {
		return nil, fmt.Errorf("experiment: the judge in %s reads pictures as %+v, and these are %+v", dir, got, want)
	}
	s, err := infer.Open(b, m, []string{by}, batch)
	return &judge{backend: b, model: m, session: s, run: judgedRun, options: o, drawing: plainDrawing}, err
}

// opinion is what a judge finds of pictures.
type opinion struct {
	classes  []int
	features eval.Matrix
}

// knows returns an error unless the judge names the classes that the examples are of, in their order.
func (j *judge) knows(set labelled) error {
	if _, ok := j.session.Func("features"); !ok {
		return fmt.Errorf("experiment: the judge is a %s, which reads the regions of scenes, and the examples are of classes: choose a convnet",
			j.model.Settings.Kind)
	}
	if got, want := set.Classes().Names(), j.model.Classes.Names(); !slices.Equal(got, want) {
		return fmt.Errorf("experiment: the judge names %s, and the examples are of %s: choose a judge that was trained on such pictures",
			strings.Join(want, ", "), strings.Join(got, ", "))
	}
	return nil
}

// on judges n pictures.
func (j *judge) on(n int, picture func(dst []float32, i int)) (opinion, error) {
	return judgeWith(j.session, n, picture)
}

func judgeWith(s *infer.Session, n int, picture func(dst []float32, i int)) (o opinion, err error) {
	f, _ := s.Func("features")
	size := f.In[0].Size()
	o.features = eval.Matrix{Width: f.Out[1].Size()}
	for start := 0; start < n; start += batch {
		count := min(batch, n-start)
		pixels := make([]float32, count*size)
		for i := range count {
			picture(pixels[i*size:(i+1)*size], start+i)
		}
		in := tensors.FromFlatDataAndDimensions(pixels, append([]int{count}, f.In[0].Dimensions...)...)
		out, err := s.Call("features", in)
		if err = errors.Join(err, in.FinalizeAll()); err != nil {
			return o, err
		}
		odds, err1 := tensors.CopyFlatData[float32](out[0])
		features, err2 := tensors.CopyFlatData[float32](out[1])
		if err := errors.Join(err1, err2, out[0].FinalizeAll(), out[1].FinalizeAll()); err != nil {
			return o, err
		}
		for row := range slices.Chunk(odds, f.Out[0].Size()) {
			best := 0
			for k, p := range row {
				if p > row[best] {
					best = k
				}
			}
			o.classes = append(o.classes, best)
		}
		o.features.Rows, o.features.Data = o.features.Rows+count, append(o.features.Data, features...)
	}
	return o, nil
}

// figure is the share of pictures that show what they are to show.
func (j *judge) figure(key, name string, found, wanted []int) Figure {
	f := Figure{Key: key, Name: name, Unit: Share, Total: len(wanted)}
	names := j.model.Classes.Names()
	parts := make([]Part, len(names))
	for i, name := range names {
		parts[i].Name = name
	}
	for i, class := range wanted {
		parts[class].Total++
		if found[i] == class {
			f.Right++
			parts[class].Right++
		}
	}
	f.Parts, f.Value = parts, float64(f.Right)/float64(max(1, f.Total))
	return f
}

// training loads the training split of the judged run's data, as both read it.
func (j *judge) training(ctx context.Context) (labelled, error) {
	split, err := j.trainingSplit(ctx, j.model.Preprocess)
	if err != nil {
		return nil, err
	}
	set, ok := split.(labelled)
	if !ok {
		return nil, fmt.Errorf("experiment: the training examples of %s have no classes, which a judge needs", j.run.Settings.Data)
	}
	return set, nil
}

// trainingSplit loads the training split of the judged run's data, its pictures read as p says.
func (j *judge) trainingSplit(ctx context.Context, p picture.Preprocess) (data.Set, error) {
	o := j.options
	o.Picture = p
	splits, err := j.run.Settings.Data.Load(ctx, o)
	return splits[data.Train], err
}

// fresh trains another network of the judge's size and settings on pictures alone, and gives its opinion of others.
func (j *judge) fresh(ctx context.Context, on *labelledPictures, of labelled) (opinion, error) {
	s := j.model.Settings
	training := *s.Training
	training.SaveEvery, training.Keep = training.Steps, 1
	s.Training, s.Data, s.Init = &training, &given{on}, ""
	k, err := models.Lookup(s.Kind)
	if err != nil {
		return opinion{}, err
	}
	job, err := k.Train(ctx, s, models.Files{}, data.Options{Classes: j.model.Classes})
	if err != nil {
		return opinion{}, err
	}
	dir, err := os.MkdirTemp("", "gomm-judge")
	if err != nil {
		return opinion{}, err
	}
	defer os.RemoveAll(dir)
	f, err := run.Create(filepath.Join(dir, "run"), run.Config{Kind: s.Kind, Seed: s.Seed, Model: []byte(`{}`), Training: s.Training}, nil)
	if err != nil {
		return opinion{}, err
	}
	defer f.Close()
	t, err := train.New(j.backend, job.Task, f, train.Hooks{})
	if err != nil {
		return opinion{}, err
	}
	if err := t.Run(ctx); err != nil {
		return opinion{}, err
	}
	weights := model.NewStore()
	if _, err := f.LoadWeights(weights); err != nil {
		return opinion{}, err
	}
	m, err := k.Open(s, job.Files, weights)
	if err != nil {
		return opinion{}, err
	}
	session, err := infer.Open(j.backend, m, []string{"features"}, batch)
	if err != nil {
		return opinion{}, err
	}
	return judgeWith(session, of.Len(), func(dst []float32, i int) { of.Picture(dst, i, nil) })
}

// labelledPictures are pictures in memory, and the class that each is to show.
type labelledPictures struct {
	preprocess picture.Preprocess
	classes    captions.Classes
	pixels     []float32
	wanted     []int
}

// Len implements data.Set.
func (p *labelledPictures) Len() int { return len(p.wanted) }

// Class is what picture i is to show.
func (p *labelledPictures) Class(i int) int { return p.wanted[i] }

// Classes are those of the judge.
func (p *labelledPictures) Classes() captions.Classes { return p.classes }

// Preprocess is how the judge reads pictures.
func (p *labelledPictures) Preprocess() picture.Preprocess { return p.preprocess }

// Shape is what Picture writes.
func (p *labelledPictures) Shape() (frames, height, width, channels int) {
	return 1, p.preprocess.Size, p.preprocess.Size, p.preprocess.Channels
}

// Picture writes picture i into dst, and never changes it.
func (p *labelledPictures) Picture(dst []float32, i int, _ *rand.Rand) {
	copy(dst, p.pixels[i*p.preprocess.Len():(i+1)*p.preprocess.Len()])
}

// given is a source of pictures in memory.
type given struct{ set *labelledPictures }

func (g *given) String() string  { return "drawings" }
func (g *given) Validate() error { return nil }
func (g *given) Load(context.Context, data.Options) (map[string]data.Set, error) {
	return map[string]data.Set{data.Train: g.set}, nil
}

// collect reads the first n pictures of a set into memory.
func (j *judge) collect(set labelled, n int) *labelledPictures {
	p := &labelledPictures{preprocess: j.model.Preprocess, classes: j.model.Classes}
	p.pixels = make([]float32, n*p.preprocess.Len())
	for i := range n {
		set.Picture(p.pixels[i*p.preprocess.Len():(i+1)*p.preprocess.Len()], i, nil)
		p.wanted = append(p.wanted, set.Class(i))
	}
	return p
}
