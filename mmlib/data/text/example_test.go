package text_test

import (
	"fmt"
	"slices"

	"gomm/mmlib/data/text"
)

// A vocabulary is made of the captions that a model is trained on: one token for each word or Chinese character.
func Example() {
	words := text.NewWords([]string{"the digit seven", "数字七"})
	end, _ := words.Special(text.End)
	fmt.Println("vocabulary:", words.VocabSize(), "end of text:", end)

	ids, err := words.Encode("The digit 七")
	fmt.Println(ids, err)
	ids, err = text.Fixed(words, "The digit 七", 6, text.Refuse) // with start, end and padding
	fmt.Println(ids, err)
	fmt.Println(words.Decode(ids))

	_, err = words.Encode("the digit eight")
	fmt.Println(err)
	// Output:
	// vocabulary: 9 end of text: 8
	// [4 2 5] <nil>
	// [1 4 2 5 8 0] <nil>
	// the digit七
	// text: "the digit eight" has words that the model was not trained on: "eight"; its vocabulary is digit seven the 七 字 数
}

// Byte-pair encoding makes tokens of what is frequent. What is not it puts together of smaller ones, down to bytes, so that no
// text is refused.
func ExampleTrainBPE() {
	captions := []string{"a low shelf", "a lower shelf", "the lowest shelf", "七的照片", "八的照片"}
	tokenizer, err := text.TrainBPE(slices.Values(captions), text.BPEOptions{
		VocabSize:    280, // at most: these texts have fewer pairs that occur twice
		MinFrequency: 2,
		Special:      []string{text.Pad, text.Start, text.End},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, caption := range []string{"a lower shelf", "slow", "七的照片", "\xff"} {
		ids, _ := tokenizer.Encode(caption)
		var tokens []string
		for _, id := range ids {
			tokens = append(tokens, tokenizer.Decode([]int32{id}))
		}
		fmt.Printf("%q → %q, again %q\n", caption, tokens, tokenizer.Decode(ids))
	}
	fmt.Println(text.Fixed(tokenizer, "a shelf", 6, text.Refuse)) // with start, end and padding

	file, _ := text.File(tokenizer) // a tokenizer.json, which Hugging Face's tokenizers read too
	same, err := text.Read(file)
	fmt.Println(same.VocabSize(), err)
	// Output:
	// "a lower shelf" → ["a" " lowe" "r" " shelf"], again "a lower shelf"
	// "slow" → ["s" "lo" "w"], again "slow"
	// "七的照片" → ["\xe4" "\xb8" "\x83" "的照片"], again "七的照片"
	// "\xff" → ["\xff"], again "\xff"
	// [1 67 266 2 0 0] <nil>
	// 276 <nil>
}
