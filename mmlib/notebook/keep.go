package notebook

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// Dir returns a folder of this notebook's session, which every cell shares and which is removed when the kernel ends. A program that
// is not a notebook's has one for itself, below the system's folder for temporary files.
func Dir() string {
	dir := sessionFolder()
	Check(os.MkdirAll(dir, 0o700))
	return dir
}

func sessionFolder() string {
	dir := os.Getenv(protocol.GONB_TMP_DIR_ENV)
	if dir == "" {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("gomm-notebook-%d", os.Getpid()))
	}
	return filepath.Join(dir, "session")
}

// Save keeps a value for later cells, under a name: letters, digits, - and _. It replaces what was kept under that name.
//
// The value may be anything that encoding/gob encodes: numbers, texts, slices, maps, structs with exported fields. A tensor, a
// model or a session is none of these; save the numbers in it, or open it again.
func Save(name string, value any) { Check(save(name, value)) }

// Load returns the value that an earlier cell saved under a name; T is its type.
func Load[T any](name string) T {
	var value T
	Check(load(name, &value))
	return value
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func file(name string) (string, error) {
	if !plainName.MatchString(name) {
		return "", fmt.Errorf("notebook: %q cannot be the name of a kept value: use letters, digits, - and _", name)
	}
	return filepath.Join(Dir(), name+".gob"), nil
}

func save(name string, value any) error {
	path, err := file(name)
	if err != nil {
		return err
	}
	var data bytes.Buffer
	if err := gob.NewEncoder(&data).Encode(value); err != nil {
		return fmt.Errorf("notebook: %q, a %T, cannot be kept: %w", name, value, err)
	}
	// All of it or nothing: a cell may be interrupted.
	if err := os.WriteFile(path+"~", data.Bytes(), 0o600); err != nil {
		return fmt.Errorf("notebook: keeping %q: %w", name, err)
	}
	return os.Rename(path+"~", path)
}

func load(name string, value any) error {
	path, err := file(name)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("notebook: nothing is kept under %q: run the cell that saves it first", name)
	}
	if err != nil {
		return fmt.Errorf("notebook: picking up %q: %w", name, err)
	}
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(value); err != nil {
		return fmt.Errorf("notebook: %q does not fit the type %T that is asked for: %w", name, value, err)
	}
	return nil
}
