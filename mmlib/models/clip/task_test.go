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

func (p pictures) Len() int        { return p.n }
func (p pictures) Class(i int) int { return i % p.classes }
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

// captions gives each of the classes `each` captions: start, a word for the caption, the end, padding.
func captions(classes, each int) (list []clip.Caption) {
	for i := range classes * each {
		list = append(list, clip.Caption{IDs: []int32{1, int32(2 + i), 15, 0}, Class: i % classes})
	}
	return list
}

func pretraining(t *testing.T, n, classes, each, perBatch int, sharing clip.Sharing) *clip.Pretraining {
	t.Helper()
	p, err := clip.NewPretraining(small(), pictures{n, classes}, captions(classes, each), perBatch, sharing)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// TestBatch: shapes, each picture's caption is of its class, no caption comes twice, groups are what the sharing says.
func TestBatch(t *testing.T) {
	const classes, each, b = 3, 4, 11
	examples := []int{5, 0, 3, 3, 8, 1, 2, 7, 20, 19, 6}
	for _, sharing := range []clip.Sharing{clip.SharePairs, clip.ShareCaptions, clip.ShareMeanings} {
		p := pretraining(t, 21, classes, each, 6, sharing)
		used := map[int32]bool{}
		for seed := range uint64(20) {
			batch, err := p.Batch(examples, source(seed))
			if err != nil {
				t.Fatal(err)
			}
			shapes := ""
			for _, in := range batch.Inputs {
				shapes += in.Shape().String()
			}
			if want := "(Float32)[11, 4, 4, 1](Int32)[6, 4](Int32)[11](Int32)[11]"; shapes != want || !slices.Equal(batch.Shared, []bool{false, true, false, true}) {
				t.Fatalf("the inputs are %s, shared %v, want %s", shapes, batch.Shared, want)
			}
			ids := tensors.MustCopyFlatData[int32](batch.Inputs[1])
			caption, group := tensors.MustCopyFlatData[int32](batch.Inputs[2]), tensors.MustCopyFlatData[int32](batch.Inputs[3])
			words := map[int32]bool{}
			for u := range 6 {
				words[ids[u*4+1]] = true
			}
			if len(words) != 6 {
				t.Errorf("%d of the 6 captions are different: %v", len(words), ids)
			}
			for n, i := range examples {
				word := ids[caption[n]*4+1]
				used[word] = true
				if class := int(word-2) % classes; class != i%classes {
					t.Errorf("example %d of class %d has a caption of class %d", i, i%classes, class)
				}
				want := map[clip.Sharing]int{clip.SharePairs: n, clip.ShareCaptions: int(caption[n]), clip.ShareMeanings: i % classes}[sharing]
				if int(group[n]) != want {
					t.Errorf("sharing %s: example %d is in group %d, want %d", sharing, i, group[n], want)
				}
			}
		}
		if len(used) != classes*each {
			t.Errorf("20 batches used %d of the %d captions", len(used), classes*each)
		}
	}
}

// TestBatchPure: a batch is a function of its arguments, whoever else calls at the same time.
func TestBatchPure(t *testing.T) {
	classifier, err := clip.NewFinetuning(clip.ClassifierConfig{Vision: small().Vision, Classes: 3}, pictures{21, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range []task.Task{pretraining(t, 21, 3, 4, 6, clip.ShareMeanings), classifier} {
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
// weight; of what a step tells it changes the floor alone, and what counts as right. Sharing among captions of the same
// meaning changes loss and gradient.
func TestSharing(t *testing.T) {
	const metrics = 3
	results := map[clip.Sharing][][]float64{}
	run := step(t, pretraining(t, 12, 3, 2, 6, clip.SharePairs))
	for _, sharing := range []clip.Sharing{clip.SharePairs, clip.ShareCaptions, clip.ShareMeanings} {
		b, err := pretraining(t, 12, 3, 2, 6, sharing).Batch([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, source(3))
		if err != nil {
			t.Fatal(err)
		}
		results[sharing] = run(b)
	}
	// How far the loss, and the gradient relative to its largest number, are from those without sharing.
	apart := func(sharing clip.Sharing) (loss, gradient float64) {
		largest := 0.0
		for i, plain := range results[clip.SharePairs][1+metrics:] {
			for k, want := range plain {
				gradient = max(gradient, math.Abs(results[sharing][1+metrics+i][k]-want))
				largest = max(largest, math.Abs(want))
			}
		}
		return math.Abs(results[sharing][0][0] - results[clip.SharePairs][0][0]), gradient / largest
	}
	if l, g := apart(clip.ShareCaptions); l > 2e-6 || g > 2e-5 {
		t.Errorf("sharing among equal captions moves the loss by %g and the gradient by %g", l, g)
	}
	if l, g := apart(clip.ShareMeanings); l < 1e-3 || g < 1e-2 {
		t.Errorf("sharing among equal meanings moves the loss by %g and the gradient by %g only", l, g)
	}
	floors := []float64{results[clip.SharePairs][1][0], results[clip.ShareCaptions][1][0], results[clip.ShareMeanings][1][0]}
	if floors[0] != 0 || floors[1] <= 0 || math.Abs(floors[2]-math.Log(4)) > 1e-5 {
		t.Errorf("the floors are %v, want 0, more than 0, and ln 4", floors)
	}
}

func TestNewPretrainingErrors(t *testing.T) {
	for _, c := range []struct {
		want     string
		change   func(c *clip.Config)
		pictures clip.Pictures
		captions []clip.Caption
		perBatch int
		sharing  clip.Sharing
	}{
		{want: "clip: projection is 0", change: func(c *clip.Config) { c.Projection = 0 }},
		{want: `sharing "words" is unknown: use "pairs", "captions" or "meanings"`, sharing: "words"},
		{want: "there are no pictures", pictures: pictures{0, 1}},
		{want: "there are no captions", captions: []clip.Caption{}},
		{want: "caption 0 has 3 ids, text.context is 4", captions: []clip.Caption{{IDs: []int32{1, 2, 15}}}},
		{want: "caption 0 has the id 16: it must be at least 0 and below text.vocab (16)", captions: []clip.Caption{{IDs: []int32{1, 16, 15, 0}}}},
		{want: "caption 0 has the id -1", captions: []clip.Caption{{IDs: []int32{1, -1, 15, 0}}}},
		{want: "caption 0 has class -1", captions: []clip.Caption{{IDs: []int32{1, 2, 15, 0}, Class: -1}}},
		{want: "captions per batch is 4: it must be a multiple of the 3 classes", perBatch: 4},
		{want: "captions per batch is 0", perBatch: -1},
		{want: "captions per batch is 9, 3 for each class, but class 0 has only 2 captions", perBatch: 9},
	} {
		config := small()
		if c.change != nil {
			c.change(&config)
		}
		if c.pictures == nil {
			c.pictures = pictures{3, 3}
		}
		if c.captions == nil {
			c.captions = captions(3, 2)
		}
		if c.sharing == "" {
			c.sharing = clip.ShareMeanings
		}
		perBatch := map[int]int{0: 6, -1: 0}
		if n, ok := perBatch[c.perBatch]; ok {
			c.perBatch = n
		}
		_, err := clip.NewPretraining(config, c.pictures, c.captions, c.perBatch, c.sharing)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if _, err := clip.NewPretraining(small(), nil, captions(3, 2), 6, clip.SharePairs); err == nil {
		t.Error("no pictures at all are accepted")
	}
}

// TestUnknownClass: a picture of a class that the model does not know is an error that names it.
func TestUnknownClass(t *testing.T) {
	p, err := clip.NewPretraining(small(), pictures{10, 5}, captions(3, 2), 6, clip.ShareMeanings)
	if err != nil {
		t.Fatal(err)
	}
	f, err := clip.NewFinetuning(clip.ClassifierConfig{Vision: small().Vision, Classes: 3}, pictures{10, 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range []task.Task{p, f} {
		if _, err := job.Batch([]int{0, 1, 9}, source(1)); err == nil || !strings.Contains(err.Error(), "example 9 has class 4") {
			t.Errorf("%T: error %v, want one that names example 9 and class 4", job, err)
		}
	}
	if _, err := clip.NewFinetuning(clip.ClassifierConfig{Vision: small().Vision, Classes: 3}, nil); err == nil {
		t.Error("a classifier without pictures is accepted")
	}
	if _, err := clip.NewFinetuning(clip.ClassifierConfig{Vision: small().Vision}, pictures{10, 5}); err == nil {
		t.Error("a classifier without classes is accepted")
	}
}
