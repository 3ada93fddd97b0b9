// Package train optimises any task.Task: one loop for all models, which knows none of them.
//
// A step is one compiled graph: forward, loss, gradients, AdamW. Batches are prepared ahead in a goroutine; examples,
// augmentation and learning rate are functions of the seed and the step, and all other state is in the checkpoint. So a
// run that is killed at any moment and resumed ends with the same weights, bit by bit, as one that was never stopped (on
// the same backend with the same number of devices).
//
// Fine-tuning is training with [Hooks.Init]: [Compare] tells which of the loaded weights fit. What training.frozen names, or Init
// made not trainable, stays as it is; training.layer_decay gives every layer a learning rate of its own.
package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gomm/mmlib/nn"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// Progress is what a trainer reports after each step.
type Progress struct {
	Step, Steps       int64
	Loss              float64
	Metrics           map[string]float64
	ExamplesPerSecond float64 // of the steps since the trainer started, compilation left out
}

// Hooks are the caller's part in a training; each may be nil.
type Hooks struct {
	// Init fills an empty store with the weights to start from; without it they start at random.
	Init func(*model.Store) error
	// Validate measures the weights, at least at every checkpoint; the result goes into metrics.jsonl and the checkpoint.
	Validate func(weights *model.Store, step int64) (map[string]float64, error)
	// Progress is called after every step.
	Progress func(Progress)
}

// Trainer is one training, fresh or resumed.
type Trainer struct {
	backend compute.Backend
	task    task.Task
	folder  *run.Folder
	config  run.Training
	seed    uint64
	hooks   Hooks

	devices devices
	store   *model.Store
	exec    *model.Exec
	step    int64    // steps done
	saved   int64    // step of the last checkpoint, -1 for none
	waiting patience // of early stopping
}

// New prepares a training in a folder opened for writing (run.Create or run.Resume). A folder with checkpoints is resumed
// from the newest good one. Nothing is compiled before Run.
func New(b compute.Backend, t task.Task, f *run.Folder, h Hooks) (*Trainer, error) {
	c := f.Config()
	if c.Training == nil {
		return nil, fmt.Errorf("train: %s holds weights that came from elsewhere and no settings to train them by: start another run from it",
			f.Path())
	}
	tr, err := newTrainer(b, t, *c.Training, c.Seed, h)
	if err != nil {
		return nil, err
	}
	tr.folder = f
	if c.Training.Patience > 0 && (h.Validate == nil || f.Best == "") {
		return nil, fmt.Errorf("train: training.patience is %d, and no measure is taken that could get better: set it to 0", c.Training.Patience)
	}
	if err := task.Try(tr.prepare); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return tr, nil
}

