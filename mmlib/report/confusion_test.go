package report

import (
	"strings"
	"testing"
)

// TestConfusionWords: the words beside a matrix are English where the caller gives none.
func TestConfusionWords(t *testing.T) {
	for _, c := range []struct {
		words Words
		want  []string
	}{
		{Words{}, []string{"the picture shows", "the model says", "recall", "precision"}},
		{Words{Shows: "真实类别", Says: "预测类别", Recall: "召回率", Precision: "精确率"}, []string{"真实类别", "预测类别", "召回率", "精确率"}},
		{Words{Recall: "召回率"}, []string{"the picture shows", "the model says", "召回率", "precision"}},
	} {
		svg, err := Confusion{Title: "c", Classes: []string{"a", "b"}, Counts: [][]int{{3, 1}, {0, 4}}, Words: c.words}.SVG()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(string(svg), want) {
				t.Errorf("words %+v: the drawing lacks %q", c.words, want)
			}
		}
	}
}
