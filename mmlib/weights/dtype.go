package weights

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// DType is the type of a tensor's numbers, under the name that it has in the header.
type DType string

// The types of the format. Those of less than a byte are packed.
const (
	BOOL        DType = "BOOL"
	F4          DType = "F4"
	F6_E2M3     DType = "F6_E2M3"
	F6_E3M2     DType = "F6_E3M2"
	U8          DType = "U8"
	I8          DType = "I8"
	F8_E5M2     DType = "F8_E5M2"
	F8_E4M3     DType = "F8_E4M3"
	F8_E8M0     DType = "F8_E8M0"
	F8_E4M3FNUZ DType = "F8_E4M3FNUZ"
	F8_E5M2FNUZ DType = "F8_E5M2FNUZ"
	I16         DType = "I16"
	U16         DType = "U16"
	F16         DType = "F16"
	BF16        DType = "BF16"
	I32         DType = "I32"
	U32         DType = "U32"
	F32         DType = "F32"
	C64         DType = "C64"
	F64         DType = "F64"
	I64         DType = "I64"
	U64         DType = "U64"
)

// dtypes is in the order of the reference's enumeration: a file that it writes begins with the tensors of the last type.
var dtypes = []DType{
	BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ,
	I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64,
}

// Bits is the size of one number, and 0 for a type that the format does not have.
func (d DType) Bits() int {
	switch d {
	case F4:
		return 4
	case F6_E2M3, F6_E3M2:
		return 6
	case BOOL, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ:
		return 8
	case I16, U16, F16, BF16:
		return 16
	case I32, U32, F32:
		return 32
	case C64, F64, I64, U64:
		return 64
	}
	return 0
}

// Info describes a tensor. The shape of a scalar is empty.
type Info struct {
	Name  string
	DType DType
	Shape []int
}

// size returns the number of a tensor's elements and of its bytes. Like the reference it multiplies from the left, so a 0 saves a
// shape from overflow only when it stands before the product is too large.
func (i Info) size() (elements, bytes uint64, err error) {
	width := i.DType.Bits()
	if width == 0 {
		return 0, 0, fmt.Errorf("dtype is %q: the format has %q", i.DType, dtypes)
	}
	elements = 1
	for _, dim := range i.Shape {
		if dim < 0 {
			return 0, 0, fmt.Errorf("shape %v has a negative dimension", i.Shape)
		}
		high, low := bits.Mul64(elements, uint64(dim))
		if high != 0 {
			return 0, 0, fmt.Errorf("shape %v is too large: its product exceeds 64 bits", i.Shape)
		}
		elements = low
	}
	high, total := bits.Mul64(elements, uint64(width))
	if high != 0 || total/8 > math.MaxInt {
		return 0, 0, fmt.Errorf("shape %v of %s is too large: its size exceeds 64 bits", i.Shape, i.DType)
	}
	if total%8 != 0 {
		return 0, 0, fmt.Errorf("shape %v of %s takes %d bits, which are not whole bytes", i.Shape, i.DType, total)
	}
	return elements, total / 8, nil
}

// inFile orders tensors as the reference writes them: large types first, so that all are aligned, and within a type by name.
func inFile(a, b Info) int {
	rank := func(i Info) int { return slices.Index(dtypes, i.DType) }
	return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a.Name, b.Name))
}
