package text_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/data/text"
)

func ExampleDialogue() {
	t := text.NewWords([]string{"what digit is it? 7 and its color? red"}, text.Mask)
	ids, said, err := text.Dialogue(t, []text.Turn{{"what digit is it?", "7"}, {"and its color?", "red"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, id := range ids {
		if said[i] {
			fmt.Print("[", t.Decode([]int32{id}), "] ")
			continue
		}
		fmt.Print(t.Decode([]int32{id}), " ")
	}
	// Output: what digit is it ?  [7] [] and its color ?  [red] []
}

func TestAsk(t *testing.T) {
	words := text.NewWords([]string{"what is it? 7"}, text.Mask)
	turns := []text.Turn{{"what is it?", "7"}}
	whole, _, err := text.Dialogue(words, append(turns, text.Turn{"is it?", "7"}))
	if err != nil {
		t.Fatal(err)
	}
	asked, err := text.Ask(words, turns, "is it?")
	if err != nil || !slices.Equal(asked, whole[:len(whole)-2]) {
		t.Errorf("%v, %v; of %v", asked, err, whole)
	}
	if _, err := text.Ask(words, turns, "was?"); err == nil || !strings.Contains(err.Error(), `"was"`) {
		t.Errorf("error %v", err)
	}
	if _, _, err := text.Dialogue(words, []text.Turn{{"is it?", "blue"}}); err == nil || !strings.Contains(err.Error(), `"blue"`) {
		t.Errorf("error %v", err)
	}
}
