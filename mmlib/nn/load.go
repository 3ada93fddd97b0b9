package nn

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/weights"
)

// Load puts the weights of a file that another library wrote into a store. Those that the store has already are replaced. After an error
// the store is not to be used, unless the error says that the tensors are not those of the model: then nothing was touched.
func Load(s *model.Store, l weights.Layout, from weights.Source) error {
	return l.Load(from, func(w weights.Weight) error {
		value := tensors.FromFlatDataAndDimensions(w.Values, w.Shape...)
		v := s.GetVariable(w.Path)
		if v == nil {
			_, err := s.CreateVariable(w.Path, value)
			return err
		}
		if !v.Shape().Equal(value.Shape()) {
			return fmt.Errorf("nn: the store has %s with the shape %s, the layout says %v", w.Path, v.Shape(), w.Shape)
		}
		return v.SetValue(value)
	})
}
