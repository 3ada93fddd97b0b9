package fusion

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
)

// Match says whether captions belong to pictures, no or yes, given the negatives: first each picture's tokens [B, S, D] with its own one
// of captions [B, L], then with the caption of number text[i] [B] in its place, and last each caption with the tokens of number
// picture[i] [B]. It gives logits [3·B, 2], and labels [3·B], which are 1 for the first B. Weights: those of [Fuse], "matching" [D, 2].
func Match(s *model.Scope, captions, tokens, text, picture *Node, c Config) (logits, labels *Node) {
	return judge(s, pairs(readAlone(s, captions, c), tokens, text, picture).fuse(s, c))
}

// pairs are those of [Match].
func pairs(captions texts, tokens, text, picture *Node) sights {
	return sights{captions, tokens}.and(sights{captions.at(text), tokens}).and(sights{captions, gather(tokens, picture)})
}

// judge is the head of [Match]: the first third of the texts are told to belong to their pictures.
func judge(s *model.Scope, fused Text) (logits, labels *Node) {
	g, n := fused.X.Graph(), fused.X.Shape().Dim(0)
	logits = nn.Dense(s.At("matching"), fused.First(), 2, 0.02)
	return logits, ConvertDType(LessThan(Iota(g, shapes.Make(dtypes.Int32, n), 0), Scalar(g, dtypes.Int32, n/3)), dtypes.Int32)
}

// hardPairs are those of [Match] with hard negatives (ALBEF §3.2): drawn in the batch as often as the contrastive similarity takes them
// for right, or evenly where that is not trained.
func (t *Pretraining) hardPairs(s *model.Scope, b batch, captions texts) sights {
	g, n := captions.ids.Graph(), captions.ids.Shape().Dim(0)
	likely := Zeros(g, shapes.Make(dtypes.Float32, n, n))
	if b.similarities != nil {
		likely = StopGradient(b.similarities)
	}
	return pairs(captions, b.picture.Tokens, negatives(s, likely), negatives(s, Transpose(likely, 0, 1)))
}

// matching is image-text matching.
func (t *Pretraining) matching(s *model.Scope, b batch) (l, accuracy *Node) {
	logits, labels := judge(s, b.matched)
	return loss.Classification(logits, labels, 0), loss.Accuracy(logits, labels)
}

// negatives draws for each row of logits [N, N] another index than its own, as often as softmax of the row says, by the Gumbel trick.
func negatives(s *model.Scope, logits *Node) *Node {
	g, n := logits.Graph(), logits.Shape().Dim(0)
	u := MaxScalar(s.RandomUniform(g, logits.Shape()), 1e-20)
	noisy := Sub(logits, Log(MaxScalar(Neg(Log(u)), 1e-20)))
	own := ConvertDType(OneHot(Iota(g, shapes.Make(dtypes.Int32, n), 0), n, dtypes.Float32), dtypes.Bool)
	return StopGradient(ArgMax(Where(own, Scalar(g, dtypes.Float32, -1e9), noisy), -1, dtypes.Int32))
}
