package weights_test

import (
	"bytes"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/weights"
)

// FuzzParse: nothing makes Parse panic, and what it accepts survives being written and read.
func FuzzParse(f *testing.F) {
	for _, c := range headers(f) {
		if content := c.content(f); len(content) < 10_000 {
			f.Add(content)
		}
	}
	var files map[string][]byte
	fromReference(f, "files.json", &files)
	for _, content := range files {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		first, err := weights.Parse(content)
		if err != nil {
			return
		}
		for _, name := range first.Names() { // one of them, or an error
			info, _ := first.Info(name)
			if elements := product(info.Shape); info.DType.Bits() >= 8 {
				if floats, err := first.Floats(name); err == nil && len(floats) != elements {
					t.Errorf("%v has %d floats", info, len(floats))
				}
				if ints, err := first.Ints(name); err == nil && len(ints) != elements {
					t.Errorf("%v has %d integers", info, len(ints))
				}
			}
		}
		var written, again bytes.Buffer
		check.Must(t, weights.Write(&written, copied(first, false), first.Metadata()))
		second, err := weights.Parse(written.Bytes())
		check.Must(t, err)
		wantSame(t, first, second)
		check.Must(t, weights.Write(&again, copied(second, false), second.Metadata()))
		if !bytes.Equal(written.Bytes(), again.Bytes()) {
			t.Errorf("written twice it is\n%q and\n%q", written.Bytes(), again.Bytes())
		}
	})
}

func product(shape []int) int {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	return n
}

func wantSame(t *testing.T, a, b *weights.File) {
	t.Helper()
	if !slices.Equal(a.Names(), b.Names()) || !maps.Equal(a.Metadata(), b.Metadata()) || (a.Metadata() == nil) != (b.Metadata() == nil) {
		t.Fatalf("it had %q and %q, and has %q and %q", a.Names(), a.Metadata(), b.Names(), b.Metadata())
	}
	for _, name := range a.Names() {
		before, _ := a.Info(name)
		after, _ := b.Info(name)
		bytesBefore, err := a.Raw(name)
		check.Must(t, err)
		bytesAfter, err := b.Raw(name)
		check.Must(t, err)
		if !reflect.DeepEqual(before, after) || !bytes.Equal(bytesBefore, bytesAfter) {
			t.Errorf("it was %v: %x, and is %v: %x", before, bytesBefore, after, bytesAfter)
		}
	}
}

// FuzzIndex: nothing makes Open panic on an index.
func FuzzIndex(f *testing.F) {
	f.Add(index)
	f.Add(`{"weight_map":{"a":"../x.safetensors"}}`)
	f.Add(`{"weight_map":{"a":".safetensors"}}`)
	dir := onDisk(f, map[string][]byte{"m-1.safetensors": file(shard1, "123"), "m-2.safetensors": file(shard2, "4")})
	f.Fuzz(func(t *testing.T, index string) {
		path := filepath.Join(dir, "x.index.json")
		check.Must(t, writeFile(path, index))
		file, err := weights.Open(path)
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			if _, err := file.Raw(name); err != nil {
				t.Error(err)
			}
		}
		check.Must(t, file.Close())
	})
}