// Check builds the graph of one step and throws it away: it returns the error that a run with these settings would begin
// with, before the run has a folder. init, which may be nil, is what [Hooks.Init] will be.
func Check(b compute.Backend, t task.Task, c run.Training, seed uint64, init func(*model.Store) error) error {
	tr, err := newTrainer(b, t, c, seed, Hooks{Init: init})
	if err != nil {
		return err
	}
	err = task.Try(func() error {
		inputs, _, err := tr.firstInputs()
		if err != nil {
			return err
		}
		scratch := model.NewStore()
		defer scratch.Finalize()
		if err := tr.begin(scratch); err != nil {
			return err
		}
		return tr.declare(scratch, inputs)
	})
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

func newTrainer(b compute.Backend, t task.Task, c run.Training, seed uint64, h Hooks) (*Trainer, error) {
	if t.Len() == 0 {
		return nil, errors.New("train: the task has no examples")
	}
	d, err := chooseDevices(b, c.Devices, c.BatchSize)
	return &Trainer{backend: b, task: t, config: c, seed: seed, hooks: h, devices: d, saved: -1, waiting: patience{best: math.NaN()}}, err
}

// Step is the number of steps done.
func (t *Trainer) Step() int64 { return t.step }

// Devices is the number of devices that a step runs on.
func (t *Trainer) Devices() int { return t.devices.count }

// Store holds the weights, for use between steps.
func (t *Trainer) Store() *model.Store { return t.store }

// prepare fills the store and makes the step's executable.
func (t *Trainer) prepare() error {
	inputs, shared, err := t.firstInputs()
	if err != nil {
		return err
	}
	scratch := model.NewStore()
	if err := t.fill(scratch); err != nil {
		return err
	}
	if err := t.declare(scratch, inputs); err != nil {
		return err
	}
	if err := nn.Initialize(t.backend, scratch); err != nil {
		return err
	}
	if t.store, err = inPathOrder(scratch); err != nil {
		return err
	}
	t.exec, err = model.NewExec(t.backend, t.store, func(s *model.Scope, in []*graph.Node) *graph.Node {
		return stepGraph(s, in, t.task, t.config)
	})
	if err != nil {
		return err
	}
	t.devices.configure(t.exec, shared)
	return nil
}

// firstInputs returns the shapes of a step's inputs, and which of them all devices share.
func (t *Trainer) firstInputs() (inputs []shapes.Shape, shared []bool, err error) {
	first, err := t.task.Batch(newOrder(t.seed, t.task.Len(), t.config.BatchSize).at(0), stepRand(t.seed, 0))
	if err != nil {
		return nil, nil, err
	}
	inputs, shared = []shapes.Shape{shapes.Make(dtypes.Float32)}, []bool{true} // the learning rate
	for i, in := range first.Inputs {
		inputs, shared = append(inputs, in.Shape()), append(shared, first.Shared[i])
		if err := in.FinalizeAll(); err != nil {
			return nil, nil, err
		}
	}
	return inputs, shared, nil
}

// fill loads the checkpoint, or else the weights to start from.
func (t *Trainer) fill(store *model.Store) error {
	step, err := t.folder.Load(store)
	if err == nil {
		t.step, t.saved = step, step
		return t.resumeWaiting()
	}
	if !errors.Is(err, run.ErrNoCheckpoint) {
		return err
	}
	return t.begin(store)
}

// begin fills the store with what step 0 starts from: the random state, and weights if they do not start at random.
func (t *Trainer) begin(store *model.Store) error {
	state, err := graph.RNGStateFromSeed(int64(t.seed))
	if err != nil {
		return err
	}
	rng, err := store.CreateVariable("/"+model.RNGStateVariableName, state)
	if err != nil {
		return err
	}
	rng.SetTrainable(false)
	if t.hooks.Init != nil {
		return t.hooks.Init(store)
	}
	return nil
}

// declare builds the step's graph once, without compiling it, so that every variable exists; new ones have no value yet.
func (t *Trainer) declare(store *model.Store, inputs []shapes.Shape) error {
	g := graph.NewGraph(t.backend, "variables")
	defer g.Finalize()
	model.SetStore(g, store)
	optimizer.GetGlobalStepVar(store)
	stepGraph(store.RootScope(), parameters(g, inputs), t.task, t.config)
	return nil
}

// inPathOrder moves the variables to a new store, sorted by path. A fresh and a resumed training then build the same
// graph from the same order, whatever order they were created in.
func inPathOrder(from *model.Store) (*model.Store, error) {
	vars := slices.Collect(from.IterVariables())
	slices.SortFunc(vars, func(a, b *model.Variable) int { return cmp.Compare(a.Path(), b.Path()) })
	to := model.NewStore()
	for _, v := range vars {
		value, err := v.Value()
		if err != nil {
			return nil, err
		}
		local, err := value.LocalClone()
		if err != nil {
			return nil, err
		}
		moved, err := to.CreateVariable(v.Path(), local)
		if err != nil {
			return nil, err
		}
		moved.SetTrainable(v.Trainable)
	}
	from.Finalize()
	return to, nil
}

// Run trains up to the configured number of steps, or until training.patience is at its end. When ctx ends it saves a
// checkpoint and returns ctx's error. Any other error, a loss that is no number among them, leaves the last checkpoint as it is.
func (t *Trainer) Run(ctx context.Context) error {
	inner, stop := context.WithCancel(ctx)
	batches := prefetch(inner, t.task, t.devices, t.seed, t.config.BatchSize, t.step, int64(t.config.Steps))
	defer func() { // no batch is left behind
		stop()
		for b := range batches {
			finalize(b.inputs)
		}
	}()
	clock := newClock()
	for t.step < int64(t.config.Steps) && t.Stopped() == "" {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), t.checkpoint())
		}
		b, ok := <-batches
		if !ok { // ctx ended while the batch was awaited
			continue
		}
		result, err := t.runStep(b)
		if err != nil {
			return fmt.Errorf("train: step %d: %w", t.step, err)
		}
		p := t.progress(result, clock.tick(t.config.BatchSize))
		if err := t.after(p, clock); err != nil {
			return err
		}
	}
	return t.checkpoint()
}

