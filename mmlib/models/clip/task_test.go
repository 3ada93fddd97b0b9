package clip_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/task"
)

// pictures are random ones of 4×4 pixels; example i has class i mod classes. With r they get a random brightness.
type pictures struct{ n, classes int }

func (p pictures) Len() int                                     { return p.n }
func (p pictures) Class(i int) int                              { return i % p.classes }
func (p pictures) Shape() (frames, height, width, channels int) { return 1, 4, 4, 1 }
func (p pictures) Picture(dst []float32, i int, r *rand.Rand) {
	own := rand.New(rand.NewPCG(7, uint64(i)))
	for k := range dst {
		dst[k] = float32(own.NormFloat64())
	}
	if r != nil {
		light := r.Float32() * 0.1
		for k := range dst {
			dst[k] += light
		}
	}
}

// pairs caption pictures by their classes: each class has two captions, and a batch holds all of them.
type pairs struct {
	pictures
	sharing string // "pairs", "captions", "meanings"
}

const each = 2 // captions of a class

// ids is caption k: start, a word for the caption, the end, padding.
func ids(k int) []int32 { return []int32{1, int32(2 + k), 15, 0} }

func (p pairs) Texts(examples []int, r *rand.Rand) (texts [][]int32, own, group []int32) {
	for k := range p.classes * each {
		texts = append(texts, ids(k))
	}
	for n, i := range examples {
		class := int32(p.Class(i))
		own = append(own, class*each+r.Int32N(each))
		group = append(group, map[string]int32{"pairs": int32(n), "captions": own[n], "meanings": class}[p.sharing])
	}
	return texts, own, group
}

func pretraining(t *testing.T, n, classes int, sharing string) *clip.Pretraining {
	t.Helper()
	p, err := clip.NewPretraining(small(), pairs{pictures{n, classes}, sharing})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// TestBatch: the shapes of a batch, which inputs all devices share, and each text where the data put it.
func TestBatch(t *testing.T) {
	examples := []int{5, 0, 3, 3, 8, 1, 2, 7, 20, 19, 6}
	batch, err := pretraining(t, 21, 3, "meanings").Batch(examples, source(1))
	if err != nil {
		t.Fatal(err)
	}
	shapes := ""
	for _, in := range batch.Inputs {
		shapes += in.Shape().String()
	}
	if want := "(Float32)[11, 4, 4, 1](Int32)[6, 4](Int32)[11](Int32)[11]"; shapes != want ||
		!slices.Equal(batch.Shared, []bool{false, true, false, true}) {
		t.Fatalf("the inputs are %s, shared %v, want %s", shapes, batch.Shared, want)
	}
	texts := tensors.MustCopyFlatData[int32](batch.Inputs[1])
	own, group := tensors.MustCopyFlatData[int32](batch.Inputs[2]), tensors.MustCopyFlatData[int32](batch.Inputs[3])
	for n, i := range examples {
		if class := int(texts[own[n]*4+1]-2) / each; class != i%3 || int(group[n]) != i%3 {
			t.Errorf("example %d of class %d has a caption of class %d and the group %d", i, i%3, class, group[n])
		}
	}
}

// TestBatchPure: a batch is a function of its arguments, whoever else calls at the same time.
func TestBatchPure(t *testing.T) {
	classifier, err := clip.NewFinetuning(clip.ClassifierConfig{Vision: small().Vision, Classes: 3}, pictures{21, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range []task.Task{pretraining(t, 21, 3, "meanings"), classifier} {
		content := func(seed uint64) string {
			b, err := job.Batch([]int{4, 1, 9}, source(seed))
			if err != nil {
				return err.Error()
			}
			text := ""
			for _, in := range b.Inputs {
				text += fmt.Sprint(in.Value())
			}
			return text
		}
		want := content(1)
		if content(2) == want {
			t.Errorf("%T: another seed gives the same batch", job)
		}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				if got := content(1); got != want {
					t.Errorf("%T: the same arguments give %s and %s", job, want, got)
				}
			})
		}
		wait.Wait()
	}
}

// step returns a function of a batch: the loss, its metrics, and the gradient at every weight of a model that stays the same.
func step(t *testing.T, job task.Task) func(task.Batch) [][]float64 {
	run := nntest.Compile(t, backend, initialised(t, small()), func(s *model.Scope, in []*Node) []*Node {
		l, metrics := job.Loss(s, in)
		if len(metrics) != len(job.Metrics()) {
			t.Errorf("there are %d metrics, %q have names", len(metrics), job.Metrics())
		}
		var weights []*Node
		for v := range s.Store().IterVariables() {
			weights = append(weights, v.NodeValue(l.Graph()))
		}
		return append(append([]*Node{l}, metrics...), Gradient(l, weights...)...)
	})
	return func(b task.Batch) [][]float64 { return run(b.Inputs...) }
}

