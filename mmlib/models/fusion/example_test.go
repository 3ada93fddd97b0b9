package fusion_test

import (
	"fmt"
	"math/rand/v2"

	"gomm/mmlib/data/text"
	"gomm/mmlib/models/fusion"
)

// Most of the chosen words are hidden; the model is to say what they were.
func ExampleMasking_Apply() {
	words := text.NewWords([]string{"a flat red 7 on cyan at the top left"}, text.Mask)
	ids, err := words.Encode("a flat red 7 on cyan at the top left")
	if err != nil {
		fmt.Println(err)
		return
	}
	token, _ := words.Special(text.Mask)
	end, _ := words.Special(text.End)
	masking := fusion.Masking{Share: 0.4, Token: token, First: token + 1, Last: end}
	chosen := masking.Apply(ids, rand.New(rand.NewPCG(1, 4)))
	for i, id := range ids {
		word := words.Decode([]int32{id})
		if id == token {
			word = "…"
		}
		if chosen[i] {
			word = "[" + word + "]"
		}
		fmt.Print(word, " ")
	}
	// Output: a flat red […] on cyan […] [red] top […]
}
