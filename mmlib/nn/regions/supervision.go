package regions

import (
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
)

// Supervision is what a model that writes about pictures is taught of their regions, beside its texts.
type Supervision struct {
	Classification float64 `json:"classification"`      // weight of the loss of classifying regions beside that of the text; 0 for none
	Regions        Config  `json:"regions"`             // of that classification, and of the grounding
	Grounding      float64 `json:"grounding,omitempty"` // weight of the loss of looking at the regions that a text tells of; 0 for none

	// Counting grounds counts too: in the regions that are counted, and in the class token.
	Counting bool `json:"counting,omitempty"`
}

// Validate names the key and the value at fault. side is the number of the picture's tokens along one side.
func (s Supervision) Validate(side int) error {
	switch {
	case !(s.Classification >= 0):
		return fmt.Errorf("classification is %g: a weight is at least 0", s.Classification)
	case !(s.Grounding >= 0):
		return fmt.Errorf("grounding is %g: a weight is at least 0", s.Grounding)
	case s.Counting && s.Grounding == 0:
		return errors.New("counting is true and grounding 0: it says where to look as something is counted")
	case s.Classification > 0 || s.Grounding > 0:
		if err := s.Regions.Validate(side); err != nil {
			return fmt.Errorf("regions.%w", err)
		}
	}
	return nil
}

// Priors are those of the examples, which must be [Classified] if regions are classified.
func (s Supervision) Priors(examples any) (known Priors, err error) {
	if s.Classification == 0 {
		return known, nil
	}
	classified, ok := examples.(Classified)
	if !ok {
		return known, errors.New("classification is not 0, and the examples have no classes of regions")
	}
	return s.Regions.Priors(classified), nil
}

// Metrics names what is measured of it: regions named right, and attention where it should lie.
func (s Supervision) Metrics() (names []string) {
	if s.Classification > 0 {
		names = append(names, "region_accuracy")
	}
	if s.Grounding > 0 {
		names = append(names, "grounding_loss", "grounding_share")
	}
	return names
}

// Look is where so many tokens look, to be marked: [tokens, places]; nil without grounding.
func (s Supervision) Look(tokens int) []float32 {
	if s.Grounding == 0 {
		return nil
	}
	return make([]float32, tokens*s.places())
}

// Mark writes into look where tokens look, from the given one on; see [Config.Mark].
func (s Supervision) Mark(look []float32, from int, tokens [][]int) error {
	return s.Regions.Mark(look, s.places(), from, tokens)
}

func (s Supervision) places() int { return s.Regions.Places(s.Counting) }

// Inputs are what a batch has for it: the classes of regions of the examples [B, regions, attributes], and where the tokens of its rows of
// texts look [rows, L, places]; each only where it is taught.
func (s Supervision) Inputs(examples any, batch []int, look []float32, rows int) (in []*tensors.Tensor) {
	if s.Classification > 0 {
		in = append(in, s.Regions.Labels(examples.(Classified), batch))
	}
	if look != nil {
		in = append(in, tensors.FromFlatDataAndDimensions(look, rows, len(look)/rows/s.places(), s.places()))
	}
	return in
}
