//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package weights

import (
	"errors"
	"fmt"
	"syscall"
)

// mapping is a file in memory.
type mapping struct{ content []byte }

func openMapping(path string) (*mapping, error) {
	file, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	m := &mapping{}
	if size > 0 { // no system maps 0 bytes
		if m.content, err = syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_PRIVATE); err != nil {
			err = fmt.Errorf("%s cannot be mapped into memory: %w", path, err)
		}
	}
	return m, errors.Join(err, file.Close()) // the mapping stays
}

func (m *mapping) close() error {
	if m.content == nil {
		return nil
	}
	content := m.content
	m.content = nil
	return syscall.Munmap(content)
}
