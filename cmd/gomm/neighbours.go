package main

import (
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/eval"
	"gomm/mmlib/models"
	reporting "gomm/mmlib/report"
)

// How many neighbours a report shows.
const (
	picturesFound = 8
	textsFound    = 4
)

// neighboursSection looks pictures up by texts and texts by pictures, in the space of each CLIP.
func neighboursSection(runs []*evaluation) ([]reporting.Section, error) {
	var queries []reporting.Query
	for _, e := range runs {
		if e.config.Task != models.CLIP {
			continue
		}
		p, err := e.placePrompts()
		if err != nil {
			return nil, err
		}
		pictures, err := e.picturesFor(p)
		if err != nil {
			return nil, err
		}
		texts, err := e.textsFor(p)
		if err != nil {
			return nil, err
		}
		queries = append(append(queries, pictures...), texts...)
	}
	if queries == nil {
		return nil, nil
	}
	return []reporting.Section{reporting.Neighbours(queries)}, nil
}

// placed are prompts with their places in the shared space: language by language, class by class, template by template.
type placed struct {
	texts   []string
	vectors eval.Matrix
}

func (e *evaluation) placePrompts() (placed, error) {
	var p placed
	var ids [][]int32
	f, _ := e.session.Func("text")
	for _, language := range e.config.Data.Captions.Languages {
		prompts, err := models.Prompts(e.config.Data.Name, language)
		if err != nil {
			return p, err
		}
		for _, class := range prompts {
			p.texts = append(p.texts, class...)
		}
		rows, err := models.PromptIDs(e.model.Tokenizer, prompts, f.In[0].Dim(0))
		if err != nil {
			return p, err
		}
		ids = append(ids, rows...)
	}
	var err error
	p.vectors, err = eval.Run(e.session, "text", len(ids), func(dst []int32, i int) { copy(dst, ids[i]) })
	return p, err
}

// picturesFor asks for each class once, in its first template, the languages taking turns.
func (e *evaluation) picturesFor(p placed) ([]reporting.Query, error) {
	languages := e.config.Data.Captions.Languages
	perLanguage := len(p.texts) / len(languages)
	perClass := perLanguage / mnist.NumClasses
	var asked []int
	for class := range mnist.NumClasses {
		asked = append(asked, class%len(languages)*perLanguage+class*perClass)
	}
	hits, err := nearest(rows(p.vectors, asked), e.embeddings, picturesFound)
	if err != nil {
		return nil, err
	}
	names, err := mnist.Classes(e.config.Data.Name, "en")
	if err != nil {
		return nil, err
	}
	queries := make([]reporting.Query, len(asked))
	for i, text := range asked {
		queries[i].Text = p.texts[text]
		for _, h := range hits[i] {
			queries[i].Hits = append(queries[i].Hits, reporting.Hit{
				Picture: e.pictures.Gray(h.item), Text: names[e.pictures.Class(h.item)], Score: h.cosine,
			})
		}
	}
	return queries, nil
}

// textsFor asks with the first picture of each class for the nearest of all prompts, whatever their language.
func (e *evaluation) textsFor(p placed) ([]reporting.Query, error) {
	asked := e.firstOfEachClass()
	hits, err := nearest(rows(e.embeddings, asked), p.vectors, textsFound)
	if err != nil {
		return nil, err
	}
	names, err := mnist.Classes(e.config.Data.Name, "en")
	if err != nil {
		return nil, err
	}
	queries := make([]reporting.Query, len(asked))
	for i, example := range asked {
		queries[i] = reporting.Query{Picture: e.pictures.Gray(example), Text: names[e.pictures.Class(example)]}
		for _, h := range hits[i] {
			queries[i].Hits = append(queries[i].Hits, reporting.Hit{Text: p.texts[h.item], Score: h.cosine})
		}
	}
	return queries, nil
}

// neighbour is a row of a matrix and its cosine with the row that asked for it.
type neighbour struct {
	item   int
	cosine float64
}

// nearest gives for each query its k nearest items, the nearest first.
func nearest(queries, items eval.Matrix, k int) ([][]neighbour, error) {
	found, err := eval.Nearest(queries, items, k)
	if err != nil {
		return nil, err
	}
	cosines, err := eval.Similarity(queries, items)
	if err != nil {
		return nil, err
	}
	out := make([][]neighbour, len(found))
	for i := range found {
		for _, item := range found[i] {
			out[i] = append(out[i], neighbour{item, float64(cosines.Row(i)[item])})
		}
	}
	return out, nil
}

// rows picks rows of a matrix.
func rows(m eval.Matrix, which []int) eval.Matrix {
	picked := eval.Matrix{Rows: len(which), Width: m.Width}
	for _, i := range which {
		picked.Data = append(picked.Data, m.Row(i)...)
	}
	return picked
}
