package weights

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// openIndex opens the shards that an index names.
func openIndex(path string) (f *File, err error) {
	shardOf, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	f = &File{path: path, tensors: make(map[string]tensor, len(shardOf)), names: slices.Sorted(maps.Keys(shardOf))}
	due := map[string][]string{} // the names in each shard, sorted
	for _, name := range f.names {
		due[shardOf[name]] = append(due[shardOf[name]], name)
	}
	var wrong []string
	for i, shard := range slices.Sorted(maps.Keys(due)) {
		part, err := openFile(filepath.Join(filepath.Dir(path), shard))
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		f.maps = append(f.maps, part.maps...)
		if lacks := without(due[shard], part.names); len(lacks) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s lacks %q", shard, lacks))
		}
		if more := without(part.names, due[shard]); len(more) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s holds %q, which the index does not say of it", shard, more))
		}
		maps.Copy(f.tensors, part.tensors)
		if i == 0 {
			f.metadata = part.metadata
		}
		maps.DeleteFunc(f.metadata, func(key, value string) bool {
			other, ok := part.metadata[key]
			return !ok || other != value
		})
	}
	if len(wrong) > 0 {
		err := fmt.Errorf("%s and its shards do not fit together: %s. Fetch all of them again", path, strings.Join(wrong, "; "))
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// without returns what of the sorted names is not in the sorted others.
func without(names, others []string) (rest []string) {
	for _, name := range names {
		if _, ok := slices.BinarySearch(others, name); !ok {
			rest = append(rest, name)
		}
	}
	return rest
}

// readIndex returns the file of each tensor.
func readIndex(path string) (map[string]string, error) {
	file, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > maxHeader {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d allowed for an index", path, size, maxHeader)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxHeader))
	if err != nil {
		return nil, err
	}
	shardOf, err := parseIndex(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return shardOf, nil
}

// parseIndex reads {"weight_map": {NAME: FILE, …}, …}. What else is in the object is not looked at.
func parseIndex(text []byte) (shardOf map[string]string, err error) {
	if !utf8.Valid(text) {
		return nil, errors.New("the index is not UTF-8")
	}
	s := &scanner{text: text}
	var wrong []string
	err = s.object(func(key string) error {
		if key != "weight_map" {
			return s.skip()
		}
		if shardOf != nil {
			return s.errorf("weight_map stands twice")
		}
		shardOf = map[string]string{}
		return s.object(func(name string) error {
			shard, err := s.quoted()
			if err != nil {
				return err
			}
			if _, ok := shardOf[name]; ok {
				return s.errorf("the tensor %q stands twice", name)
			}
			if !plain(shard) && !slices.Contains(wrong, shard) {
				wrong = append(wrong, shard)
			}
			shardOf[name] = shard
			return nil
		})
	})
	if err == nil {
		err = s.end()
	}
	switch {
	case err != nil:
		return nil, err
	case shardOf == nil:
		return nil, errors.New("there is no weight_map: this is not an index of safetensors files")
	case len(wrong) > 0:
		return nil, fmt.Errorf("%q are not names of .safetensors files in the index's own folder", wrong)
	}
	return shardOf, nil
}

// plain reports whether a shard's name is that of a file in the same folder, on every system.
func plain(shard string) bool {
	return strings.HasSuffix(shard, ".safetensors") && filepath.IsLocal(shard) && !strings.ContainsAny(shard, "/\\:\x00")
}
