package mnist

import (
	"encoding/binary"
	"fmt"
)

// The IDX format (http://yann.lecun.com/exdb/mnist): a magic number, one big-endian uint32 for the size of each axis,
// then the elements. The magic is two zero bytes, 8 for "unsigned byte", and the number of axes.
const (
	magicLabels = 0x00000801
	magicImages = 0x00000803
)

// DecodeImages reads an IDX file of 28×28 pictures and returns their pixels, one picture after the other. The result is
// a part of data. The file must be exactly what its header says: no byte is missing and none is left over.
func DecodeImages(data []byte) ([]byte, error) {
	pixels, sizes, err := decode(data, magicImages)
	if err != nil {
		return nil, err
	}
	if sizes[1] != Side || sizes[2] != Side {
		return nil, fmt.Errorf("mnist: pictures of %d×%d pixels; want %d×%d", sizes[1], sizes[2], Side, Side)
	}
	return pixels, nil
}

// DecodeLabels reads an IDX file of labels, each 0 to 9. The result is a part of data.
func DecodeLabels(data []byte) ([]byte, error) {
	labels, _, err := decode(data, magicLabels)
	if err != nil {
		return nil, err
	}
	for i, c := range labels {
		if c >= NumClasses {
			return nil, fmt.Errorf("mnist: label %d of example %d; labels are 0 to %d", c, i, NumClasses-1)
		}
	}
	return labels, nil
}

// decode checks the header against magic and against the length of data. It allocates nothing for the elements, so a
// header that promises billions of them costs nothing.
func decode(data []byte, magic uint32) (elements []byte, sizes []uint32, err error) {
	header := 4 + 4*int(magic&0xff)
	if len(data) < header {
		return nil, nil, fmt.Errorf("mnist: IDX file of %d bytes; its header alone has %d", len(data), header)
	}
	if got := binary.BigEndian.Uint32(data); got != magic {
		return nil, nil, fmt.Errorf("mnist: IDX file starts with %#08x; want %#08x", got, magic)
	}
	elements = data[header:]
	want := uint64(1)
	for i := 4; i < header; i += 4 {
		size := binary.BigEndian.Uint32(data[i:])
		sizes = append(sizes, size)
		if want *= uint64(size); want > 1<<31 { // two factors below 2³² cannot overflow 64 bits
			return nil, nil, fmt.Errorf("mnist: IDX header promises an array of %v; the file has %d bytes", sizes, len(data))
		}
	}
	if uint64(len(elements)) != want {
		return nil, nil, fmt.Errorf("mnist: IDX header promises %d bytes, an array of %v; %d follow", want, sizes, len(elements))
	}
	return elements, sizes, nil
}
