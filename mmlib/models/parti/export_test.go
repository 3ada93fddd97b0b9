package parti

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn/codebook"
)

// ShiftedTwice is [Pretraining.Loss] with a fault: the code behind the next one is to be said.
func (p *Pretraining) ShiftedTwice(s *model.Scope, in []*Node) (*Node, []*Node) {
	l, metrics := p.Loss(s, in)
	c := p.Config
	codes := StopGradient(codebook.Codes(s.At("codes"), in[0], c.Image))
	x := Decode(s, shift(codes, c), EncodeText(s, in[1], c), c)
	x = Slice(x, AxisRange(), AxisRange(0, c.Image.Count()-1), AxisRange(0, c.Begin()))
	wrong := loss.Sequence(x, Slice(codes, AxisRange(), AxisRange(1)), loss.SequenceOptions{})
	return Add(MulScalar(l, 0.001), wrong), metrics
}
