package train

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// layerRates returns, for the path of a weight, the factor by which its learning rate is smaller than a head's: layer-wise decay
// (Howard & Ruder 2018, arXiv:1801.06146, §3.2; as ELECTRA and BEiT have it). Pretrained layers near the input are of general
// use and are to change little:
//
//	rate(l) = rate · d^(L−l)        l = 0 below the blocks, 1 … L−1 the blocks, L all above: norms and heads
//
// A weight's layer is told by its path. A stack is a scope that holds blocks: "/vision" for "/vision/block0/…". Beside them lie
// the layers below (patches, tokens, positions, a first normalisation) and, if they are called norm or norm_post, those
// above. What is in no stack has the full rate.
//
// Stacks that work side by side, as two towers do, are counted each from its own top. Where one reads another's output, the
// task says so, see [task.Stacked], and the lower one's layers lie below all of the upper one's.
func layerRates(store *model.Store, t task.Task, d float64) func(path string) float64 {
	blocks := map[string]int{} // of each stack
	for v := range store.IterVariables() {
		if stack, i, ok := blockOf(v.Path()); ok && run.IsWeight(v.Path()) {
			blocks[stack] = max(blocks[stack], i+1)
		}
	}
	if len(blocks) == 0 {
		exceptions.Panicf("training.layer_decay is %g, and the model has no stack of blocks, whose layers could differ: set it to 0", d)
	}
	// Where one lies in the scope of another, the inner one comes first.
	stacks := slices.SortedFunc(maps.Keys(blocks), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	above := map[string]int{} // blocks between a stack and the heads
	if s, ok := t.(task.Stacked); ok {
		sum := 0
		for _, level := range slices.Backward(s.Stacks()) {
			highest := 0
			for _, stack := range level {
				above[stack] = sum
				highest = max(highest, blocks[stack])
			}
			sum += highest
		}
	}
	return func(path string) float64 {
		if stack, i, ok := blockOf(path); ok {
			return math.Pow(d, float64(blocks[stack]-i+above[stack]))
		}
		for _, stack := range stacks {
			rest, ok := strings.CutPrefix(path, stack+"/")
			if name, _, _ := strings.Cut(rest, "/"); !ok || stack == "" {
				continue
			} else if name == "norm" || name == "norm_post" {
				return math.Pow(d, float64(above[stack]))
			}
			return math.Pow(d, float64(blocks[stack]+1+above[stack]))
		}
		return 1
	}
}

// blockOf takes the path of a weight in a block apart: "/vision/block2/norm1/gain" is in block 2 of "/vision".
func blockOf(path string) (stack string, i int, ok bool) {
	parts := strings.Split(path, "/")
	for k, part := range parts[:len(parts)-1] {
		if digits, found := strings.CutPrefix(part, "block"); found {
			if i, err := strconv.Atoi(digits); err == nil && i >= 0 {
				return strings.Join(parts[:k], "/"), i, true
			}
		}
	}
	return "", 0, false
}
