package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// spoilt is a task with one example that is not a number.
type spoilt struct {
	fit
	example int
}

func (s *spoilt) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	b, err := s.fit.Batch(examples, r)
	if err == nil && slices.Contains(examples, s.example) {
		bad := slices.Repeat([]float32{float32(math.NaN())}, b.Inputs[0].Size())
		b.Inputs[0] = tensors.FromFlatDataAndDimensions(bad, len(examples), in)
	}
	return b, err
}

// TestNaN: a loss that is not a number ends the training, and what was saved before is whole.
func TestNaN(t *testing.T) {
	c := settings()
	c.SaveEvery = 1
	const seed, examples = 5, 48 // 6 steps an epoch
	last := newOrder(seed, examples, c.BatchSize).at(4)[0]
	f := newFolder(t, seed, c)
	var digests []string
	var tr *Trainer
	x := &spoilt{fit{examples: examples, model: linear}, last}
	tr = trainer(t, x, f, Hooks{Progress: func(Progress) { digests = append(digests, digest(t, tr.Store())) }})
	check.Error(t, tr.Run(context.Background()), "step 4", "the loss is NaN", "training.learning_rate", "training.clip_norm")

	s := model.NewStore()
	step, err := f.Load(s)
	check.Must(t, err)
	if step != 4 || len(digests) != 4 || digest(t, s) != digests[3] {
		t.Errorf("the last checkpoint is of step %d, and %d steps were good; want 4 with its weights", step, len(digests))
	}
	for path, values := range weights(t, s) {
		if slices.ContainsFunc(values, func(x float32) bool { return math.IsNaN(float64(x)) }) {
			t.Errorf("%s was saved with values that are no numbers", path)
		}
	}
}

// TestNaNGradient: the loss can be fine where its gradient is not; the weights are spoilt all the same.
func TestNaNGradient(t *testing.T) {
	c := settings()
	c.SaveEvery = 1
	f := newFolder(t, 1, c)
	zero := func(s *model.Store) error {
		_, err := s.CreateVariable("/weights", tensors.FromFlatDataAndDimensions(make([]float32, in*out), in, out))
		return err
	}
	tr := trainer(t, &fit{examples: 20, model: func(s *model.Scope, x *Node) *Node {
		w := s.VariableWithShape("weights", shapes.Make(x.DType(), in, out)).NodeValue(x.Graph())
		return Add(MatMul(x, w), Sqrt(ReduceAllSum(Square(w)))) // no gradient at 0
	}}, f, Hooks{Init: zero})
	check.Error(t, tr.Run(context.Background()), "step 0", "the gradient's norm is NaN")
	if steps, err := f.Steps(); err != nil || len(steps) > 0 {
		t.Errorf("steps %v were saved (%v), want none", steps, err)
	}
}

func TestCancel(t *testing.T) {
	f := newFolder(t, 1, settings())
	ctx, cancel := context.WithCancel(context.Background())
	tr := trainer(t, &fit{examples: 20, model: linear}, f, Hooks{Progress: func(p Progress) {
		if p.Step == 7 {
			cancel()
		}
	}})
	if err := tr.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run returns %v, want %v", err, context.Canceled)
	}
	saved, err := f.Checkpoints()
	check.Must(t, err)
	if last := saved[len(saved)-1]; last.Step != 7 || last.Digest != digest(t, tr.Store()) {
		t.Errorf("the last checkpoint is of step %d, want 7", last.Step)
	}
	if err := tr.Run(ctx); !errors.Is(err, context.Canceled) || tr.Step() != 7 {
		t.Errorf("Run with a cancelled context returns %v after step %d, want %v after 7", err, tr.Step(), context.Canceled)
	}
}

// TestCancelWhileWaiting cancels when the trainer waits for a batch that takes its time.
func TestCancelWhileWaiting(t *testing.T) {
	c := settings()
	c.Steps = 1000
	f := newFolder(t, 1, c)
	asked, release := make(chan bool), make(chan bool)
	x := &fit{examples: 20, model: linear}
	tr := trainer(t, x, f, Hooks{})
	x.batch = func([]int) error { asked <- true; <-release; return nil }
	for range 12 { // what comes first, the batch or the end, is chance
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- tr.Run(ctx) }()
		<-asked
		cancel()
		release <- true
		for err := error(nil); err == nil; {
			select {
			case err = <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("Run returns %v, want %v", err, context.Canceled)
				}
			case <-asked:
				release <- true
			}
		}
	}
}

