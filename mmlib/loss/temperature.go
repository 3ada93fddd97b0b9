package loss

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// MaxLogitScale is the largest factor by which CLIP multiplies similarities (CLIP §2.5): temperatures below 0.01
// made its training unstable.
const MaxLogitScale = 100

// LogitScale is CLIP's learnable inverse temperature, 1/τ = exp(s), no larger than [MaxLogitScale].
//
// s is a scalar weight; learning s and not τ keeps the temperature positive. CLIP starts it at ln(1/0.07) = 2.659.
// [Contrastive] and [Pairs] take what this returns as their scale.
//
// At the clamp and above it the gradient is 0: no batch, however wrong, moves an s that has passed ln 100 = 4.605, and
// the temperature stays 0.01 for good (unless the optimizer's weight decay shrinks s). A training run that ends there
// asks for a sharper softmax than is allowed; if it came there by a few bad steps at the start, use a smaller learning
// rate for s, or set the weight itself back to ln 100 after each step, as open_clip does: then s can come down again.
func LogitScale(s *Node) *Node {
	return Exp(Min(s, ConstAs(s, math.Log(MaxLogitScale))))
}
