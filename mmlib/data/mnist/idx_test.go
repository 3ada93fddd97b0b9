package mnist

import (
	"bytes"
	"encoding/binary"
	"testing"

	"gomm/mmlib/internal/check"
)

// idx makes an IDX file.
func idx(magic uint32, sizes []uint32, elements []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, magic)
	for _, n := range sizes {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return append(b, elements...)
}

func TestDecode(t *testing.T) {
	pixels := bytes.Repeat([]byte{7}, 2*Pixels)
	got, err := DecodeImages(idx(magicImages, []uint32{2, 28, 28}, pixels))
	if err != nil || !bytes.Equal(got, pixels) {
		t.Errorf("images: %d bytes, %v", len(got), err)
	}
	got, err = DecodeLabels(idx(magicLabels, []uint32{3}, []byte{0, 9, 5}))
	if err != nil || !bytes.Equal(got, []byte{0, 9, 5}) {
		t.Errorf("labels: %v, %v", got, err)
	}
	if got, err = DecodeLabels(idx(magicLabels, []uint32{0}, nil)); err != nil || len(got) != 0 {
		t.Errorf("no labels: %v, %v", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	pixels := make([]byte, Pixels)
	for name, test := range map[string]struct {
		data []byte
		part string
	}{
		"empty":        {nil, "0 bytes"},
		"cut header":   {idx(magicImages, []uint32{1, 28}, nil), "12 bytes"},
		"labels":       {idx(magicLabels, []uint32{Pixels}, pixels), "0x00000801"},
		"wrong size":   {idx(magicImages, []uint32{1, 14, 56}, pixels), "14×56"},
		"cut":          {idx(magicImages, []uint32{1, 28, 28}, pixels[1:]), "783"},
		"trailing":     {idx(magicImages, []uint32{0, 28, 28}, pixels), "784"},
		"huge":         {idx(magicImages, []uint32{1 << 31, 28, 28}, pixels), "2147483648"},
		"overflow":     {idx(magicImages, []uint32{1 << 31, 1 << 31, 4}, nil), "2147483648"},
		"zero and big": {idx(magicImages, []uint32{1 << 31, 0, 28}, nil), "0×28"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeImages(test.data)
			check.Error(t, err, test.part)
		})
	}
	_, err := DecodeLabels(idx(magicLabels, []uint32{2}, []byte{1, 10}))
	check.Error(t, err, "label 10", "example 1")
	_, err = DecodeLabels(idx(magicLabels, []uint32{2}, []byte{1}))
	check.Error(t, err, "2 bytes", "1 follow")
}

func FuzzDecodeImages(f *testing.F) {
	f.Add(idx(magicImages, []uint32{1, 28, 28}, make([]byte, Pixels)))
	f.Add(idx(magicImages, []uint32{1 << 31, 1 << 31, 4}, nil))
	f.Add([]byte{0, 0, 8, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		pixels, err := DecodeImages(data)
		if err != nil {
			return
		}
		if n := uint32(len(pixels) / Pixels); !bytes.Equal(data, idx(magicImages, []uint32{n, 28, 28}, pixels)) {
			t.Errorf("%d pixels were read from a file of %d bytes that is not theirs", len(pixels), len(data))
		}
	})
}

func FuzzDecodeLabels(f *testing.F) {
	f.Add(idx(magicLabels, []uint32{3}, []byte{0, 9, 5}))
	f.Add(idx(magicLabels, []uint32{1 << 31}, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		labels, err := DecodeLabels(data)
		if err != nil {
			return
		}
		if !bytes.Equal(data, idx(magicLabels, []uint32{uint32(len(labels))}, labels)) {
			t.Errorf("%d labels were read from a file of %d bytes that is not theirs", len(labels), len(data))
		}
	})
}
