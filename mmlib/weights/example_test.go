package weights_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gomm/mmlib/weights"
)

// A file that PyTorch wrote, and its floating-point tensors again at half the size.
func Example() {
	f, err := weights.Open(filepath.Join("testdata", "tiny.safetensors"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	fmt.Println(f.Metadata())
	var half []weights.Tensor
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		fmt.Println(info.Name, info.DType, info.Shape)
		if info.DType == weights.F32 {
			info.DType = weights.BF16
			half = append(half, weights.Tensor{Info: info, Data: func() (any, error) { return f.Floats(name) }})
		}
	}

	dir, err := os.MkdirTemp("", "weights")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "half.safetensors")
	if err := weights.Save(path, half, f.Metadata()); err != nil {
		fmt.Println(err)
		return
	}
	h, err := weights.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	fmt.Println(h.Floats("weight"))
	// Output:
	// map[format:pt]
	// steps I64 []
	// weight F32 [2 2]
	// [1 -2 0.5 3] <nil>
}
