package text_test

import (
	"fmt"

	"gomm/mmlib/data/text"
)

// A vocabulary is made of the captions that a model is trained on: a token a word, a token a Chinese character.
func Example() {
	words := text.NewWords([]string{"the digit seven", "数字七"})
	fmt.Println("vocabulary:", words.VocabSize(), "end of text:", words.EndOfText())

	ids, err := words.Encode("The digit 七", 6)
	fmt.Println(ids, err)
	fmt.Println(words.Decode(ids))

	_, err = words.Encode("the digit eight", 6)
	fmt.Println(err)
	// Output:
	// vocabulary: 9 end of text: 8
	// [1 4 2 5 8 0] <nil>
	// the digit七
	// text: "the digit eight" has words that the model was not trained on: "eight"; its vocabulary is digit seven the 七 字 数
}
