package plugin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"strconv"
)

// ErrUnsupported is what [Fetch] returns, wrapped, where no plugin exists for the system.
var ErrUnsupported = errors.New("no XLA plugin for this system")

// system is the machine that a plugin is to run on.
type system struct {
	os, arch string
	root     fs.FS // the file system, from its root
}

func thisSystem() system {
	return system{runtime.GOOS, runtime.GOARCH, os.DirFS("/")}
}

// supports returns an error that says why a wheel does not run here. A C library that cannot be identified is given the
// benefit of the doubt: opening the plugin will tell.
func (s system) supports(w wheel) error {
	if s.os != w.os || s.arch != w.arch {
		return fmt.Errorf("%w: %s/%s; the pinned plugin is for %s/%s. If you have a PJRT plugin for it, name it %s and set %s to its folder",
			ErrUnsupported, s.os, s.arch, w.os, w.arch, fileName(CPU), pathVariable)
	}
	major, minor, found := s.glibc()
	switch {
	case found && (major < w.major || major == w.major && minor < w.minor):
		return fmt.Errorf("%w: its C library is glibc %d.%d, the plugin needs %d.%d or newer. Use a newer release of the system, or a "+
			"container of one",
			ErrUnsupported, major, minor, w.major, w.minor)
	case !found && s.musl():
		return fmt.Errorf("%w: its C library is musl, the plugin needs glibc %d.%d or newer. Use a system or a container with glibc (Debian, "+
			"Ubuntu, Fedora)",
			ErrUnsupported, w.major, w.minor)
	}
	return nil
}

// libcPlaces are where distributions keep glibc.
var libcPlaces = []string{
	"lib/x86_64-linux-gnu/libc.so.6", "lib64/libc.so.6", "usr/lib64/libc.so.6", "usr/lib/libc.so.6", "lib/libc.so.6",
}

// glibcBanner is in every glibc, for those who run libc.so.6 as a program.
var glibcBanner = regexp.MustCompile(`GNU C Library [^\n]*version (\d+)\.(\d+)`)

// glibc returns the version of the machine's glibc by reading it: asking it would need cgo or another program.
func (s system) glibc() (major, minor int, found bool) {
	for _, place := range libcPlaces {
		f, err := s.root.Open(place)
		if err != nil {
			continue
		}
		content, err := io.ReadAll(f)
		f.Close()
		if m := glibcBanner.FindSubmatch(content); err == nil && m != nil {
			major, _ = strconv.Atoi(string(m[1]))
			minor, _ = strconv.Atoi(string(m[2]))
			return major, minor, true
		}
	}
	return 0, 0, false
}

func (s system) musl() bool {
	loaders, err := fs.Glob(s.root, "lib/ld-musl-*")
	return err == nil && len(loaders) > 0
}
