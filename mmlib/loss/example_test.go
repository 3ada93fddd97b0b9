package loss_test

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
	"gomm/kernels/xla/lean"
	"gomm/mmlib/loss"
)

// Two pairs: image 0 is nearest to text 0, image 1 to text 1. The larger the logits, the surer the model, and the smaller
// the loss of being right.
func ExampleCLIP() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	similarity := [][]float32{
		{0.9, 0.1}, // image 0 with text 0 and text 1
		{0.2, 0.8},
	}
	pair := []int32{0, 1}
	for _, scale := range []float64{1, 10} {
		l, err := graph.CallOnce(backend, func(similarity, pair *graph.Node) *graph.Node {
			return loss.CLIP(graph.MulScalar(similarity, scale), loss.Targets(pair))
		}, similarity, pair)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("1/τ = %2.0f: loss %.4f\n", scale, l.Value())
	}
	// Output:
	// 1/τ =  1: loss 0.4037
	// 1/τ = 10: loss 0.0012
}

// Pairs 0 and 2 mean the same, say "a seven" and "数字七": each of their pictures may choose either text.
func ExampleTargets() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	targets, err := graph.CallOnce(backend, loss.Targets, []int32{7, 3, 7})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range targets.Value().([][]float32) {
		fmt.Println(row)
	}
	// Output:
	// [0.5 0 0.5]
	// [0 1 0]
	// [0.5 0 0.5]
}

// Over N anchors the pictures choose; over 2N the captions do, too. Rows need not have length 1 for the cosine.
func ExampleContrastive() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	pictures := [][]float32{{1, 0}, {0.6, 0.8}, {0, 1}}
	captions := [][]float32{{2, 1}, {1, 1}, {-1, 3}}
	for _, o := range []loss.ContrastiveOptions{
		{Temperature: 0.1},
		{Temperature: 0.1, AllAnchors: true},
	} {
		l, err := graph.CallOnce(backend, func(z, zPlus *graph.Node) *graph.Node { return loss.Contrastive(z, zPlus, o) }, pictures, captions)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("all anchors: %-5v  loss %.4f\n", o.AllAnchors, l.Value())
	}
	// Output:
	// all anchors: false  loss 0.3059
	// all anchors: true   loss 0.4738
}

// Two pairs with three negatives each, so four candidates: x and y share, by this estimate, at least ln 4 − L nats.
func ExampleInfoNCE() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	positive := []float32{2, 3}
	negatives := [][]float32{{0, 1, -1}, {1, 0, 2}}
	both, err := graph.CallOnceN(backend, func(positive, negatives *graph.Node) []*graph.Node {
		l := loss.InfoNCE(positive, negatives)
		return []*graph.Node{l, loss.MutualInformation(l, 3)}
	}, positive, negatives)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("loss %.4f, I(x; y) ≥ %.4f nats\n", both[0].Value(), both[1].Value())
	// Output:
	// loss 0.4402, I(x; y) ≥ 0.9461 nats
}

// The loss of CLIP from embeddings. Pairs 0 and 2 mean the same; without groups their exchange would count as a mistake.
func ExamplePairs() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	images := [][]float32{{1, 0}, {0, 1}, {0.8, 0.6}}
	texts := [][]float32{{0.6, 0.8}, {0, 1}, {1, 0}}
	losses, err := graph.CallOnceN(backend, func(images, texts, groups *graph.Node) []*graph.Node {
		scale := loss.LogitScale(graph.Scalar(images.Graph(), dtypes.Float32, 2.659)) // 1/τ = 1/0.07
		return []*graph.Node{
			loss.Pairs(images, texts, nil, scale, lean.BySize),
			loss.Pairs(images, texts, groups, scale, lean.BySize),
		}
	}, images, texts, []int32{7, 3, 7})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("each its own %.4f, in groups %.4f\n", losses[0].Value(), losses[1].Value())
	// Output:
	// each its own 2.7198, in groups 1.3868
}

// At the paper's start almost all is said by the bias: three pictures that are nothing like any text.
func ExampleSigLIP() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	images := [][]float32{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}
	texts := [][]float32{{0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}}
	l, err := graph.CallOnce(backend, func(images, texts *graph.Node) *graph.Node {
		t := graph.Scalar(images.Graph(), dtypes.Float32, loss.SigLIPScale)
		b := graph.Scalar(images.Graph(), dtypes.Float32, loss.SigLIPBias)
		return loss.SigLIP(images, texts, nil, t, b)
	}, images, texts)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f\n", l.Value())
	// Output:
	// 10.0001
}

// Tokens are shifted once, here, by who calls the loss. The model below says at every position the right next token, with
// a logit of 2 against 0.
func ExampleSequence() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens := [][]int32{{1, 4, 2, 3, 0}, {1, 3, 0, 0, 0}} // 0 ends a text, and what follows is padding
	lengths := []int32{4, 2}                              // labels that count, the end among them
	losses, err := graph.CallOnceN(backend, func(tokens, lengths *graph.Node) []*graph.Node {
		labels := graph.Slice(tokens, graph.AxisRange(), graph.AxisRange(1)) // the model reads tokens[:, :4]
		logits := graph.MulScalar(graph.OneHot(labels, 5, dtypes.Float32), 2)
		return []*graph.Node{
			loss.Sequence(logits, labels, loss.SequenceOptions{Lengths: lengths}),
			loss.Sequence(logits, labels, loss.SequenceOptions{Lengths: lengths, Smoothing: 0.1, ZLoss: 1e-4}),
		}
	}, tokens, lengths)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f, smoothed and with z-loss %.4f\n", losses[0].Value(), losses[1].Value())
	// Output:
	// 0.4327, smoothed and with z-loss 0.5932
}

// Of four words the second was hidden, and only it counts.
func ExampleMaskedTokens() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	logits := [][][]float32{{{9, 0, 0}, {0, 1, 1}, {0, 0, 0}, {5, 5, 5}}}
	l, err := graph.CallOnce(backend, loss.MaskedTokens, logits, [][]int32{{2, 1, 0, 0}}, [][]bool{{false, true, false, false}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.4f\n", l.Value())
	// Output:
	// 0.8620
}
