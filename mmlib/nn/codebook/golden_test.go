package codebook

import (
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
)

// transcribed is the size of the models that testdata/make_goldens.py has.
func transcribed(method Method) Autoencoder {
	blocks := transformer.Config{Width: 8, Layers: 1, Heads: 2, MLP: 12, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	return Autoencoder{
		ImageSize: 4, Channels: 1, PatchSize: 2, Method: method, Encoder: blocks, Decoder: blocks,
		Codebook: Config{Codes: 5, Width: 3, Commitment: 0.25, Decay: 0.99},
	}
}

// TestGolden: a step of the dVAE, with the given noise, and of the VQ-VAE is what a transcription in PyTorch makes of it: codes, pictures,
// loss, and its gradients at all weights.
func TestGolden(t *testing.T) {
	file := golden.Load(t, "testdata/autoencoder.safetensors")
	backend, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	for method, step := range map[Method]func(s *model.Scope, x, u *Node, c Autoencoder) (codes, back, loss *Node){
		Relaxed: func(s *model.Scope, x, u *Node, c Autoencoder) (codes, back, loss *Node) {
			logits := Encode(s, x, c)
			y := Softmax(DivScalar(Add(logits, gumbel(u)), 0.7), -1)
			back = Decode(s, Einsum("BLK,KD->BLD", y, c.means(s, x.Graph())), c)
			return ArgMax(logits, -1, dtypes.Int32), back, MulScalar(Divergence(logits), 0.3)
		},
		VQ: func(s *model.Scope, x, _ *Node, c Autoencoder) (codes, back, loss *Node) {
			q := Quantize(s.At("codebook"), Encode(s, x, c), c.Codebook)
			return q.Codes, Decode(s, q.X, c), q.Loss
		},
	} {
		name, c := string(method), transcribed(method)
		in := []*tensors.Tensor{tensorOf(t, file, "x"), tensorOf(t, file, "u")}
		var all, learned []string // paths of the weights, and of those with a gradient
		for _, key := range file.Names() {
			if path, ok := strings.CutPrefix(key, name+".weight."); ok {
				all, in = append(all, path), append(in, tensorOf(t, file, key))
				if file.Has(name + ".d" + path) {
					learned = append(learned, path)
				}
			}
		}
		if len(learned) < 37 {
			t.Fatalf("%s has gradients of %d weights only", name, len(learned))
		}
		out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
			var given []*Node
			for i, path := range all {
				nntest.Bind(s, path, in[2+i])
				if file.Has(name + ".d" + path) {
					given = append(given, in[2+i])
				}
			}
			codes, back, l := step(s, in[0], in[1], c)
			l = Add(l, ReduceAllMean(Square(Sub(back, in[0]))))
			return append([]*Node{codes, back, l}, Gradient(l, given...)...)
		}, in...)
		for i, key := range append([]string{"codes", "back", "loss"}, prefixed("d", learned)...) {
			got := make([]float32, len(out[i]))
			for k, v := range out[i] {
				got[k] = float32(v)
			}
			want := file.Get(t, name+"."+key)
			if want.Ints != nil {
				for _, k := range want.Ints {
					want.Floats = append(want.Floats, float32(k))
				}
			}
			golden.Close(t, name+"."+key, got, want.Floats, 1e-5)
		}
	}
}

func tensorOf(t *testing.T, file *golden.File, key string) *tensors.Tensor {
	t.Helper()
	x := file.Get(t, key)
	return nntest.Tensor(dtypes.Float32, x.Floats, x.Shape...)
}

func prefixed(prefix string, names []string) (list []string) {
	for _, n := range names {
		list = append(list, prefix+n)
	}
	return list
}
