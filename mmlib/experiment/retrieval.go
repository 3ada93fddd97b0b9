package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"gomm/mmlib/data"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// captionedPictures are pictures or films with captions of their own.
type captionedPictures interface {
	Len() int
	Shape() (frames, height, width, channels int)
	Picture(dst []float32, i int, r *rand.Rand)
	Caption(i int, r *rand.Rand) string
	Meaning(i int) string // equal for examples to which each other's captions belong, too
}

// foiled are films with captions that say the same of them but for what time alone shows.
type foiled interface{ Foils(i int) []string }

// searched is the largest number of examples among which is searched.
const searched = 1000

func acceptsRetrieval(m *models.Model, set data.Set) error {
	s, ok := set.(captionedPictures)
	if !ok {
		return fmt.Errorf("experiment: the examples have no captions of their own, by which a %s is measured: choose another data set",
			m.Settings.Kind)
	}
	for i := range min(s.Len(), searched) {
		if _, err := m.IDs(s.Caption(i, nil)); err != nil {
			return err
		}
	}
	return nil
}

// retrieval is how captions find their films, or pictures, and these their captions.
type retrieval struct {
	session  *infer.Session
	model    *models.Model
	set      captionedPictures
	examples []int // of different meanings
	images   eval.Matrix
	texts    eval.Matrix
	byText   eval.Ranks // of films, for each text
	byImage  eval.Ranks // of texts, for each film
	more     []Figure   // that take time
}

// measureRetrieval ranks examples for each caption, and captions for each example, by cosine: among the first 1,000 of the set whose
// captions say something that none before has said, or all of these, if there are fewer.
func measureRetrieval(_ context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(captionedPictures)
	if !ok {
		return nil, acceptsRetrieval(m, set)
	}
	r := &retrieval{session: s, model: m, set: pictures, examples: distinctMeanings(pictures)}
	var captions []string
	for _, i := range r.examples {
		captions = append(captions, pictures.Caption(i, nil))
	}
	var err error
	if r.texts, err = embedTexts(s, m, captions); err != nil {
		return nil, err
	}
	if r.images, err = r.embed(nil); err != nil {
		return nil, err
	}
	if r.byText, err = eval.Retrieval(r.texts, r.images); err != nil {
		return nil, err
	}
	r.byImage, err = eval.Retrieval(r.images, r.texts)
	return r, err
}

// distinctMeanings are the first examples of different meanings, in their order.
func distinctMeanings(set captionedPictures) []int {
	var examples []int
	seen := map[string]bool{}
	for i := 0; i < set.Len() && len(examples) < searched; i++ {
		if meaning := set.Meaning(i); !seen[meaning] {
			seen[meaning] = true
			examples = append(examples, i)
		}
	}
	return examples
}

func embedTexts(s *infer.Session, m *models.Model, texts []string) (eval.Matrix, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = m.IDs(text); err != nil {
			return eval.Matrix{}, err
		}
	}
	return eval.Run(s, "text", len(ids), func(dst []int32, i int) { copy(dst, ids[i]) })
}

// embed embeds the examples, with their frames in another order if there is one: frame k is then that which order names.
func (r *retrieval) embed(order func(example, frames int) []int) (eval.Matrix, error) {
	frames, h, w, c := r.set.Shape()
	size := h * w * c
	film := make([]float32, frames*size)
	return eval.Run(r.session, "image", len(r.examples), func(dst []float32, n int) {
		i := r.examples[n]
		if order == nil {
			r.set.Picture(dst, i, nil)
			return
		}
		r.set.Picture(film, i, nil)
		for k, from := range order(i, frames) {
			copy(dst[k*size:(k+1)*size], film[from*size:])
		}
	})
}

// Figures implements [Result].
func (r *retrieval) Figures() []Figure {
	list := ranked("text_to_film", "text → film", r.byText)
	list = append(list, ranked("film_to_text", "film → text", r.byImage)...)
	return append(list, r.more...)
}

// ranked are the figures of one direction.
func ranked(key, name string, ranks eval.Ranks) []Figure {
	var list []Figure
	for _, k := range []int{1, 5, 10} {
		list = append(list, atMost(fmt.Sprintf("%s_r%d", key, k), fmt.Sprintf("%s, R@%d", name, k), ranks, k))
	}
	return append(list, Figure{Key: key + "_median_rank", Name: name + ", median rank", Value: ranks.Median()})
}

