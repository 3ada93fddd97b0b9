package convnet_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/convnet"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// What is trained here runs on the Go backend, which has nothing to compile; the rest on whatever there is.
var backend, quick compute.Backend

func TestMain(m *testing.M) {
	var err, quickErr error
	backend, err = xla.Open()
	quick, quickErr = compute.NewWithConfig("go:parallelism=-1") // which the default may deadlock
	if err := errors.Join(err, quickErr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

func small() convnet.Config {
	return convnet.Config{ImageSize: 8, ImageChannels: 1, Channels: []int{4, 8}, Hidden: 16, Classes: 3}
}

// strokes are thirty pictures of a horizontal, a vertical or no stroke, each somewhere else.
type strokes struct{ shift int } // of all classes: a fault

func (strokes) Len() int                { return 30 }
func (s strokes) Class(i int) int       { return i%3 + s.shift }
func (strokes) Shape() (f, h, w, c int) { return 1, 8, 8, 1 }

func (strokes) Picture(dst []float32, i int, _ *rand.Rand) {
	clear(dst)
	for k := range 8 {
		switch i % 3 {
		case 0:
			dst[i/3%8*8+k] = 1
		case 1:
			dst[k*8+i/3%8] = 1
		}
	}
}

// TestLearns: the strokes are told apart wherever they are, and the functions of the predictor agree.
func TestLearns(t *testing.T) {
	c := small()
	job, err := convnet.NewTraining(c, strokes{})
	check.Must(t, err)
	training := run.Training{
		Steps: 150, BatchSize: 30, LearningRate: 5e-3, Warmup: 5, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1,
		SaveEvery: 150, LogEvery: 150, Keep: 1, Devices: 1,
	}
	config := run.Config{Kind: "convnet", Seed: 1, Model: []byte(`{}`), Training: &training}
	f, err := run.Create(filepath.Join(t.TempDir(), "run"), config, nil)
	check.Must(t, err)
	defer f.Close()
	tr, err := train.New(quick, job, f, train.Hooks{})
	check.Must(t, err)
	check.Must(t, tr.Run(t.Context()))
	s, err := infer.Open(quick, &convnet.Predictor{Config: c, Weights: tr.Store()}, nil, 30)
	check.Must(t, err)
	var all []int
	for i := range 30 {
		all = append(all, i)
	}
	b, err := job.Batch(all, nil)
	check.Must(t, err)
	odds, err := s.Call("classify", b.Inputs[0])
	check.Must(t, err)
	both, err := s.Call("features", b.Inputs[0])
	check.Must(t, err)
	p, q := tensors.MustCopyFlatData[float32](odds[0]), tensors.MustCopyFlatData[float32](both[0])
	right := 0
	for i := range 30 {
		if p[i*3+i%3] > 0.5 {
			right++
		}
		for k := range 3 {
			if p[i*3+k] != q[i*3+k] {
				t.Fatalf("picture %d, class %d: %g by classify, %g by features", i, k, p[i*3+k], q[i*3+k])
			}
		}
	}
	if right < 29 {
		t.Errorf("%d of 30 strokes are named right", right)
	}
}

// TestParameters pins the size of the network for MNIST.
func TestParameters(t *testing.T) {
	c, store := convnet.Digits(), model.NewStore()
	g := NewGraph(backend, "weights")
	defer g.Finalize()
	model.SetStore(g, store)
	convnet.Classify(store.RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 1, 28, 28, 1)), c)
	if n := store.NumParameters(); n != 206_922 {
		t.Errorf("the network has %d parameters, want 206,922", n)
	}
}

// TestRefuses: what is out of range is named, with its value.
func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(*convnet.Config){
		"channels has 0 numbers":                 func(c *convnet.Config) { c.Channels = nil },
		"channels has 0: it must":                func(c *convnet.Config) { c.Channels = []int{0} },
		"image_size is 6: it must be a multiple": func(c *convnet.Config) { c.ImageSize = 6 },
		"image_channels is 0":                    func(c *convnet.Config) { c.ImageChannels = 0 },
		"hidden is 0":                            func(c *convnet.Config) { c.Hidden = 0 },
		"classes is 1":                           func(c *convnet.Config) { c.Classes = 1 },
	} {
		c := small()
		check.Must(t, c.Validate())
		change(&c)
		check.Error(t, c.Validate(), want)
	}
	_, err := convnet.NewTraining(convnet.Digits(), strokes{})
	check.Error(t, err, "8×8 pixels", "28×28 pixels")
	job, err := convnet.NewTraining(small(), strokes{1})
	check.Must(t, err)
	_, err = job.Batch([]int{2}, nil)
	check.Error(t, err, "example 2 has class 3", "3 classes")
}
