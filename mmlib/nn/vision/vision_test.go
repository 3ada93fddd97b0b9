package vision_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

var backend compute.Backend

func TestMain(m *testing.M) {
	var err error
	if backend, err = xla.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

func config() vision.Config {
	return vision.Config{ImageSize: 6, Channels: 2, PatchSize: 3, Config: transformer.Config{
		Width: 4, Layers: 2, Heads: 2, MLP: 8, Activation: nn.GELU, LayerNorm: 1e-5,
	}}
}

// TestPatches: every number lands where the comment says, also for pictures that are not square.
func TestPatches(t *testing.T) {
	const b, h, w, c, size = 2, 4, 6, 3, 2
	x := make([]float32, b*h*w*c)
	for i := range x {
		x[i] = float32(i)
	}
	out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
		p := vision.Patches(in[0], size)
		p.AssertDims(b, (h/size)*(w/size), size*size*c)
		return []*Node{p}
	}, tensors.FromFlatDataAndDimensions(x, b, h, w, c))
	k := 0
	for picture := range b {
		for patch := range (h / size) * (w / size) {
			for pixel := range size * size {
				for channel := range c {
					row := patch/(w/size)*size + pixel/size
					column := patch%(w/size)*size + pixel%size
					if want := ((picture*h+row)*w+column)*c + channel; out[0][k] != float64(want) {
						t.Fatalf("number %d is %v, want %d: picture %d, patch %d, pixel %d, channel %d", k, out[0][k], want, picture, patch, pixel, channel)
					}
					k++
				}
			}
		}
	}
}

// TestEncode: the shapes of all there is to look at, the weights' paths, and one picture's independence of the others.
func TestEncode(t *testing.T) {
	c, store := config(), model.NewStore()
	c.Weights = true
	encode := nntest.Compile(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		y := vision.Encode(s, in[0], c)
		b := in[0].Shape().Dim(0)
		y.Pooled.AssertDims(b, 4)
		y.Tokens.AssertDims(b, 5, 4)
		if len(y.Weights) != 2 {
			t.Errorf("there are the weights of %d blocks, want 2", len(y.Weights))
		}
		for _, w := range y.Weights {
			w.AssertDims(b, 2, 5, 5)
		}
		return []*Node{y.Pooled}
	})
	x := nntest.Flat(t, nntest.Random(1, 2*6*6*2))
	both := encode(tensors.FromFlatDataAndDimensions(x, 2, 6, 6, 2))[0]
	alone := encode(tensors.FromFlatDataAndDimensions(x[72:], 1, 6, 6, 2))[0]
	for i, want := range alone {
		if math.Abs(both[4+i]-want) > 1e-9 {
			t.Errorf("a picture becomes %v alone and %v beside another", alone, both[4:])
			break
		}
	}
	for path, want := range map[string]string{
		"/patch/weights": "[18 4]", "/class": "[4]", "/position": "[5 4]", "/norm_pre/gain": "[4]", "/norm_post/offset": "[4]",
		"/block1/attention/qkv/weights": "[4 12]", "/block1/mlp/out/weights": "[8 4]",
	} {
		if v := store.GetVariable(path); v == nil || fmt.Sprint(v.Shape().Dimensions) != want {
			t.Errorf("weight %s is %v, want the shape %s", path, v, want)
		}
	}
}

// TestPosition: only the position embedding distinguishes a picture from the same patches in another order.
func TestPosition(t *testing.T) {
	c := config()
	c.Channels, c.ImageSize, c.PatchSize = 1, 2, 1 // patches are pixels
	store := model.NewStore()
	encode := nntest.Compile(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		nntest.Bind(s, "position", in[1])
		return []*Node{vision.Encode(s, in[0], c).Pooled}
	})
	picture := tensors.FromFlatDataAndDimensions([]float64{1, -5, 20, 60}, 1, 2, 2, 1)
	turned := tensors.FromFlatDataAndDimensions([]float64{60, 1, -5, 20}, 1, 2, 2, 1)
	for name, position := range map[string]*tensors.Tensor{
		"none": nntest.Tensor(dtypes.Float64, make([]float64, 20), 5, 4), "random": nntest.Random(1, 5, 4),
	} {
		a, b := encode(picture, position)[0], encode(turned, position)[0]
		d := 0.0
		for i := range a {
			d = max(d, math.Abs(a[i]-b[i]))
		}
		if same := d < 1e-9; same != (name == "none") {
			t.Errorf("position embedding %s: the order of the patches changes the result by %g", name, d)
		}
	}
}

