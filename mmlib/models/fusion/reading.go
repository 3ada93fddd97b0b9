package fusion

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Several objectives read texts: captions for the contrast, captions in pairs for the matching, captions with hidden tokens. All of them
// go through the text's layers at once, each once, and through the fusion at once: a step is smaller and quicker to compile so, and gives
// the same as reading for each objective alone.

// texts are texts and what their own layers make of them.
type texts struct {
	ids *Node // [N, L]
	x   *Node // [N, L, D], not normalised
}

// readAlone reads texts [N, L] by themselves.
func readAlone(s *model.Scope, ids *Node, c Config) texts {
	return texts{ids, encodeText(s, ids, Reading{}.mask(countTokens(ids, c.Text.Pad)), c)}
}

// text is what the texts are to whoever does not fuse them.
func (t texts) text(s *model.Scope, c Config) Text {
	return Text{X: normalised(s.At("text"), t.x, c.Text)}
}

// at are the texts of numbers i [M].
func (t texts) at(i *Node) texts { return texts{gather(t.ids, i), gather(t.x, i)} }

// part are the texts from one number up to another.
func (t texts) part(from, to int) texts {
	return texts{Slice(t.ids, AxisRange(from, to)), Slice(t.x, AxisRange(from, to))}
}

// sights are texts, each with the tokens of the picture [N, S, D] in whose sight it is to be read.
type sights struct {
	texts
	picture *Node
}

// and are these and others, in one batch.
func (a sights) and(b sights) sights {
	if a.ids == nil {
		return b
	}
	join := func(x, y *Node) *Node { return Concatenate([]*Node{x, y}, 0) }
	return sights{texts{join(a.ids, b.ids), join(a.x, b.x)}, join(a.picture, b.picture)}
}

// fuse reads the texts in sight of the pictures.
func (a sights) fuse(s *model.Scope, c Config) Text {
	return fuse(s, a.x, a.picture, 1, Reading{}.mask(countTokens(a.ids, c.Text.Pad)), c)
}

// part are texts that were read, from one number up to another.
func (t Text) part(from, to int) Text {
	p := Text{X: Slice(t.X, AxisRange(from, to))}
	for _, w := range t.Cross {
		p.Cross = append(p.Cross, Slice(w, AxisRange(from, to)))
	}
	return p
}

// gather are the rows of x of numbers i.
func gather(x, i *Node) *Node { return Gather(x, ExpandAxes(i, -1)) }

// read reads what the objectives need of the captions, and of the captions with hidden tokens, masked.
func (t *Pretraining) read(s *model.Scope, b *batch, masked *Node) {
	c, o, n := t.Config.Config, t.Config.Objectives, b.captions.Shape().Dim(0)
	var ids []*Node
	if o.Contrast > 0 || o.Matching > 0 {
		ids = append(ids, b.captions)
	}
	if o.Masking > 0 {
		ids = append(ids, masked)
	}
	if len(ids) == 0 {
		return
	}
	alone := readAlone(s, Concatenate(ids, 0), c)
	if o.Contrast > 0 {
		b.similarities = Similarities(s, b.picture, alone.part(0, n).text(s, c), t.Config)
	}
	var seen sights
	if o.Matching > 0 {
		seen = t.hardPairs(s, *b, alone.part(0, n))
	}
	if o.Masking > 0 {
		seen = seen.and(t.hide(*b, alone.part(len(ids)*n-n, len(ids)*n)))
	}
	if seen.ids == nil {
		return
	}
	c.Text.Weights = o.Grounding > 0
	fused := seen.fuse(s, c)
	all := fused.X.Shape().Dim(0)
	if o.Matching > 0 {
		b.matched = fused.part(0, 3*n)
	}
	if o.Masking > 0 {
		b.masked = fused.part(all-n, all)
	}
}
