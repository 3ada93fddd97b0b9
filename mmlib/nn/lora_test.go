package nn_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
)

func TestLoRAValidate(t *testing.T) {
	for _, l := range []nn.LoRA{{}, {Rank: 1}, {Rank: 8, Alpha: 16, Targets: nn.Targets()}} {
		if err := l.Validate(8); err != nil {
			t.Errorf("%+v: %v", l, err)
		}
	}
	for want, l := range map[string]nn.LoRA{
		"lora.rank is -1: it must be at least 1":            {Rank: -1},
		"lora.rank is 9: it must be at most the width, 8":   {Rank: 9},
		"lora.alpha is -1: it must be above 0":              {Rank: 1, Alpha: -1},
		"lora.alpha is NaN":                                 {Rank: 1, Alpha: math.NaN()},
		"lora.alpha is +Inf":                                {Rank: 1, Alpha: math.Inf(1)},
		"lora.alpha is 4 and lora.rank is 0":                {Alpha: 4},
		`lora.targets are ["key"] and lora.rank is 0`:       {Targets: []nn.Target{nn.Key}},
		`lora.targets has "qkv", which is unknown: there`:   {Rank: 1, Targets: []nn.Target{nn.Key, "qkv"}},
		`lora.targets has "key" twice`:                      {Rank: 1, Targets: []nn.Target{nn.Key, nn.Key}},
		`unknown: there are ["query" "key" "value" "out" "`: {Rank: 1, Targets: []nn.Target{""}},
	} {
		if err := l.Validate(8); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestLoRATargets: the paper's are query and value; without a rank there are none.
func TestLoRATargets(t *testing.T) {
	for _, test := range []struct {
		lora nn.LoRA
		want string
	}{
		{nn.LoRA{}, "[]"},
		{nn.LoRA{Rank: 2}, "[query value]"},
		{nn.LoRA{Rank: 2, Targets: []nn.Target{nn.MLPOut, nn.Key}}, "[key mlp_out]"},
	} {
		var got []nn.Target
		for _, target := range nn.Targets() {
			if test.lora.Adapts(target) {
				got = append(got, target)
			}
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%+v adapts %v, want %s", test.lora, got, test.want)
		}
	}
}

// TestAdapt: y + (α/r)·x·A·B by numbers; the same y, itself, for what is no target.
func TestAdapt(t *testing.T) {
	l := nn.LoRA{Rank: 2, Alpha: 6, Targets: []nn.Target{nn.MLPIn}}
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
		nntest.Bind(s, "lora/mlp_in/a", in[2])
		nntest.Bind(s, "lora/mlp_in/b", in[3])
		if other := l.Adapt(s, nn.MLPOut, in[0], in[1]); other != in[0] {
			t.Error("what is no target is changed")
		}
		return []*Node{l.Adapt(s, nn.MLPIn, in[0], in[1])}
	}, tensors.FromValue([][]float64{{10, 20, 30}}), tensors.FromValue([][]float64{{1, 2}}),
		tensors.FromValue([][]float64{{1, 0}, {1, -1}}), tensors.FromValue([][]float64{{1, 0, 2}, {0, 1, -1}}))
	// x·A = [3 −2], x·A·B = [3 −2 8], times α/r = 3
	if want := "[[19 14 54]]"; fmt.Sprint(out) != want {
		t.Errorf("the adapted values are %v, want %s", out, want)
	}
}

// TestAdaptStart: B is zero, so nothing changes, to the bit; A has the standard deviation in^(−1/2).
func TestAdaptStart(t *testing.T) {
	const width, rank = 400, 50
	store, l := model.NewStore(), nn.LoRA{Rank: rank, Targets: []nn.Target{nn.Out}}
	out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{in[0], l.Adapt(s, nn.Out, in[0], in[0])}
	}, nntest.Random(1, 3, width))
	if fmt.Sprint(out[0]) != fmt.Sprint(out[1]) {
		t.Error("a fresh low-rank term changes the layer's result")
	}
	sum, a := 0.0, nntest.Flat(t, store.GetVariable("/lora/out/a").MustValue())
	for _, v := range a {
		sum += v * v
	}
	if got := sum / float64(len(a)); len(a) != width*rank || math.Abs(got*width-1) > 0.05 {
		t.Errorf("A has %d numbers of variance %v, want %d and 1/%d", len(a), got, width*rank, width)
	}
}

// TestMerge: each term is folded into its own columns, and A and B are gone.
func TestMerge(t *testing.T) {
	put := func(s *model.Store, path string, value any) {
		t.Helper()
		if _, err := s.CreateVariable(path, tensors.MustFromAnyValue(value)); err != nil {
			t.Fatal(err)
		}
	}
	full := func() *model.Store {
		s := model.NewStore()
		put(s, "/tower/qkv/weights", [][]float32{{1, 1, 1, 1}, {2, 2, 2, 2}}) // 2 columns of query, 1 of key, 1 of value
		put(s, "/tower/qkv/lora/query/a", [][]float32{{1}, {0}})
		put(s, "/tower/qkv/lora/query/b", [][]float32{{3, 5}})
		put(s, "/tower/qkv/lora/key/a", [][]float32{{1}, {1}})
		put(s, "/tower/qkv/lora/key/b", [][]float32{{7}})
		put(s, "/tower/key/weights", [][]float32{{1}, {2}}) // of cross-attention: all columns
		put(s, "/tower/key/lora/key/a", [][]float32{{1}, {1}})
		put(s, "/tower/key/lora/key/b", [][]float32{{9}})
		put(s, "/towers/out/lora/out/a", [][]float32{{1}})
		return s
	}
	l, s := nn.LoRA{Rank: 1, Alpha: 2}, full()
	if err := l.Merge(s, "/tower"); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(s.GetVariable("/tower/qkv/weights").MustValue().Value(), s.GetVariable("/tower/key/weights").MustValue().Value())
	if want := "[[7 11 15 1] [2 2 16 2]] [[19] [20]]"; got != want {
		t.Errorf("the merged weights are %s, want %s", got, want)
	}
	if s.NumVariables() != 3 {
		t.Errorf("%d variables are left, want the two matrices and what is elsewhere", s.NumVariables())
	}

	for want, change := range map[string]func(s *model.Store){
		"/tower/new/lora/out/a: there is no /tower/new/weights": func(s *model.Store) {
			put(s, "/tower/new/lora/out/a", [][]float32{{1}})
		},
		"there is no /tower/new/lora/out/b": func(s *model.Store) {
			put(s, "/tower/new/weights", [][]float32{{1}})
			put(s, "/tower/new/lora/out/a", [][]float32{{1}})
		},
		"do not fit the weights (Float32)[1, 1]": func(s *model.Store) {
			put(s, "/tower/new/weights", [][]float32{{1}})
			put(s, "/tower/new/lora/out/a", [][]float32{{1}, {2}})
			put(s, "/tower/new/lora/out/b", [][]float32{{1}})
		},
		"of type Int32": func(s *model.Store) {
			for _, name := range []string{"weights", "lora/out/a", "lora/out/b"} {
				put(s, "/tower/new/"+name, [][]int32{{1}})
			}
		},
	} {
		s := full()
		change(s)
		if err := l.Merge(s, "/tower"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
