package transformer_test

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
)

// TestLoRA: a stack of decoder blocks with low-rank terms begins as the one without, differs when they are trained, and is the
// same again, without them, when they are merged.
func TestLoRA(t *testing.T) {
	t.Setenv(compute.ConfigEnvVar, "go:ops_sequential") // XLA takes longer to compile the stack than to run it
	quick, err := xla.Open()
	if err != nil {
		t.Fatal(err)
	}
	plain, store := config(), model.NewStore()
	adapted := plain
	adapted.LoRA = nn.LoRA{Rank: 2, Alpha: 4, Targets: nn.Targets()}
	decode := func(c transformer.Config) func() []float64 {
		run := nntest.Compile(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
			mask := attention.Mask{Causal: true}
			return []*Node{transformer.Decode(s.At("text"), in[0], transformer.Memory{Sequence: in[1]}, c.Attention(mask), c).X}
		})
		return func() []float64 { return run(nntest.Random(1, 2, 3, 4), nntest.Random(2, 2, 5, 6))[0] }
	}
	base, with := decode(plain), decode(adapted)
	before := base()
	parameters := store.NumParameters()
	if fresh := with(); !slices.Equal(fresh, before) {
		t.Errorf("just begun, it gives %v, without LoRA %v", fresh, before)
	}
	// In each block: 4 of self-attention, query and out of cross-attention, each 4 to 4; its key and value, 6 to 4; the dense layers.
	if got, want := store.NumParameters()-parameters, 2*2*(6*(4+4)+2*(6+4)+2*(4+8)); got != want {
		t.Errorf("there are %d numbers to train, want %d", got, want)
	}
	seed := uint64(10)
	for v := range store.IterVariables() {
		if seed++; strings.Contains(v.Path(), "/lora/") {
			if err := v.SetValue(nntest.Random(seed, v.Shape().Dimensions...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	learnt := with()
	if err := adapted.Merge(store, "/vision", "/text"); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(adapted, plain) || store.NumParameters() != parameters {
		t.Errorf("merged, the config is %+v and there are %d numbers; without LoRA %d", adapted, store.NumParameters(), parameters)
	}
	merged, moved := base(), 0.0
	for i, want := range learnt {
		if math.Abs(merged[i]-want) > 1e-9*(1+math.Abs(want)) {
			t.Fatalf("merged, number %d is %v, unmerged %v", i, merged[i], want)
		}
		moved = max(moved, math.Abs(want-before[i]))
	}
	if moved < 0.1 {
		t.Errorf("the low-rank terms change the result by %v at most", moved)
	}
}

// TestLoRASettings: they are saved, and refused by their keys.
func TestLoRASettings(t *testing.T) {
	c := config()
	c.LoRA = nn.LoRA{Rank: 2, Targets: []nn.Target{nn.Query}}
	got, err := json.Marshal(c)
	if want := `"layer_norm":0.00001,"lora":{"rank":2,"targets":["query"]}}`; err != nil || !strings.HasSuffix(string(got), want) {
		t.Errorf("the config is saved as %s (%v), want …%s", got, err, want)
	}
	c.LoRA.Rank = 5
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "lora.rank is 5: it must be at most the width, 4") {
		t.Errorf("error %v, want one that names lora.rank", err)
	}
}
