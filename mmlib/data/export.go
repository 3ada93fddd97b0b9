package data

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"gomm/mmlib/data/picture"
)

// Recorded is a set that can show its examples to people and describe them to other programs.
type Recorded interface {
	Set
	Original(i int) image.Image
	Record(i int) any // its JSON is an object
}

// filmed is a set of films, of which people see every frame.
type filmed interface{ Frames(i int) []image.Image }

// frameDelay is how long a frame of an exported film is shown, in hundredths of a second.
const frameDelay = 10

// Export writes the first n examples of a set into a new folder, for other programs: examples.jsonl has an object a line, what
// Record says of the example and, as "picture", the name of its file, a PNG, or, as "film", that of an animated GIF. The folder
// appears when all of it is written.
func Export(dir string, set Recorded, n int) (err error) {
	if n < 1 || n > set.Len() {
		return fmt.Errorf("data: %d examples cannot be exported: the split has %d", n, set.Len())
	}
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("data: %s exists already: name a new folder, or remove it", dir)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	temp, err := os.MkdirTemp(parent, ".export-")
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	var lines bytes.Buffer
	for i := range n {
		key, name, encode := "picture", fmt.Sprintf("%06d.png", i), func(w io.Writer) error { return png.Encode(w, set.Original(i)) }
		if films, ok := set.(filmed); ok {
			key, name = "film", fmt.Sprintf("%06d.gif", i)
			encode = func(w io.Writer) error { return picture.EncodeGIF(w, films.Frames(i), frameDelay) }
		}
		line, err := withFile(set.Record(i), key, name)
		if err != nil {
			return fmt.Errorf("data: example %d: %w", i, err)
		}
		lines.Write(line)
		if err := writeFile(filepath.Join(temp, name), encode); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(temp, "examples.jsonl"), lines.Bytes(), 0o644); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

// withFile is the line of an example, with the name of its file under a key.
func withFile(record any, key, name string) ([]byte, error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	object[key] = name
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // "<左>" as it is
	err = encoder.Encode(object)
	return line.Bytes(), err
}

// writeFile writes a file into the folder that is not there yet for others.
func writeFile(path string, encode func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	w := bufio.NewWriter(f)
	if err := errors.Join(encode(w), w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("data: writing %s: %w", path, err)
	}
	return nil
}
