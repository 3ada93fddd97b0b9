//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package weights

import (
	"errors"
	"io"
)

// mapping is a file in memory, read as a whole.
type mapping struct{ content []byte }

func openMapping(path string) (*mapping, error) {
	file, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	m := &mapping{content: make([]byte, size)}
	_, err = io.ReadFull(file, m.content)
	return m, errors.Join(err, file.Close())
}

func (m *mapping) close() error {
	m.content = nil
	return nil
}
