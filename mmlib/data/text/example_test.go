package text_test

import (
	"fmt"

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