// runStep executes one step. Loss and gradient are checked before anything is saved: either would spoil the weights.
func (t *Trainer) runStep(b prepared) ([]float32, error) {
	if b.err != nil {
		return nil, b.err
	}
	rate := tensors.FromScalar(float32(LearningRate(t.config, t.step)))
	head, err := t.devices.distribute(task.Batch{Inputs: []*tensors.Tensor{rate}, Shared: []bool{true}})
	if err != nil {
		return nil, err
	}
	result, err := t.devices.call(t.exec, append(head, b.inputs...))
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"loss", "gradient's norm"} {
		if x := float64(result[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("the %s is %g: lower training.learning_rate or set training.clip_norm; the last checkpoint is unharmed", name, x)
		}
	}
	t.step++
	return result, nil
}

func (t *Trainer) progress(result []float32, rate float64) Progress {
	metrics := map[string]float64{"gradient_norm": float64(result[1])}
	for i, name := range t.task.Metrics() {
		metrics[name] = float64(result[2+i])
	}
	return Progress{Step: t.step, Steps: int64(t.config.Steps), Loss: float64(result[0]), ExamplesPerSecond: rate, Metrics: metrics}
}

// after does what is due after a step: tell, log, save.
func (t *Trainer) after(p Progress, clock *clock) error {
	if t.hooks.Progress != nil {
		t.hooks.Progress(p)
	}
	due := func(every int) bool { return every > 0 && t.step%int64(every) == 0 }
	if t.step == 1 || due(t.config.LogEvery) || t.step == p.Steps {
		line := map[string]float64{"loss": p.Loss, "learning_rate": LearningRate(t.config, t.step-1), "examples_per_second": p.ExamplesPerSecond}
		for k, v := range p.Metrics {
			line[k] = v
		}
		if err := t.folder.Log(t.step, line); err != nil {
			return err
		}
	}
	if due(t.config.SaveEvery) && t.step < p.Steps {
		defer clock.pause()()
		return t.checkpoint()
	}
	return nil
}

// checkpoint measures and saves the present weights, unless they are saved already.
func (t *Trainer) checkpoint() error {
	if t.saved == t.step {
		return nil
	}
	var metrics map[string]float64
	if t.hooks.Validate != nil {
		var err error
		if metrics, err = t.hooks.Validate(t.store, t.step); err != nil {
			return fmt.Errorf("train: validation after step %d: %w", t.step, err)
		}
		if metrics, err = t.wait(metrics); err != nil {
			return fmt.Errorf("train: validation after step %d: %w", t.step, err)
		}
		if err := t.folder.Log(t.step, metrics); err != nil {
			return err
		}
	}
	if err := t.folder.Save(t.store, t.step, metrics); err != nil {
		return err
	}
	t.saved = t.step
	return nil
}
