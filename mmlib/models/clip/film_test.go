package clip_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/clip"
)

const filmFrames = 3

// smallFilms is small() for films of three frames.
func smallFilms(p clip.Pooling) clip.Config {
	c := small()
	c.Film = clip.FilmConfig{Frames: filmFrames, Pooling: p}
	if p == clip.TemporalPooling {
		c.Film.Transformer = c.Text.Config
		c.Film.Transformer.Width = c.Projection
	}
	return c
}

// films are random ones of 4×4 pixels with a caption each, of which every second one is the one before played in reverse.
type films struct{ n int }

func (f films) Len() int                                     { return f.n }
func (f films) Shape() (frames, height, width, channels int) { return filmFrames, 4, 4, 1 }
func (f films) Picture(dst []float32, i int, _ *rand.Rand) {
	size := len(dst) / filmFrames
	for k := range filmFrames {
		at := k
		if i%2 == 1 {
			at = filmFrames - 1 - k
		}
		pictures{2 * filmFrames * f.n, 1}.Picture(dst[k*size:(k+1)*size], i/2*filmFrames+at, nil)
	}
}
func (f films) Texts(examples []int, _ *rand.Rand) (texts [][]int32, own, group []int32) {
	for n, i := range examples {
		texts, own, group = append(texts, ids(i)), append(own, int32(n)), append(group, int32(i))
	}
	return texts, own, group
}

// tenFilms are the examples, as a predictor takes them.
func tenFilms() []float32 {
	out := make([]float32, 10*filmFrames*16)
	for i := range 10 {
		films{10}.Picture(out[i*filmFrames*16:(i+1)*filmFrames*16], i, nil)
	}
	return out
}

// TestOverfitFilms: ten films are learnt by heart, though each differs from another one by the order of its frames alone. Without
// an order, by mean pooling, every second one is a guess: so the test fails where frames are mixed up or their positions lost.
func TestOverfitFilms(t *testing.T) {
	for _, c := range []struct {
		pooling clip.Pooling
		least   float64 // right of ten
		most    float64
	}{{clip.TemporalPooling, 1, 1}, {clip.MeanPooling, 0.4, 0.6}} {
		job, err := clip.NewPretraining(smallFilms(c.pooling), films{10})
		if err != nil {
			t.Fatal(err)
		}
		dir, weights, last := trained(t, "clip", job, job.Config, initialised(t, job.Config), 150, 3e-3)
		if a := last.Metrics["batch_accuracy"]; a < c.least || a > c.most {
			t.Errorf("%s: after %d steps the accuracy is %g, the loss %g; want %g to %g", c.pooling, last.Step, a, last.Loss, c.least, c.most)
		}
		live, saved := &clip.Predictor{Config: job.Config, Weights: weights}, &clip.Predictor{Config: job.Config, Weights: loaded(t, dir)}
		if !slices.Equal(call(t, saved, "image", 10, tenFilms()), call(t, live, "image", 10, tenFilms())) {
			t.Errorf("%s: the saved and loaded model gives other embeddings", c.pooling)
		}
	}
}

// TestFrameOrder: the mean does not know in which order frames come, the transformer over frames does. A film of one picture is, by
// the mean, that picture.
func TestFrameOrder(t *testing.T) {
	forward, backward := make([]float32, filmFrames*16), make([]float32, filmFrames*16)
	films{2}.Picture(forward, 0, nil)
	films{2}.Picture(backward, 1, nil)
	still := slices.Concat(forward[:16], forward[:16], forward[:16])
	for _, pooling := range []clip.Pooling{clip.MeanPooling, clip.TemporalPooling} {
		c := smallFilms(pooling)
		store := initialised(t, c)
		r := rand.New(rand.NewPCG(5, 5))
		if v := store.GetVariable("/film/position"); v != nil {
			values := make([]float32, v.Shape().Size())
			for i := range values {
				values[i] = float32(r.NormFloat64())
			}
			if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)); err != nil {
				t.Fatal(err)
			}
		}
		out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
			film := clip.EncodeFilm(s, in[0], c)
			film.Frames.AssertDims(3, filmFrames, c.Projection)
			picture := clip.EncodeImage(s, Squeeze(Slice(in[0], AxisRange(), AxisElem(0)), 1), c)
			return []*Node{film.Embeddings, picture.Embeddings}
		}, tensors.FromFlatDataAndDimensions(slices.Concat(forward, backward, still), 3, filmFrames, 4, 4, 1))
		embeddings := slices.Collect(slices.Chunk(out[0], c.Projection))
		apart := func(a, b []float64) (most float64) {
			for k := range a {
				most = max(most, a[k]-b[k], b[k]-a[k])
			}
			return most
		}
		same := pooling == clip.MeanPooling
		if d := apart(embeddings[0], embeddings[1]); same && d > 1e-6 || !same && d < 1e-3 {
			t.Errorf("%s: in reverse the film is %g away", pooling, d)
		}
		if d := apart(embeddings[2], out[1][2*c.Projection:]); same && d > 1e-6 {
			t.Errorf("%s: a film of one picture is %g away from it", pooling, d)
		}
	}
}

// TestFilmFuncs: a model of films reads films of its length, and shows no attention map of one picture.
func TestFilmFuncs(t *testing.T) {
	c := smallFilms(clip.TemporalPooling)
	p := &clip.Predictor{Config: c, Weights: initialised(t, c)}
	for _, f := range p.Funcs() {
		if f.Name == "attention" {
			t.Error("there is an attention map of a film")
		}
		if want := fmt.Sprint([]int{filmFrames, 4, 4, 1}); f.Name == "image" && fmt.Sprint(f.In[0].Dimensions) != want {
			t.Errorf("the function image reads %v, want %s", f.In[0].Dimensions, want)
		}
	}
	s, err := infer.Open(backend, p, []string{"image"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := infer.Call(s, "image", 1, make([]float32, 16)); err == nil {
		t.Error("a picture is taken for a film")
	}
	_, err = clip.NewPretraining(c, pairs{pictures{3, 3}, "meanings"})
	if err == nil || !strings.Contains(err.Error(), "1 frames; the model reads 4×4 pixels, 1 channels, 3 frames") {
		t.Errorf("pictures for a model of films: %v", err)
	}
	check.Error(t, clip.Load(model.NewStore(), c, c.Transformers(), nil), `film.pooling is "transformer"`)
}

func TestFilmValidate(t *testing.T) {
	for want, change := range map[string]func(f *clip.FilmConfig){
		"film.frames is 0: it must be at least 1":     func(f *clip.FilmConfig) { f.Frames = 0 },
		"film.frames is -2":                           func(f *clip.FilmConfig) { f.Frames = -2 },
		`film.pooling is "max": it must be "mean" or`: func(f *clip.FilmConfig) { f.Pooling = "max" },
		`film.pooling is "mean": film.transformer`:    func(f *clip.FilmConfig) { f.Pooling = clip.MeanPooling },
		"film.transformer.layers is 0":                func(f *clip.FilmConfig) { f.Transformer.Layers = 0 },
		"film.transformer.width is 16: it must be projection (8)": func(f *clip.FilmConfig) {
			f.Transformer.Width = 16
		},
		"film.transformer.mlp is 0": func(f *clip.FilmConfig) { f.Transformer.MLP = 0 },
	} {
		c := smallFilms(clip.TemporalPooling)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c.Film)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "clip: "+want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
