package fusion

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
)

// Masking is BERT's (Devlin et al. 2019, §3.1): of the tokens that may be hidden, Share are chosen to be guessed; of those 80 % become
// the mask token, 10 % another token and 10 % stay as they are, so that no token can be trusted blindly.
type Masking struct {
	Share float64 `json:"share"` // BERT: 0.15
	Token int32   `json:"token"` // the mask token
	First int32   `json:"first"` // tokens from First up to Last-1 may be hidden and stand in for others: all but the special ones
	Last  int32   `json:"last"`
}

func (m Masking) validate(vocab int) error {
	if !(m.Share > 0 && m.Share < 1) {
		return fmt.Errorf("fusion: masking.share is %g: it must be between 0 and 1; BERT has 0.15", m.Share)
	}
	if m.First < 0 || m.First >= m.Last || int(m.Last) > vocab || m.Token < 0 || int(m.Token) >= vocab {
		return fmt.Errorf("fusion: masking has the token %d, and hides tokens %d to %d: there are tokens 0 to %d", m.Token, m.First,
			m.Last-1, vocab-1)
	}
	return nil
}

// Probability is that of a token being shown as another: of one that is chosen, or of one of which that is not known.
func (m Masking) Probability(shown, token int32, chosen bool) float64 {
	if token < m.First || token >= m.Last { // special tokens stay
		if shown == token {
			return 1
		}
		return 0
	}
	p := 0.0
	switch {
	case shown == m.Token:
		p = 0.8
	case shown >= m.First && shown < m.Last:
		p = 0.1 / float64(m.Last-m.First)
	}
	if shown == token {
		p += 0.1
	}
	if chosen {
		return p
	}
	p *= m.Share
	if shown == token {
		p += 1 - m.Share
	}
	return p
}

// Apply hides tokens of ids in place and returns which ones are to be guessed: at least one where any may be hidden.
func (m Masking) Apply(ids []int32, r *rand.Rand) (chosen []bool) {
	chosen = make([]bool, len(ids))
	seen, at := 0, -1 // for one of the candidates at random, if chance chooses none
	hidden := false
	for i, id := range ids {
		if id < m.First || id >= m.Last {
			continue
		}
		if seen++; r.IntN(seen) == 0 {
			at = i
		}
		if r.Float64() < m.Share {
			chosen[i], hidden = true, true
		}
	}
	if !hidden && at >= 0 {
		chosen[at] = true
	}
	for i := range ids {
		if !chosen[i] {
			continue
		}
		switch p := r.Float64(); {
		case p < 0.8:
			ids[i] = m.Token
		case p < 0.9:
			ids[i] = m.First + int32(r.IntN(int(m.Last-m.First)))
		}
	}
	return chosen
}

// hide are the captions with hidden tokens. The last Hidden pictures of the batch are not seen: zeros stand for their tokens.
func (t *Pretraining) hide(b batch, masked texts) sights {
	picture := b.picture.Tokens
	if seen := t.seen(picture); seen != nil {
		picture = Mul(picture, seen)
	}
	return sights{masked, picture}
}

// seen is 1 for the pictures of a batch [B, …] that are seen, [B, 1, 1]; nil where all are.
func (t *Pretraining) seen(x *Node) *Node {
	g, n := x.Graph(), x.Shape().Dim(0)
	hidden := int(t.Config.Hidden * float64(n))
	if hidden == 0 {
		return nil
	}
	seen := LessThan(Iota(g, shapes.Make(dtypes.Int32, n, 1, 1), 0), Scalar(g, dtypes.Int32, n-hidden))
	return ConvertDType(seen, x.DType())
}

// masking is masked language modelling.
func (t *Pretraining) masking(s *model.Scope, b batch) (l, accuracy *Node) {
	logits := Predict(s, b.masked.X, t.Config.Config)
	return loss.MaskedTokens(logits, b.captions, b.chosen), loss.TokenAccuracy(logits, b.captions, b.chosen)
}

// grounding is the loss of looking elsewhere than at the regions that the tokens tell of, hidden or not, where the picture is seen.
func (t *Pretraining) grounding(_ *model.Scope, b batch) (l, share *Node) {
	look := b.look
	if seen := t.seen(look); seen != nil {
		look = Mul(look, seen)
	}
	return t.Config.Regions.Grounding(b.masked.Cross, look)
}
