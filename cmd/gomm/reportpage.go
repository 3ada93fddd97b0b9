package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	reporting "gomm/mmlib/report"
	"gomm/mmlib/run"
)

const reportLead = `How the model was trained, how well it does on pictures that it has never seen, and what it looks at when it does. ` +
	`Each section says what one sees and what is normal.`

// writeReport writes one page about one run or several: a section for each question, and in it every run that has an
// answer.
func writeReport(path, title string, runs ...*evaluation) error {
	p := reporting.Page{Title: title, Lead: reportLead}
	for _, part := range []func([]*evaluation) ([]reporting.Section, error){
		resultsSection, curvesSections, similaritySection, neighboursSection, attentionSection, confusionSection, mistakesSection,
	} {
		sections, err := part(runs)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		p.Sections = append(p.Sections, sections...)
	}
	return p.WriteFile(path)
}

// among makes a name that tells a run from the others of the page: with its folder if another one is of the same kind.
func (e *evaluation) among(runs []*evaluation, name string) string {
	for _, other := range runs {
		if other != e && other.kind() == e.kind() {
			return fmt.Sprintf("%s (%s)", name, e.dir)
		}
	}
	return name
}

func resultsSection(runs []*evaluation) ([]reporting.Section, error) {
	var accuracies []reporting.Accuracy
	about := reporting.Table{Title: "The run", Columns: []string{""}}
	for _, name := range factNames {
		about.Rows = append(about.Rows, []string{name})
	}
	for _, e := range runs {
		for _, a := range e.answers {
			accuracies = append(accuracies, a.counted(e.among(runs, e.name(a))))
		}
		about.Columns = append(about.Columns, e.among(runs, e.kind()))
		for i, value := range e.facts() {
			about.Rows[i] = append(about.Rows[i], value)
		}
	}
	if len(runs) > 1 {
		about.Title = "The runs"
	}
	s, err := reporting.Results(accuracies, nil)
	s.Blocks = append(s.Blocks, about)
	return []reporting.Section{s}, err
}

var factNames = []string{"run folder", "preset", "seed", "weights", "training", "speed", "best step", "pictures", "inference", "backend"}

// facts are what there is to know about a run, in the order of factNames.
func (e *evaluation) facts() []string {
	weights := 0
	for v := range e.model.Store().IterVariables() {
		if run.IsWeight(v.Path()) {
			weights += v.Shape().Size()
		}
	}
	t := e.trained
	training := fmt.Sprintf("%s steps in %v", ui.Count(int(t.Steps)), time.Duration(t.WallSeconds)*time.Second)
	if t.Steps == 0 { // killed before it could say so
		training = fmt.Sprintf("%s steps planned", ui.Count(e.config.Training.Steps))
	}
	return []string{
		e.dir, e.config.Preset, fmt.Sprint(e.config.Seed), ui.Count(weights), training,
		ui.Count(int(t.ImagesPerSecond)) + " images/s", ui.Count(int(e.model.Step)),
		fmt.Sprintf("%s of %s, %s", ui.Count(e.pictures.Len()), e.config.Data.Name, e.split),
		ui.Count(int(e.imagesPerSecond)) + " images/s", xla.Describe(e.backend),
	}
}

func curvesSections(runs []*evaluation) ([]reporting.Section, error) {
	var sections []reporting.Section
	for _, e := range runs {
		t := reporting.Training{
			Loss:         e.series("training", "loss"),
			LearningRate: e.series("learning rate", "learning_rate"),
			Accuracy:     e.series("validation", "accuracy"),
		}
		if len(t.Accuracy.X) < 2 { // a point is no curve
			t.Accuracy = reporting.Series{}
		}
		t.Loss.Smooth = len(t.Loss.X) / 20
		if floor := e.series("", "floor").Y; len(floor) > 0 {
			for _, y := range floor {
				t.Floor += y / float64(len(floor))
			}
			t.FloorLabel = reporting.ContrastiveFloor(t.Floor)
		}
		s := reporting.Curves(t)
		if len(runs) > 1 {
			s.Title += ": " + e.among(runs, e.kind())
		}
		if len(sections) > 0 {
			s.Text = "" // it stands above
		}
		sections = append(sections, s)
	}
	return sections, nil
}

// series is a metric over the steps. A training that diverged leaves values that cannot be drawn; they are left out.
func (e *evaluation) series(name, metric string) reporting.Series {
	s := reporting.Series{Name: name}
	for _, p := range e.points {
		if y, ok := p.Metrics[metric]; ok && !math.IsNaN(y) && !math.IsInf(y, 0) {
			s.X, s.Y = append(s.X, float64(p.Step)), append(s.Y, y)
		}
	}
	return s
}

func similaritySection(runs []*evaluation) ([]reporting.Section, error) {
	var matrices []reporting.Matrix
	for _, e := range runs {
		for _, a := range e.answers {
			if a.language == "" {
				continue
			}
			rows, err := mnist.Classes(e.config.Data.Name, "en")
			if err != nil {
				return nil, err
			}
			columns, err := mnist.Classes(e.config.Data.Name, a.language)
			if err != nil {
				return nil, err
			}
			matrices = append(matrices, reporting.Matrix{
				Title:   e.among(runs, languageName(a.language)+" prompts"),
				RowsAre: "pictures of the class", ColumnsAre: "prompts, the mean of all templates",
				Rows: rows, Columns: columns, Values: e.meanSimilarity(a.language, len(rows)), Diagonal: true,
			})
		}
	}
	if matrices == nil {
		return nil, nil
	}
	return []reporting.Section{reporting.Similarity(matrices...)}, nil
}

