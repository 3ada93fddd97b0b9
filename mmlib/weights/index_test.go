package weights_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/weights"
)

const (
	shard1 = `{"__metadata__":{"format":"pt","part":"1"},"b":["U8",[2],[0,2]],"d":["U8",[],[2,3]]}`
	shard2 = `{"__metadata__":{"part":"2","format":"pt"},"a":["U8",[],[0,1]],"c":["U8",[0],[1,1]]}`
	index  = ` {"metadata":{"total_size":4},"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors","c":"m-2.safetensors",` +
		`"d":"m-1.safetensors"},"more":[1e3,null]}` + "\n"
)

func TestIndex(t *testing.T) {
	dir := onDisk(t, map[string][]byte{
		"m.safetensors.index.json": []byte(index), "m-1.safetensors": file(shard1, "123"), "m-2.safetensors": file(shard2, "4"),
	})
	f, err := weights.Open(filepath.Join(dir, "m.safetensors.index.json"))
	check.Must(t, err)
	if got := f.Names(); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("the names are %q", got)
	}
	if got, want := f.Metadata(), map[string]string{"format": "pt"}; !maps.Equal(got, want) {
		t.Errorf("the metadata is %q, want %q: what all shards say", got, want)
	}
	for name, want := range map[string]string{"a": "4", "b": "12", "c": "", "d": "3"} {
		if got, err := f.Raw(name); err != nil || string(got) != want {
			t.Errorf("%s is %q, error %v, want %q", name, got, err, want)
		}
	}
	check.Must(t, f.Close())
	check.Error(t, second(f.Raw("a")), "m.safetensors.index.json", "closed")
}

// TestIndexRefuses has one index for each thing that can be wrong with it or its shards.
func TestIndexRefuses(t *testing.T) {
	dir := onDisk(t, map[string][]byte{
		"1.safetensors": file(shard1, "123"), "2.safetensors": file(shard2, "4"), "damaged.safetensors": file(shard2, ""),
	})
	of := func(weightMap string) string { return `{"weight_map":{` + weightMap + `}}` }
	for name, test := range map[string]struct {
		index string
		words []string
	}{
		"empty":      {"", []string{"x.index.json: byte 0 of the JSON: it ends where '{' is due"}},
		"no map":     {"{}", []string{"x.index.json: there is no weight_map: this is not an index"}},
		"null":       {`{"weight_map":null}`, []string{"byte 14 of the JSON: 'n' stands where '{' is due"}},
		"two maps":   {`{"weight_map":{},"weight_map":{}}`, []string{"weight_map stands twice"}},
		"UTF-8":      {"{\"\xff\":1}", []string{"the index is not UTF-8"}},
		"more":       {"{} {}", []string{"follows the end"}},
		"number":     {of(`"a":1`), []string{"'1' stands where '\"' is due"}},
		"name twice": {of(`"a":"1.safetensors","a":"2.safetensors"`), []string{`the tensor "a" stands twice`}},
		"other names": {of(`"a":"../1.safetensors","b":"/1.safetensors","c":"x/1.safetensors","d":"x\\1.safetensors","e":"1.bin","f":"",
			"g":"c:1.safetensors","h":"1.safetensors"`), []string{
			`["../1.safetensors" "/1.safetensors" "x/1.safetensors" "x\\1.safetensors" "1.bin" "" "c:1.safetensors"] are not names`}},
		"all at once": {of(`"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors","e":"1.safetensors","f":"none.safetensors",
			"g":"damaged.safetensors"`), []string{
			`1.safetensors lacks ["a" "e"]; 1.safetensors holds ["d"], which the index does not say of it; 2.safetensors holds ["a"]`,
			"none.safetensors: ", "damaged.safetensors: the tensors take 1 bytes", "do not fit together"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "x.index.json")
			check.Must(t, writeFile(path, test.index))
			_, err := weights.Open(path)
			check.Error(t, err, append(test.words, "weights: ", path)...)
		})
	}
}
