package palm_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/palm"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
	"gomm/mmlib/train"
)

// TestBatch: windows are pieces of the text, a function of r alone, at most a window away from their place; together they cover it.
func TestBatch(t *testing.T) {
	c := small()
	tokens := make([]int32, 100)
	for i := range tokens {
		tokens[i] = int32(i % c.Vocab)
	}
	job, err := palm.NewPretraining(c, tokens)
	check.Must(t, err)
	if job.Len() != 9 { // ⌈99/12⌉
		t.Fatalf("there are %d windows", job.Len())
	}
	examples := []int{0, 3, 8, 8}
	batch := func(r *rand.Rand) []int32 {
		b, err := job.Batch(examples, r)
		check.Must(t, err)
		if b.Inputs[0].Shape().String() != "(Int32)[4, 13]" {
			t.Fatalf("a batch is %s", b.Inputs[0].Shape())
		}
		return tensors.MustCopyFlatData[int32](b.Inputs[0])
	}
	seeded := func(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
	first := batch(seeded(1))
	if !slices.Equal(first, batch(seeded(1))) || slices.Equal(first, batch(seeded(2))) {
		t.Error("a batch is no function of its random numbers alone")
	}
	for row := range slices.Chunk(first, 13) {
		for k := range row[1:] {
			if row[k+1] != (row[k]+1)%int32(c.Vocab) {
				t.Errorf("%v is no piece of the text", row)
			}
		}
	}
	if still := batch(nil); still[0] != tokens[0] || still[13] != tokens[36] || still[26] != tokens[87] {
		t.Errorf("without random numbers the windows are %v", still)
	}
}

func TestRefuses(t *testing.T) {
	c := small()
	_, err := palm.NewPretraining(c, make([]int32, 12))
	check.Error(t, err, "12 tokens", "context of 12", "longer text")
	_, err = palm.NewPretraining(c, append(make([]int32, 20), 24))
	check.Error(t, err, "token 20 of the text is 24", "0 to 23", "vocab")
	c.Vocab = 0
	_, err = palm.NewPretraining(c, make([]int32, 20))
	check.Error(t, err, "vocab is 0")
}

// late is a training with a mistake: the label of each place is the token after the next.
type late struct{ *palm.Pretraining }

func (l late) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	window := in[0]
	n := window.Shape().Dim(1)
	tokens, next := Slice(window, AxisRange(), AxisRange(0, n-2)), Slice(window, AxisRange(), AxisRange(2))
	loss := palm.Loss(palm.Read(s, tokens, l.Config).Logits, next, l.Config)
	return loss, []*Node{loss}
}

// TestOverfit: a model that cannot learn ten windows by heart has a bug. What it has learned it continues from its first tokens. The
// same guard fails for a model trained on labels that are shifted once more, whose loss falls as well.
func TestOverfit(t *testing.T) {
	c := small()
	c.Width, c.MLP = 32, 64
	tokens := text(3, 10*c.Context+1, c.Vocab)
	job, err := palm.NewPretraining(c, tokens)
	check.Must(t, err)
	for name, test := range map[string]struct {
		task  task.Task
		right bool
	}{"as it is": {job, true}, "shifted": {late{job}, false}} {
		store, first, last := fit(t, c, test.task)
		if last > 0.6 || last > first/4 {
			t.Errorf("%s: the loss went from %g to %g: want nearly 0", name, first, last)
		}
		s, err := infer.Open(quick, &palm.Predictor{Config: c, Weights: store}, []string{"step"}, 4)
		check.Must(t, err)
		var prompts, want [][]int32
		for from := range slices.Values([]int{0, 31, 60, 92}) {
			prompts, want = append(prompts, tokens[from:from+5]), append(want, tokens[from+5:from+c.Context+1])
		}
		got, err := infer.Generate(context.Background(), s, (&palm.Predictor{Config: c}).Decoder(), nil, prompts, infer.Sampling{}, nil)
		check.Must(t, err)
		if right := slices.EqualFunc(got, want, slices.Equal); right != test.right {
			t.Errorf("%s: continues %v by %v; what it was trained on is %v", name, prompts, got, want)
		}
	}
}

// fit trains on all windows at once, and returns the weights and the first and the last loss.
func fit(t *testing.T, c palm.Config, job task.Task) (store *model.Store, first, last float64) {
	t.Helper()
	settings, err := json.Marshal(c)
	check.Must(t, err)
	f, err := run.Create(t.TempDir()+"/run", run.Config{Kind: "palm", Seed: 1, Model: settings, Training: &run.Training{
		Steps: 400, BatchSize: job.Len(), LearningRate: 1e-2, Warmup: 10, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1,
		Devices: 1, SaveEvery: 1000, LogEvery: 1000, Keep: 1,
	}}, nil)
	check.Must(t, err)
	start := initialised(t, c)
	trainer, err := train.New(quick, job, f, train.Hooks{
		Init: func(s *model.Store) error {
			for v := range start.IterVariables() {
				if _, err := s.CreateVariable(v.Path(), v.MustValue()); err != nil {
					return err
				}
			}
			return nil
		},
		Progress: func(p train.Progress) {
			if last = p.Loss; p.Step == 1 {
				first = p.Loss
			}
		},
	})
	check.Must(t, err)
	check.Must(t, trainer.Run(t.Context()))
	check.Must(t, f.Close())
	return trainer.Store(), first, last
}
