package report

import (
	"fmt"
	"image"
	"math"
)

// Accuracy is how many of the examples a model got right.
type Accuracy struct {
	Name         string // "zero-shot, Chinese captions"
	Right, Total int
}

// Wilson returns the interval that holds the true accuracy with 95 % confidence, by Wilson's score: unlike
// p ± 1.96·√(p(1−p)/n) it stays inside [0, 1] and is right near 0 and 1, where good classifiers live.
func (a Accuracy) Wilson() (low, high float64, err error) {
	if a.Total <= 0 || a.Right < 0 || a.Right > a.Total {
		return 0, 0, fmt.Errorf("report: accuracy %q: %d right of %d; want 0 ≤ right ≤ total, and total above 0",
			a.Name, a.Right, a.Total)
	}
	const z = 1.959964 // the normal distribution has 95 % within ± z
	n := float64(a.Total)
	p := float64(a.Right) / n
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half), nil
}

// Results returns a table of accuracies, each with its 95 % interval.
func Results(accuracies []Accuracy) (Section, error) {
	s := Section{Title: "Results", Text: resultsText}
	table := Table{Title: "Accuracy", Columns: []string{"measured", "accuracy", "95 % interval", "right", "of"}}
	for _, a := range accuracies {
		low, high, err := a.Wilson()
		if err != nil {
			return Section{}, err
		}
		table.Rows = append(table.Rows, []string{
			a.Name, fmt.Sprintf("%.2f %%", 100*float64(a.Right)/float64(a.Total)),
			fmt.Sprintf("%.2f – %.2f %%", 100*low, 100*high), count(a.Right), count(a.Total),
		})
	}
	if len(table.Rows) > 0 {
		s.Blocks = append(s.Blocks, table)
	}
	return s, nil
}

// Training holds the metrics of a training run; a series without points was not measured.
type Training struct {
	Loss         Series
	LearningRate Series
	Accuracy     Series // on the validation split, as a fraction

	// Floor is the lowest value the loss can take, FloorLabel what to call it; no floor is drawn when the label is empty.
	// A contrastive loss has one above 0, which ContrastiveFloor labels.
	Floor      float64
	FloorLabel string
}

// ContrastiveFloor is the FloorLabel of a contrastive loss.
func ContrastiveFloor(floor float64) string { return fmt.Sprintf("floor E[ln n_c] = %.2f", floor) }

// Curves shows a training run: the loss with its floor, and below it, small, the learning rate and the validation accuracy.
func Curves(t Training) Section {
	s := Section{Title: "Training", Text: curvesText}
	if t.FloorLabel != "" {
		s.Text += "\n\n" + floorText
	}
	if len(t.Loss.X) > 0 {
		loss := Chart{Title: "Loss, nats", XLabel: "step", Series: []Series{t.Loss}}
		if t.FloorLabel != "" {
			loss.Levels = []Level{{Label: t.FloorLabel, Y: t.Floor}}
		}
		s.Blocks = append(s.Blocks, loss)
	}
	for _, c := range []Chart{
		{Title: "Learning rate", Series: []Series{t.LearningRate}},
		{Title: "Validation accuracy", Series: []Series{t.Accuracy}, Percent: true},
	} {
		if c.XLabel, c.Small = "step", true; len(c.Series[0].X) > 0 {
			s.Blocks = append(s.Blocks, c)
		}
	}
	return s
}

// Similarity shows how alike pictures and captions are to the model, one matrix a language or model.
func Similarity(matrices ...Matrix) Section {
	s := Section{Title: "Similarity of pictures and captions", Text: similarityText}
	for _, m := range matrices {
		s.Blocks = append(s.Blocks, m)
	}
	return s
}

// Attention shows pictures under the weights with which the model looked at them; each needs Weights.
func Attention(galleries ...Gallery) Section {
	s := Section{Title: "Where the model looks", Text: attentionText}
	for _, g := range galleries {
		s.Blocks = append(s.Blocks, g)
	}
	return s
}

// Query is a picture or a text, and what the model finds nearest to it in the other modality, best first.
type Query struct {
	Picture image.Image // nil for a text
	Text    string      // the text, or what the picture is
	Hits    []Hit
}

// Hit is something found: a picture for a text, a text for a picture.
type Hit struct {
	Picture image.Image // nil for a text
	Text    string      // the text, or what the picture is
	Score   float64     // cosine similarity
}

// Neighbours shows what lies near in the shared space: for a text the pictures found, for a picture the texts found. Both
// kinds of query may be mixed.
func Neighbours(queries []Query) Section {
	s := Section{Title: "Nearest neighbours across the modalities", Text: neighboursText}
	texts := Table{Title: "From picture to text"}
	for _, q := range queries {
		if q.Picture == nil {
			s.Blocks = append(s.Blocks, found(q))
			continue
		}
		row := make([]string, len(q.Hits))
		for i, h := range q.Hits {
			row[i] = fmt.Sprintf("%s\n%.2f", h.Text, h.Score)
		}
		for len(texts.Columns) < len(row) {
			texts.Columns = append(texts.Columns, fmt.Sprintf("%d", len(texts.Columns)+1))
		}
		texts.Rows = append(texts.Rows, row)
		texts.Pictures = append(texts.Pictures, Picture{Image: q.Picture, Alt: either(q.Text, "the query")})
	}
	for i := range texts.Rows { // a picture may have found fewer texts than another
		for len(texts.Rows[i]) < len(texts.Columns) {
			texts.Rows[i] = append(texts.Rows[i], "")
		}
	}
	if len(texts.Rows) > 0 {
		s.Blocks = append(s.Blocks, texts)
	}
	return s
}

// found is the gallery of the pictures that a text found.
func found(q Query) Gallery {
	g := Gallery{Title: q.Text}
	for _, h := range q.Hits {
		g.Pictures = append(g.Pictures, Picture{Image: h.Picture, Caption: h.Text, Note: fmt.Sprintf("%.2f", h.Score)})
	}
	return g
}

// Confused shows which classes are taken for which.
func Confused(matrices ...Confusion) Section {
	s := Section{Title: "Confusion matrix", Text: confusionText}
	for _, c := range matrices {
		s.Blocks = append(s.Blocks, c)
	}
	return s
}

// Mistake is an example that the model got wrong.
type Mistake struct {
	Picture         image.Image
	True, Predicted string
	Probability     float64 // which the model gave to its wrong answer
}

// Mistakes shows the wrong answers of which the model was surest, best given in that order; title says whose answers.
func Mistakes(title string, mistakes []Mistake) Section {
	s := Section{Title: "The most confident mistakes", Text: mistakesText, Empty: "There are no mistakes to show."}
	g := Gallery{Title: title}
	for _, m := range mistakes {
		g.Pictures = append(g.Pictures, Picture{
			Image:   m.Picture,
			Caption: fmt.Sprintf("is %s, said %s", m.True, m.Predicted),
			Note:    fmt.Sprintf("%.1f %%", 100*m.Probability),
		})
	}
	if len(g.Pictures) > 0 {
		s.Blocks = []Block{g}
	}
	return s
}
