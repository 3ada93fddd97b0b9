// Package questions is what data sets and measures share of questions about pictures: the question with its answer, a count of right
// answers by kind, and [Blind], which answers without the picture.
package questions

// Question is a question about a picture, with its answer.
type Question struct {
	Kind     string `json:"kind"`  // what it asks for: "count"
	About    string `json:"about"` // the attribute that is asked for, or by which is compared or counted: "color"; "" for several
	Language string `json:"language"`
	Text     string `json:"text"`
	Answer   string `json:"answer"`
	Cells    []int  `json:"cells"`            // of a grid, from which the answer is read; all of them for a count
	Counted  []int  `json:"counted,omitzero"` // the cells whose number is the answer; nil where that is no count
}
