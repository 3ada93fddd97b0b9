package plugin

import (
	"errors"
	"fmt"
	"os"
)

// Verify returns an error if the plugin in a file is ours and no longer what [Fetch] installed; ask it before opening a plugin.
// Those from elsewhere are not ours to judge. The content is read once: a record beside the library, of its size and the time
// of its last change, remembers that it was intact.
func Verify(path string) error {
	dir, err := Dir()
	if err != nil || path != cpuWheel.library(dir) {
		return nil
	}
	return cpuWheel.intact(path)
}

// intact returns an error if an installed library is damaged, by the record or by its content.
func (w wheel) intact(library string) error {
	if known, err := os.ReadFile(record(library)); err == nil && string(known) == w.state(library) {
		return nil
	}
	err := w.examine(library)
	if errors.Is(err, errDamaged) {
		return fmt.Errorf("%w; replace it by: %s", err, Command)
	}
	return err
}

// examine compares an installed library with its sum, whatever the record says, and renews the record. One that cannot be written
// makes the next look slower, no more.
func (w wheel) examine(library string) error {
	state := w.state(library)
	if err := verify(library, w.librarySize, w.librarySum); err != nil {
		_ = os.Remove(record(library))
		return err
	}
	_ = os.WriteFile(record(library), []byte(state), 0o644)
	return nil
}

// record is the file that remembers in which state a library was found intact.
func record(library string) string { return library + ".verified" }

// state changes whenever a library is written to. It is known without reading it.
func (w wheel) state(library string) string {
	info, err := os.Stat(library)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s\n%d bytes of %v\nSHA-256 %s\n", library, info.Size(), info.ModTime().UnixNano(), w.librarySum)
}
