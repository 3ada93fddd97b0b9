package golden

import (
	"fmt"

	"gomm/mmlib/weights"
)

// Parse reads a whole file in memory.
func Parse(content []byte) (*File, error) {
	opened, err := weights.Parse(content)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: opened.Metadata(), Tensors: map[string]Tensor{}}
	for _, name := range opened.Names() {
		info, _ := opened.Info(name)
		tensor := Tensor{Shape: info.Shape}
		switch info.DType {
		case weights.F32:
			tensor.Floats, err = opened.Floats(name)
		case weights.I32, weights.I64:
			var ints []int64
			ints, err = opened.Ints(name)
			tensor.Ints = make([]int, len(ints))
			for i, n := range ints {
				tensor.Ints[i] = int(n)
			}
		default:
			err = fmt.Errorf("tensor %q: dtype is %q: golden files hold F32, I32 and I64", name, info.DType)
		}
		if err != nil {
			return nil, err
		}
		f.Tensors[name] = tensor
	}
	return f, nil
}