// meanSimilarity is the mean cosine of the pictures of each class with the prompts of each class.
func (e *evaluation) meanSimilarity(language string, classes int) [][]float64 {
	s := e.similarity[language]
	mean, of := make([][]float64, classes), make([]float64, classes)
	for i := range mean {
		mean[i] = make([]float64, s.Width)
	}
	for i := range s.Rows {
		class := e.pictures.Class(i)
		of[class]++
		for j, x := range s.Row(i) {
			mean[class][j] += float64(x)
		}
	}
	for i, row := range mean {
		for j := range row {
			row[j] /= max(1, of[i])
		}
	}
	return mean
}

func attentionSection(runs []*evaluation) ([]reporting.Section, error) {
	var galleries []reporting.Gallery
	pretrained := slices.ContainsFunc(runs, func(e *evaluation) bool { return e.config.Task == models.CLIP })
	for _, e := range runs {
		if pretrained && e.frozen() { // it looks as the CLIP does that its tower is from
			continue
		}
		both, err := e.attention()
		if err != nil {
			return nil, err
		}
		for _, g := range both {
			g.Title = e.among(runs, e.kind()) + ", " + g.Title
			galleries = append(galleries, g)
		}
	}
	return []reporting.Section{reporting.Attention(galleries...)}, nil
}

// attention shows what the class token looks at in the last block: on a picture of each class by the mean of its heads, and
// on one of them by each head.
func (e *evaluation) attention() ([]reporting.Gallery, error) {
	names, err := mnist.Classes(e.config.Data.Name, "en")
	if err != nil {
		return nil, err
	}
	shown := e.firstOfEachClass()
	session, err := infer.Open(e.backend, e.model, []string{"attention"}, len(shown))
	if err != nil {
		return nil, err
	}
	maps, err := eval.Run(session, "attention", len(shown), func(dst []float32, i int) { e.pictures.Picture(dst, shown[i], nil) })
	if err != nil {
		return nil, err
	}
	f, _ := session.Func("attention")
	layers, heads, grid := f.Out[0].Dim(0), f.Out[0].Dim(1), f.Out[0].Dim(2)
	last := func(i int) []float32 { return maps.Row(i)[(layers-1)*heads*grid*grid:] } // [Heads, Grid, Grid]
	classes := reporting.Gallery{Title: fmt.Sprintf("block %d of %d, mean of its heads", layers, layers)}
	for i, example := range shown {
		classes.Pictures = append(classes.Pictures, reporting.Picture{
			Image: e.pictures.Gray(example), Weights: meanHeads(last(i), grid), Caption: names[e.pictures.Class(example)],
		})
	}
	middle := len(shown) / 2
	single := reporting.Gallery{Title: fmt.Sprintf("block %d of %d, each of its heads", layers, layers)}
	for head := range heads {
		single.Pictures = append(single.Pictures, reporting.Picture{
			Image: e.pictures.Gray(shown[middle]), Weights: meanHeads(last(middle)[head*grid*grid:][:grid*grid], grid),
			Caption: fmt.Sprintf("head %d", head+1),
		})
	}
	return []reporting.Gallery{classes, single}, nil
}

// meanHeads takes weights [Heads, Grid, Grid] to their mean [Grid, Grid].
func meanHeads(weights []float32, grid int) [][]float64 {
	mean := make([][]float64, grid)
	for row := range mean {
		mean[row] = make([]float64, grid)
	}
	heads := float64(len(weights) / (grid * grid))
	for i, w := range weights {
		mean[i/grid%grid][i%grid] += float64(w) / heads
	}
	return mean
}

// firstOfEachClass gives an example of each class that there is, in the order of the classes.
func (e *evaluation) firstOfEachClass() []int {
	var found []int
	for class := range mnist.NumClasses {
		for i := range e.pictures.Len() {
			if e.pictures.Class(i) == class {
				found = append(found, i)
				break
			}
		}
	}
	return found
}

func confusionSection(runs []*evaluation) ([]reporting.Section, error) {
	var matrices []reporting.Confusion
	for _, e := range runs {
		names, err := mnist.Classes(e.config.Data.Name, "en")
		if err != nil {
			return nil, err
		}
		for _, a := range e.answers {
			counts, err := eval.Confusion(a.predictions, len(names))
			if err != nil {
				return nil, err
			}
			matrices = append(matrices, reporting.Confusion{Title: e.among(runs, e.name(a)), Classes: names, Counts: counts})
		}
	}
	return []reporting.Section{reporting.Confused(matrices...)}, nil
}

// mistakesSection shows the mistakes of each of the answers.
func mistakesSection(runs []*evaluation) ([]reporting.Section, error) {
	const most = 16
	section := reporting.Mistakes("", nil)
	for _, e := range runs {
		names, err := mnist.Classes(e.config.Data.Name, "en")
		if err != nil {
			return nil, err
		}
		for _, a := range e.answers {
			var list []reporting.Mistake
			for _, p := range eval.Mistakes(a.predictions, most) {
				list = append(list, reporting.Mistake{
					Picture: e.pictures.Gray(p.Example), True: names[p.True], Predicted: names[p.Predicted], Probability: p.Probability,
				})
			}
			section.Blocks = append(section.Blocks, reporting.Mistakes(e.among(runs, e.name(a)), list).Blocks...)
		}
	}
	return []reporting.Section{section}, nil
}
