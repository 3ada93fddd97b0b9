package experiment

import (
	"fmt"

	"gomm/mmlib/eval"
	"gomm/mmlib/report"
)

// How many neighbours a report shows.
const (
	picturesFound = 8
	textsFound    = 4
)

// attentionSection shows what a vision transformer's class token looks at in the last block: on a picture of each class by
// the mean of its heads, and on one of them by each head. A model without such a function has no such section.
func (c *classified) attentionSection() ([]report.Section, error) {
	if _, has := c.model.Func("attention"); !has || c.originals == nil {
		return nil, nil
	}
	names := c.names()
	shown := eval.FirstOfEachClass(c.set, len(names))
	session, err := c.session.With([]string{"attention"}, len(shown))
	if err != nil {
		return nil, err
	}
	maps, err := eval.Run(session, "attention", len(shown), func(dst []float32, i int) { c.set.Picture(dst, shown[i], nil) })
	if err != nil {
		return nil, err
	}
	f, _ := session.Func("attention")
	layers, heads, grid := f.Out[0].Dim(0), f.Out[0].Dim(1), f.Out[0].Dim(2)
	last := func(i int) []float32 { return maps.Row(i)[(layers-1)*heads*grid*grid:] } // [Heads, Grid, Grid]
	classes := report.Gallery{Title: fmt.Sprintf("%s, block %d of %d, mean of its heads", c.label, layers, layers)}
	for i, example := range shown {
		classes.Pictures = append(classes.Pictures, report.Picture{
			Image: c.originals.Original(example), Weights: eval.MeanHeads(last(i), grid), Caption: names[c.set.Class(example)],
		})
	}
	middle := len(shown) / 2
	single := report.Gallery{Title: fmt.Sprintf("%s, block %d of %d, each of its heads", c.label, layers, layers)}
	for head := range heads {
		single.Pictures = append(single.Pictures, report.Picture{
			Image: c.originals.Original(shown[middle]), Weights: eval.MeanHeads(last(middle)[head*grid*grid:][:grid*grid], grid),
			Caption: fmt.Sprintf("head %d", head+1),
		})
	}
	return []report.Section{report.Attention(classes, single)}, nil
}

// neighboursSection looks pictures up by texts and texts by pictures, in the shared space.
func (z *ZeroShot) neighboursSection() ([]report.Section, error) {
	if z.originals == nil {
		return nil, nil
	}
	texts, vectors, err := z.prompts()
	if err != nil {
		return nil, err
	}
	byText, err := z.picturesFor(texts, vectors)
	if err != nil {
		return nil, err
	}
	byPicture, err := z.textsFor(texts, vectors)
	if err != nil {
		return nil, err
	}
	return []report.Section{report.Neighbours(append(byText, byPicture...))}, nil
}

// prompts are all prompts, language by language, class by class, template by template, with their places in the space.
func (z *ZeroShot) prompts() (texts []string, vectors eval.Matrix, err error) {
	var ids [][]int32
	for _, v := range z.languages {
		for _, list := range v.Prompts() {
			for _, prompt := range list {
				row, err := z.model.IDs(prompt)
				if err != nil {
					return nil, eval.Matrix{}, err
				}
				texts, ids = append(texts, prompt), append(ids, row)
			}
		}
	}
	vectors, err = eval.Run(z.session, "text", len(ids), func(dst []int32, i int) { copy(dst, ids[i]) })
	return texts, vectors, err
}

// picturesFor asks for each class once, in its first template, the languages taking turns.
func (z *ZeroShot) picturesFor(texts []string, vectors eval.Matrix) ([]report.Query, error) {
	asked := z.onePromptForEachClass()
	hits, err := eval.Nearest(vectors.Select(asked), z.Images, picturesFound)
	if err != nil {
		return nil, err
	}
	queries := make([]report.Query, len(asked))
	for i, text := range asked {
		queries[i].Text = texts[text]
		for _, h := range hits[i] {
			queries[i].Hits = append(queries[i].Hits, report.Hit{
				Picture: z.originals.Original(h.Item), Text: z.names()[z.set.Class(h.Item)], Score: h.Cosine,
			})
		}
	}
	return queries, nil
}

// onePromptForEachClass numbers, among all prompts, the first one of each class, the languages taking turns.
func (z *ZeroShot) onePromptForEachClass() []int {
	begin := make([]int, len(z.languages)) // of each language
	for i, v := range z.languages[:len(z.languages)-1] {
		begin[i+1] = begin[i] + len(v.Names)*len(v.Templates)
	}
	asked := make([]int, len(z.names()))
	for class := range asked {
		language := class % len(z.languages)
		asked[class] = begin[language] + class*len(z.languages[language].Templates)
	}
	return asked
}

// textsFor asks with the first picture of each class for the nearest of all prompts, whatever their language.
func (z *ZeroShot) textsFor(texts []string, vectors eval.Matrix) ([]report.Query, error) {
	asked := eval.FirstOfEachClass(z.set, len(z.names()))
	hits, err := eval.Nearest(z.Images.Select(asked), vectors, textsFound)
	if err != nil {
		return nil, err
	}
	queries := make([]report.Query, len(asked))
	for i, example := range asked {
		queries[i] = report.Query{Picture: z.originals.Original(example), Text: z.names()[z.set.Class(example)]}
		for _, h := range hits[i] {
			queries[i].Hits = append(queries[i].Hits, report.Hit{Text: texts[h.Item], Score: h.Cosine})
		}
	}
	return queries, nil
}
