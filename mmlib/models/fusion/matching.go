package fusion

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
)

// matching is image-text matching with hard negatives (ALBEF §3.2): those of [Match] are drawn in the batch as often as the
// contrastive similarity takes them for right, or evenly where that is not trained.
func (t *Pretraining) matching(s *model.Scope, b batch) (l, accuracy *Node) {
	g, n := b.captions.Graph(), b.captions.Shape().Dim(0)
	likely := Zeros(g, shapes.Make(dtypes.Float32, n, n))
	if b.similarities != nil {
		likely = StopGradient(b.similarities)
	}
	text, picture := negatives(s, likely), negatives(s, Transpose(likely, 0, 1))
	logits, labels := Match(s, b.captions, b.picture.Tokens, text, picture, t.Config.Config)
	return loss.Classification(logits, labels, 0), loss.Accuracy(logits, labels)
}

// Match says whether captions belong to pictures, no or yes, given the negatives: first each picture's tokens [B, S, D] with its own one
// of captions [B, L], then with the caption of number text[i] [B] in its place, and last each caption with the tokens of number
// picture[i] [B]. It gives logits [3·B, 2], and labels [3·B], which are 1 for the first B. Weights: those of [Fuse], "matching" [D, 2].
func Match(s *model.Scope, captions, tokens, text, picture *Node, c Config) (logits, labels *Node) {
	g, n := captions.Graph(), captions.Shape().Dim(0)
	rows := func(x, at *Node) *Node { return Gather(x, ExpandAxes(at, -1)) }
	texts := Concatenate([]*Node{captions, rows(captions, text), captions}, 0)
	pictures := Concatenate([]*Node{tokens, tokens, rows(tokens, picture)}, 0)
	fused := Fuse(s, texts, pictures, 1, Reading{}, c)
	logits = nn.Dense(s.At("matching"), fused.First(), 2, 0.02)
	labels = ConvertDType(LessThan(Iota(g, shapes.Make(dtypes.Int32, 3*n), 0), Scalar(g, dtypes.Int32, n)), dtypes.Int32)
	return logits, labels
}

// negatives draws for each row of logits [N, N] another index than its own, as often as softmax of the row says, by the Gumbel trick.
func negatives(s *model.Scope, logits *Node) *Node {
	g, n := logits.Graph(), logits.Shape().Dim(0)
	u := MaxScalar(s.RandomUniform(g, logits.Shape()), 1e-20)
	noisy := Sub(logits, Log(MaxScalar(Neg(Log(u)), 1e-20)))
	own := ConvertDType(OneHot(Iota(g, shapes.Make(dtypes.Int32, n), 0), n, dtypes.Float32), dtypes.Bool)
	return StopGradient(ArgMax(Where(own, Scalar(g, dtypes.Float32, -1e9), noisy), -1, dtypes.Int32))
}