func TestTaskErrors(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*fit)
		words  []string
	}{
		"panic in loss": {func(x *fit) { x.model = func(_ *model.Scope, x *Node) *Node { return Reshape(x, 7) } }, []string{"train:", "7"}},
		"words in loss": {func(x *fit) { x.model = func(*model.Scope, *Node) *Node { panic("no such layer") } },
			[]string{"train:", "no such layer"}},
		"no weights": {func(x *fit) {
			x.model = func(_ *model.Scope, x *Node) *Node { return Slice(x, AxisRange(), AxisRange(0, out)) }
		}, []string{"no weight"}},
		"batch fails":    {func(x *fit) { x.batch = func([]int) error { return io.ErrUnexpectedEOF } }, []string{"train:", "unexpected EOF"}},
		"batch panics":   {func(x *fit) { x.batch = func([]int) error { panic("no picture") } }, []string{"no picture"}},
		"nothing to do":  {func(x *fit) { x.examples = 0 }, []string{"no examples"}},
		"loss forgets":   {func(x *fit) { x.metrics = []string{"accuracy"} }, []string{"0 metrics and names 1", "accuracy"}},
		"all is frozen":  {func(*fit) {}, []string{"training.frozen covers them all"}},
		"frozen unknown": {func(*fit) {}, []string{"training.frozen", `"/visoin"`}},
	} {
		t.Run(name, func(t *testing.T) {
			c := settings()
			switch name {
			case "all is frozen":
				c.Frozen = []string{"/hidden", "/out"}
			case "frozen unknown":
				c.Frozen = []string{"/visoin"}
			}
			x := &fit{examples: 20, model: network}
			test.change(x)
			var broken task.Task = x
			if name == "loss forgets" {
				broken = forgetful{x}
			}
			_, err := New(backend(t), broken, newFolder(t, 1, c), Hooks{})
			check.Error(t, err, test.words...)
		})
	}
}

// forgetful names metrics and returns none.
type forgetful struct{ *fit }

func (f forgetful) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	l, _ := f.fit.Loss(s, in)
	return l, nil
}

// TestErrorsOnTheWay: what fails in the middle of a training run is returned, and the last checkpoint is there to go on from.
func TestErrorsOnTheWay(t *testing.T) {
	boom := errors.New("boom")
	at := func(step int64, c run.Training) int { return newOrder(1, 96, c.BatchSize).at(step)[0] } // 12 steps an epoch
	for name, test := range map[string]struct {
		batch func(c run.Training) func([]int) error
		check func(*model.Store, int64) (map[string]float64, error)
		words []string
		saved []int64
	}{
		"batch fails": {
			batch: func(c run.Training) func([]int) error {
				return func(examples []int) error {
					if slices.Contains(examples, at(6, c)) {
						return fmt.Errorf("example 6: %w", boom)
					}
					return nil
				}
			},
			words: []string{"train: step 6: example 6: boom"}, saved: []int64{5},
		},
		"batch panics": {
			batch: func(c run.Training) func([]int) error {
				return func(examples []int) error {
					if slices.Contains(examples, at(6, c)) {
						panic(boom)
					}
					return nil
				}
			},
			words: []string{"train: step 6: boom"}, saved: []int64{5},
		},
		"validation fails": {
			check: func(_ *model.Store, step int64) (map[string]float64, error) {
				if step == 10 {
					return nil, boom
				}
				return nil, nil
			},
			words: []string{"validation after step 10: boom"}, saved: []int64{5},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := settings()
			f := newFolder(t, 1, c)
			x := &fit{examples: 96, model: linear}
			if test.batch != nil {
				x.batch = test.batch(c)
			}
			err := trainer(t, x, f, Hooks{Validate: test.check}).Run(context.Background())
			check.Error(t, err, test.words...)
			if !errors.Is(err, boom) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if steps, err := f.Steps(); err != nil || !slices.Equal(steps, test.saved) {
				t.Errorf("steps %v are saved (%v), want %v", steps, err, test.saved)
			}
		})
	}
	_, err := New(backend(t), &fit{examples: 20, model: network}, newFolder(t, 1, settings()),
		Hooks{Init: func(*model.Store) error { return boom }})
	check.Error(t, err, "train: boom")
}
