package fusion_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
	"gomm/mmlib/models/fusion"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
)

// transcribed is the size of the models that testdata/make_goldens.py has.
func transcribed() fusion.Config {
	blocks := transformer.Config{Width: 8, Layers: 1, Heads: 2, MLP: 12, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	return fusion.Config{Text: fusion.TextConfig{Vocab: 11, Context: 7, Pad: pad, FusionLayers: 1, Config: blocks}}
}

// compareGolden runs a graph with the file's weights and inputs, and compares its results and the gradients of the sum of the last one at
// the first input and at all weights: with CASE.NAME of names, CASE.d of the first input, and CASE.dPATH.
func compareGolden(t *testing.T, name string, inputs, results []string, build func(s *model.Scope, in []*Node) []*Node) {
	t.Helper()
	file := golden.Load(t, "testdata/fusion.safetensors")
	var weights []string
	for _, w := range file.Names() {
		if path, ok := strings.CutPrefix(w, "weight."); ok && file.Has(name+".d"+path) {
			weights = append(weights, path)
		}
	}
	if len(weights) < 39 {
		t.Fatalf("%s has gradients of %d weights only", name, len(weights))
	}
	var in []*tensors.Tensor
	for _, key := range inputs {
		if x := file.Get(t, key); x.Ints != nil {
			flat := make([]int32, len(x.Ints))
			for i, v := range x.Ints {
				flat[i] = int32(v)
			}
			in = append(in, tensors.FromFlatDataAndDimensions(flat, x.Shape...))
		} else {
			in = append(in, nntest.Tensor(dtypes.Float32, x.Floats, x.Shape...))
		}
	}
	for _, path := range weights {
		x := file.Get(t, "weight."+path)
		in = append(in, nntest.Tensor(dtypes.Float32, x.Floats, x.Shape...))
	}
	out := nntest.Run(t, quick, nil, func(s *model.Scope, in []*Node) []*Node {
		in, given := in[:len(inputs)], in[len(inputs):]
		for i, path := range weights {
			nntest.Bind(s, path, given[i])
		}
		out := build(s, in)
		if n := len(slices.Collect(s.Store().IterVariables())); n != len(weights) {
			t.Errorf("%s: the model has %d weights, the file the gradients of %d", name, n, len(weights))
		}
		return append(out[:len(results):len(results)], Gradient(ReduceAllSum(out[len(out)-1]), append([]*Node{in[0]}, given...)...)...)
	}, in...)
	keys := append(slices.Clone(results), "d"+inputs[0])
	for _, path := range weights {
		keys = append(keys, "d"+path)
	}
	for i, key := range keys {
		got := make([]float32, len(out[i]))
		for k, v := range out[i] {
			got[k] = float32(v)
		}
		golden.Close(t, name+"."+key, got, file.Floats(t, name+"."+key), 1e-5)
	}
}

// TestFuseGolden: texts with padding in sight of pictures, three about each, are what a transcription in PyTorch makes of them, read as a
// whole and as a writer does, a prefix as a whole and the rest word by word; so are the gradients at the pictures and at all weights.
func TestFuseGolden(t *testing.T) {
	for _, name := range []string{"encoder", "prefix"} {
		compareGolden(t, name, []string{"picture", "ids", "prefix", "dz"}, []string{"z"}, func(s *model.Scope, in []*Node) []*Node {
			r := fusion.Reading{}
			if name == "prefix" {
				r = fusion.Reading{Causal: true, Prefix: in[2]}
			}
			z := fusion.Fuse(s, in[1], in[0], 3, r, transcribed()).X
			return []*Node{z, Mul(z, in[3])}
		})
	}
}

// TestMatchGolden: image-text matching with given negatives is what a transcription in PyTorch makes of it: the logits, the loss, and its
// gradients at the pictures and at all weights.
func TestMatchGolden(t *testing.T) {
	inputs := []string{"tokens", "captions", "text", "picture_of"}
	compareGolden(t, "matching", inputs, []string{"logits", "loss"}, func(s *model.Scope, in []*Node) []*Node {
		logits, labels := fusion.Match(s, in[1], in[0], in[2], in[3], transcribed())
		return []*Node{logits, loss.Classification(logits, labels, 0)}
	})
}
