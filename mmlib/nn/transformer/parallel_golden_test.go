package transformer_test

import (
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/transformer"
)

// TestParallelGolden: two parallel blocks are what a transcription in PyTorch makes of them, and so are the gradients at what goes in and
// at all weights.
func TestParallelGolden(t *testing.T) {
	file := golden.Load(t, "testdata/parallel.safetensors")
	tensor := func(key string) *tensors.Tensor {
		x := file.Get(t, key)
		return nntest.Tensor(dtypes.Float32, x.Floats, x.Shape...)
	}
	keys, in := []string{"z", "dx"}, []*tensors.Tensor{tensor("x"), tensor("dz")}
	var weights []string
	for _, name := range file.Names() {
		if path, ok := strings.CutPrefix(name, "weight."); ok {
			weights, keys, in = append(weights, path), append(keys, "d"+path), append(in, tensor(name))
		}
	}
	if len(weights) != 10 {
		t.Fatalf("the file has %d weights, want 10", len(weights))
	}
	c := parallelConfig()
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
		for i, path := range weights {
			nntest.Bind(s, path, in[2+i])
		}
		z := transformer.EncodeParallel(s, in[0], c.Attention(), c).X
		at := append([]*Node{in[0]}, in[2:]...)
		return append([]*Node{z}, Gradient(ReduceAllSum(Mul(z, in[1])), at...)...)
	}, in...)
	for i, key := range keys {
		got := make([]float32, len(out[i]))
		for k, v := range out[i] {
			got[k] = float32(v)
		}
		golden.Close(t, key, got, file.Floats(t, key), 1e-5)
	}
}
