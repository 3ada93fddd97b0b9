package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// floats decodes the types that float32 holds exactly.
func floats(d DType, data []byte) ([]float32, error) {
	out := make([]float32, len(data)*8/max(d.Bits(), 1))
	switch d {
	case F32:
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case F16:
		for i := range out {
			out[i] = fromF16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	case BF16:
		for i := range out {
			out[i] = fromBF16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	default:
		return nil, fmt.Errorf("dtype is %s: only F32, F16 and BF16 can be read as float32; Ints reads integers, Raw anything", d)
	}
	return out, nil
}

// ints decodes the integers.
func ints(d DType, data []byte) ([]int64, error) {
	if !slices.Contains([]DType{I8, U8, I16, U16, I32, U32, I64, U64}, d) {
		return nil, fmt.Errorf("dtype is %s, which is not an integer: Floats reads F32, F16 and BF16, Raw anything", d)
	}
	out := make([]int64, len(data)*8/d.Bits())
	for i := range out {
		switch d {
		case I8:
			out[i] = int64(int8(data[i]))
		case U8:
			out[i] = int64(data[i])
		case I16:
			out[i] = int64(int16(binary.LittleEndian.Uint16(data[2*i:])))
		case U16:
			out[i] = int64(binary.LittleEndian.Uint16(data[2*i:]))
		case I32:
			out[i] = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
		case U32:
			out[i] = int64(binary.LittleEndian.Uint32(data[4*i:]))
		case I64, U64:
			n := binary.LittleEndian.Uint64(data[8*i:])
			if d == U64 && n > math.MaxInt64 {
				return nil, fmt.Errorf("number %d is %d, more than int64 holds; Raw reads its bytes", i, n)
			}
			out[i] = int64(n)
		}
	}
	return out, nil
}

// fromF16 widens IEEE's half precision: 1 bit of sign, 5 of exponent, 10 of fraction.
func fromF16(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0: // zero or subnormal: fraction · 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 31: // infinite or not a number
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// fromBF16 widens bfloat16, which is the upper half of a float32.
func fromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// toF16 rounds to the nearest number of half precision, ties to even. From 65520 on this is infinity.
func toF16(x float32) uint16 {
	b := math.Float32bits(x)
	sign, b := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case b > 0x7f800000: // not a number: one bit at least of the fraction must stay
		fraction := uint16(b >> 13 & 1023)
		if fraction == 0 {
			fraction = 1 << 9
		}
		return sign | 31<<10 | fraction
	case b >= math.Float32bits(65520):
		return sign | 31<<10
	case b < math.Float32bits(0x1p-14): // subnormal, or rounded up to the smallest normal
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*0x1p24))
	}
	b -= (127 - 15) << 23
	return sign | uint16((b+1<<12-1+b>>13&1)>>13)
}

// toBF16 rounds to the nearest bfloat16, ties to even.
func toBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		if b&(1<<23-1)>>16 == 0 {
			b |= 1 << 22
		}
		return uint16(b >> 16)
	}
	return uint16((b + 1<<15 - 1 + b>>16&1) >> 16)
}

// narrow appends numbers to out in one of the types that floats reads. A finite number that would become infinite is an error,
// which gives its index, counted from first.
func narrow(out []byte, d DType, numbers []float32, first int) ([]byte, error) {
	for i, x := range numbers {
		rounded := x
		switch d {
		case F32:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		case F16:
			h := toF16(x)
			out, rounded = binary.LittleEndian.AppendUint16(out, h), fromF16(h)
		case BF16:
			b := toBF16(x)
			out, rounded = binary.LittleEndian.AppendUint16(out, b), fromBF16(b)
		}
		if infinite(rounded) && !infinite(x) {
			return nil, fmt.Errorf("number %d is %g, too large for %s: write F32", first+i, x, d)
		}
	}
	return out, nil
}

// narrowInts appends integers to out as I32 or I64.
func narrowInts(out []byte, d DType, numbers []int64, first int) ([]byte, error) {
	for i, n := range numbers {
		if d == I64 {
			out = binary.LittleEndian.AppendUint64(out, uint64(n))
			continue
		}
		if n != int64(int32(n)) {
			return nil, fmt.Errorf("number %d is %d, too large for I32: write I64", first+i, n)
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	return out, nil
}

func infinite(x float32) bool { return math.IsInf(float64(x), 0) }