// TestSharing: through the whole model, sharing among equal captions changes neither the loss nor the gradient at any
// weight; of what a step reports it changes the floor alone, and what counts as right. Sharing among captions of the same
// meaning changes loss and gradient.
func TestSharing(t *testing.T) {
	const metrics = 3
	results := map[string][][]float64{}
	run := step(t, pretraining(t, 12, 3, "pairs"))
	for _, sharing := range []string{"pairs", "captions", "meanings"} {
		b, err := pretraining(t, 12, 3, sharing).Batch([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, source(3))
		if err != nil {
			t.Fatal(err)
		}
		results[sharing] = run(b)
	}
	// How far the loss, and the gradient relative to its largest number, are from those without sharing.
	apart := func(sharing string) (loss, gradient float64) {
		largest := 0.0
		for i, plain := range results["pairs"][1+metrics:] {
			for k, want := range plain {
				gradient = max(gradient, math.Abs(results[sharing][1+metrics+i][k]-want))
				largest = max(largest, math.Abs(want))
			}
		}
		return math.Abs(results[sharing][0][0] - results["pairs"][0][0]), gradient / largest
	}
	if l, g := apart("captions"); l > 2e-6 || g > 2e-5 {
		t.Errorf("sharing among equal captions moves the loss by %g and the gradient by %g", l, g)
	}
	if l, g := apart("meanings"); l < 1e-3 || g < 1e-2 {
		t.Errorf("sharing among equal meanings moves the loss by %g and the gradient by %g only", l, g)
	}
	floors := []float64{results["pairs"][1][0], results["captions"][1][0], results["meanings"][1][0]}
	if floors[0] != 0 || floors[1] <= 0 || math.Abs(floors[2]-math.Log(4)) > 1e-5 {
		t.Errorf("the floors are %v, want 0, more than 0, and ln 4", floors)
	}
}

// spoilt are pairs whose shape or texts are what a test makes of them.
type spoilt struct {
	pairs
	shape [4]int
	texts func([][]int32, []int32, []int32) ([][]int32, []int32, []int32)
}

func (s spoilt) Shape() (frames, height, width, channels int) {
	return s.shape[0], s.shape[1], s.shape[2], s.shape[3]
}

func (s spoilt) Texts(examples []int, r *rand.Rand) ([][]int32, []int32, []int32) {
	return s.texts(s.pairs.Texts(examples, r))
}

func TestNewPretrainingErrors(t *testing.T) {
	type texts = [][]int32
	for _, c := range []struct {
		want  string
		spoil func(c *clip.Config, p *spoilt)
	}{
		{"clip: projection is 0", func(c *clip.Config, _ *spoilt) { c.Projection = 0 }},
		{"clip: there are no pictures", func(_ *clip.Config, p *spoilt) { p.n = 0 }},
		{"the data gives pictures of 4×8 pixels, 1 channels, 1 frames; the model reads 4×4", func(_ *clip.Config, p *spoilt) { p.shape[1] = 8 }},
		{"8×4 pixels", func(_ *clip.Config, p *spoilt) { p.shape[2] = 8 }},
		{"3 channels", func(_ *clip.Config, p *spoilt) { p.shape[3] = 3 }},
		{"2 frames", func(_ *clip.Config, p *spoilt) { p.shape[0] = 2 }},
		{"a text has 3 ids, text.context is 4", func(_ *clip.Config, p *spoilt) {
			p.texts = func(_ texts, own, group []int32) (texts, []int32, []int32) { return texts{{1, 2, 15}}, own, group }
		}},
		{"the id 16: it must be at least 0 and below text.vocab (16)", func(_ *clip.Config, p *spoilt) {
			p.texts = func(_ texts, own, group []int32) (texts, []int32, []int32) { return texts{{1, 16, 15, 0}}, own, group }
		}},
		{"the id -1", func(_ *clip.Config, p *spoilt) {
			p.texts = func(_ texts, own, group []int32) (texts, []int32, []int32) { return texts{{1, -1, 15, 0}}, own, group }
		}},
		{"example 0 has the text number 6 of 6", func(_ *clip.Config, p *spoilt) {
			p.texts = func(ids texts, _, group []int32) (texts, []int32, []int32) { return ids, []int32{6}, group }
		}},
		{"0 texts and 1 groups for 1 pictures", func(_ *clip.Config, p *spoilt) {
			p.texts = func(ids texts, _, group []int32) (texts, []int32, []int32) { return ids, nil, group }
		}},
	} {
		config := small()
		p := spoilt{pairs{pictures{3, 3}, "meanings"}, [4]int{1, 4, 4, 1}, func(ids texts, own, group []int32) (texts, []int32, []int32) {
			return ids, own, group
		}}
		if _, err := clip.NewPretraining(config, p); err != nil {
			t.Fatal(err)
		}
		c.spoil(&config, &p)
		_, err := clip.NewPretraining(config, p)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if _, err := clip.NewPretraining(small(), nil); err == nil {
		t.Error("no pictures at all are accepted")
	}
}

// TestFinetuningErrors: a picture of a class that the model does not know is an error that names it, as are pictures of
// another shape.
func TestFinetuningErrors(t *testing.T) {
	config := clip.ClassifierConfig{Vision: small().Vision, Classes: 3}
	f, err := clip.NewFinetuning(config, pictures{10, 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Batch([]int{0, 1, 9}, source(1)); err == nil || !strings.Contains(err.Error(), "example 9 has class 4") {
		t.Errorf("error %v, want one that names example 9 and class 4", err)
	}
	if _, err := clip.NewFinetuning(config, nil); err == nil {
		t.Error("a classifier without pictures is accepted")
	}
	if _, err := clip.NewFinetuning(clip.ClassifierConfig{Vision: small().Vision}, pictures{10, 5}); err == nil {
		t.Error("a classifier without classes is accepted")
	}
	config.Vision.ImageSize = 8
	if _, err := clip.NewFinetuning(config, pictures{10, 5}); err == nil || !strings.Contains(err.Error(), "4×4 pixels") {
		t.Errorf("error %v, want one that names the shape", err)
	}
}