// TestHierarchical: with the hierarchical stem a pixel changes the token of its own patch and no other, and by more than a
// factor: the layers are not linear. Weights are in quarters, and those of the projection as wide as the quarters give.
func TestHierarchical(t *testing.T) {
	c := config()
	c.Stem, c.ImageSize, c.PatchSize, c.Layers = vision.Hierarchical, 8, 4, 0
	store := model.NewStore()
	encode := nntest.Compile(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		v := vision.Encode(s, in[0], c)
		return []*Node{v.Tokens, v.Pooled} // the Go backend of compute v0.1.5 fails where nodes behind the last result are not used
	})
	picture := make([]float32, 8*8*2)
	before := encode(tensors.FromFlatDataAndDimensions(picture, 1, 8, 8, 2))[0]
	const row, column = 2, 5 // in the patch at the top right
	picture[(row*8+column)*2] = 1
	after := encode(tensors.FromFlatDataAndDimensions(picture, 1, 8, 8, 2))[0]
	for token := range 5 { // the class and four patches
		if changed := !slices.Equal(before[token*4:token*4+4], after[token*4:token*4+4]); changed != (token == 2) {
			t.Errorf("token %d: changed %v", token, changed)
		}
	}
	for path, want := range map[string]string{
		"/patch/quarter1/weights": "[8 4]", "/patch/quarter2/weights": "[4 2]", "/patch/weights": "[8 4]",
	} {
		if v := store.GetVariable(path); v == nil || fmt.Sprint(v.Shape().Dimensions) != want {
			t.Errorf("weight %s is %v, want the shape %s", path, v, want)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := config().Validate(); err != nil {
		t.Error(err)
	}
	if g := config().Grid(); g != 2 {
		t.Errorf("6 pixels in patches of 3 are %d patches, want 2", g)
	}
	for want, change := range map[string]func(c *vision.Config){
		"image_size is 0": func(c *vision.Config) { c.ImageSize = 0 },
		"channels is 0":   func(c *vision.Config) { c.Channels = 0 },
		"image_size 6 is not a multiple of patch_size 4": func(c *vision.Config) { c.PatchSize = 4 },
		"image_size 6 is not a multiple of patch_size 0": func(c *vision.Config) { c.PatchSize = 0 },
		"width is 0":                        func(c *vision.Config) { c.Width = 0 },
		`stem is "conv": it must be`:        func(c *vision.Config) { c.Stem = "conv" },
		"an even patch_size and width, not": func(c *vision.Config) { c.Stem = vision.Hierarchical }, // 3 is odd
	} {
		c := config()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestPanics: pictures that do not fit are refused, and the message says why.
func TestPanics(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(g *Graph)
	}{
		{"patches", "30×28 pixels does not divide into patches of 7", func(g *Graph) { vision.Patches(zeros(g, 1, 30, 28, 1), 7) }},
		{"no patches", "does not divide into patches of 0", func(g *Graph) { vision.Patches(zeros(g, 1, 28, 28, 1), 0) }},
		{"rank", "rank", func(g *Graph) { vision.Patches(zeros(g, 28, 28, 1), 7) }},
		{"size", "axis 1 has dimension 12, wanted 6", func(g *Graph) {
			vision.Encode(model.NewStore().RootScope(), zeros(g, 1, 12, 6, 2), config())
		}},
		{"channels", "axis 3 has dimension 3, wanted 2", func(g *Graph) {
			vision.Encode(model.NewStore().RootScope(), zeros(g, 1, 6, 6, 3), config())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGraph(backend, c.name)
			defer g.Finalize()
			err := task.Try(func() error { c.build(g); return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func zeros(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, dims...)) }

// TestStem: both stems can be named, and settings of before, which left the linear one out, still mean it.
func TestStem(t *testing.T) {
	for text, want := range map[string]vision.Stem{
		`{"stem": "linear"}`: vision.Linear, `{"stem": ""}`: vision.Linear, `{}`: vision.Linear, `{"stem": "hierarchical"}`: vision.Hierarchical,
	} {
		var c vision.Config
		check.Must(t, json.Unmarshal([]byte(text), &c))
		if c.Stem != want {
			t.Errorf("%s: the stem is %q, want %q", text, c.Stem, want)
		}
	}
}