// atMost is the share of the ranks up to k.
func atMost(key, name string, ranks eval.Ranks, k int) Figure {
	right := ranks.Within(k)
	return Figure{Key: key, Name: name, Unit: Share, Value: float64(right) / float64(max(1, len(ranks))), Right: right, Total: len(ranks)}
}

// complete implements thorough.
func (r *retrieval) complete(ctx context.Context) error {
	r.more = nil
	if frames, _, _, _ := r.set.Shape(); frames > 1 {
		if err := r.disorder(ctx); err != nil {
			return err
		}
	}
	return r.foils(ctx)
}

// disorder measures what is found without time, or with time out of joint.
func (r *retrieval) disorder(ctx context.Context) error {
	for _, c := range []struct {
		key, name string
		order     func(example, frames int) []int
	}{
		{"first_frame", "the first frame in place of all", func(_, frames int) []int { return make([]int, frames) }},
		{"middle_frame", "the middle frame in place of all", func(_, frames int) []int {
			return slices.Repeat([]int{frames / 2}, frames)
		}},
		{"reversed", "frames in reverse", func(_, frames int) []int {
			order := make([]int, frames)
			for k := range order {
				order[k] = frames - 1 - k
			}
			return order
		}},
		{"shuffled", "frames shuffled", func(i, frames int) []int { return rand.New(rand.NewPCG(uint64(i), 1)).Perm(frames) }},
	} {
		images, err := r.embed(c.order)
		if err != nil {
			return err
		}
		ranks, err := eval.Retrieval(r.texts, images)
		if err != nil {
			return err
		}
		r.more = append(r.more, atMost("text_to_film_r1_"+c.key, "text → film, R@1, "+c.name, ranks, 1))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// foils counts the films that lie nearer to their own caption than to any that differs from it in what time alone shows.
func (r *retrieval) foils(ctx context.Context) error {
	set, ok := r.set.(foiled)
	if !ok {
		return nil
	}
	vectors := map[string][]float32{} // of the captions so far, which films share
	var ranks eval.Ranks
	among := 0
	for n, i := range r.examples {
		captions := set.Foils(i)
		among = max(among, len(captions))
		var missing []string
		for _, c := range captions {
			if vectors[c] == nil {
				missing = append(missing, c)
			}
		}
		rows, err := embedTexts(r.session, r.model, missing)
		if err != nil {
			return err
		}
		for k, c := range missing {
			vectors[c] = rows.Row(k)
		}
		var items eval.Matrix
		for _, c := range captions {
			items.Rows, items.Width, items.Data = items.Rows+1, len(vectors[c]), append(items.Data, vectors[c]...)
		}
		s, err := eval.Similarity(r.images.Select([]int{n}), items)
		if err != nil {
			return err
		}
		rank := 0
		for _, x := range s.Data {
			if !(x < s.Data[0]) {
				rank++
			}
		}
		ranks = append(ranks, rank)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("film → motion, among %d captions of its digits and colors", among)
	r.more = append(r.more, atMost("motion_accuracy", name, ranks, 1))
	return nil
}

// measured implements selective.
func (r *retrieval) measured() int { return len(r.examples) }

// Notes says among how many is searched.
func (r *retrieval) Notes() []string {
	return []string{fmt.Sprintf("searched among %d examples whose captions all say something else, the first ones of %d", len(r.examples),
		r.set.Len())}
}

// Sections implements [Result]: the captions whose film is far down the list, and what the films say that come before it.
func (r *retrieval) Sections() ([]report.Section, error) {
	const shown = 10
	order := make([]int, len(r.byText))
	for n := range order {
		order[n] = n
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.byText[b], r.byText[a]) })
	table := report.Table{Title: "The worst", Columns: []string{"caption", "rank of its film", "the film in front says"}}
	for _, n := range order[:min(shown, len(order))] {
		if r.byText[n] == 1 {
			break
		}
		first, err := eval.Nearest(r.texts.Select([]int{n}), r.images, 1)
		if err != nil {
			return nil, err
		}
		table.Rows = append(table.Rows, []string{
			r.set.Caption(r.examples[n], nil), fmt.Sprint(r.byText[n]), r.set.Caption(r.examples[first[0][0].Item], nil),
		})
	}
	section := report.Section{Title: "Search", Text: searchText}
	if len(table.Rows) > 0 {
		section.Blocks = append(section.Blocks, table)
	}
	return []report.Section{section}, nil
}

const searchText = "Every caption is compared with every film, by the cosine of their points in the shared space. R@k is the share of " +
	"the captions whose own film is among the k nearest; the table has the captions that are furthest from it."
