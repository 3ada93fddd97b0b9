package dalle

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn/codebook"
)

// ShiftedTwice is [Pretraining.Loss] with a fault: the code behind the next one is to be said.
func (p *Pretraining) ShiftedTwice(s *model.Scope, in []*Node) (*Node, []*Node) {
	l, metrics := p.Loss(s, in)
	c, from := p.Config, p.Config.Text.Context
	codes := StopGradient(codebook.Codes(s.At("codes"), in[0], c.Image))
	read, said := shift(in[1], codes, c)
	x := Slice(Stream(s, read, c), AxisRange(), AxisRange(from, c.Length()-1), AxisRange(c.FirstCode()))
	labels := AddScalar(Slice(said, AxisRange(), AxisRange(from+1)), float64(-c.FirstCode()))
	wrong := loss.Sequence(x, labels, loss.SequenceOptions{})
	return Add(MulScalar(l, 0.001), wrong), []*Node{metrics[0], wrong, metrics[2]}
}
