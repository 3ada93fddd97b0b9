package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"

	"gomm/mmlib/data/picture"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// Embed turns picture files and texts into points of a model's space: one row for each picture, one for each text. Every
// input is checked before anything is computed, and all bad ones are named at once. Pictures, or films, are read as the model's
// Preprocess says, of which Invert and KeepOrientation are the user's to set.
func Embed(ctx context.Context, b compute.Backend, m *models.Model, files, texts []string) (pictures, words eval.Matrix, err error) {
	if len(files) > 0 {
		err = has(m, "image", "pictures")
	}
	if len(texts) > 0 {
		err = errors.Join(err, has(m, "text", "texts"))
	}
	if err != nil {
		return pictures, words, err
	}
	ids := make([][]int32, len(texts))
	errs := make([]error, len(texts))
	for i, s := range texts {
		ids[i], errs[i] = m.IDs(s)
	}
	if err := errors.Join(errs...); err != nil {
		return pictures, words, err
	}
	if pictures, err = onFiles(ctx, b, m, "image", files, nil); err != nil || len(ids) == 0 {
		return pictures, words, err
	}
	s, err := infer.Open(b, m, []string{"text"}, batchSize(len(ids)))
	if err != nil {
		return pictures, words, err
	}
	words, err = eval.Run(s, "text", len(ids), func(dst []int32, i int) { copy(dst, ids[i]) })
	return pictures, words, err
}

// Search compares texts with files of pictures or films, each with each: for every text the files, and for every file the texts, the
// nearest first.
func Search(ctx context.Context, b compute.Backend, m *models.Model, files, texts []string) (byText, byFile [][]eval.Neighbour,
	err error) {
	if len(files) == 0 || len(texts) == 0 {
		return nil, nil, errors.New("experiment: a search takes files and texts")
	}
	images, words, err := Embed(ctx, b, m, files, texts)
	if err != nil {
		return nil, nil, err
	}
	if byText, err = eval.Nearest(words, images, images.Rows); err != nil {
		return nil, nil, err
	}
	byFile, err = eval.Nearest(images, words, words.Rows)
	return byText, byFile, err
}

// has returns an error unless the model can embed what is named.
func has(m *models.Model, function, what string) error {
	if _, ok := m.Func(function); !ok {
		return fmt.Errorf("experiment: a %s does not embed %s: use a run of another kind, such as clip", m.Settings.Kind, what)
	}
	return nil
}

// onFiles runs a function of the model on picture files. As many are in memory at a time as go into one call; visit, if not
// nil, sees the pixels of each.
func onFiles(ctx context.Context, b compute.Backend, m *models.Model, function string, files []string,
	visit func(file int, pixels []float32)) (eval.Matrix, error) {
	var all eval.Matrix
	if len(files) == 0 {
		return all, nil
	}
	size := batchSize(len(files))
	var s *infer.Session // compiled when the first pictures turn out to be good
	done := 0
	for part := range slices.Chunk(files, size) {
		pixels, err := loadPictures(m.Preprocess, part)
		if err != nil {
			return all, err
		}
		if err := ctx.Err(); err != nil {
			return all, err
		}
		if s == nil {
			if s, err = infer.Open(b, m, []string{function}, size); err != nil {
				return all, err
			}
		}
		rows, err := eval.Run(s, function, len(part), func(dst []float32, i int) { copy(dst, pixels[i]) })
		if err != nil {
			return all, err
		}
		all.Rows, all.Width, all.Data = all.Rows+rows.Rows, rows.Width, append(all.Data, rows.Data...)
		for i := range part {
			if visit != nil {
				visit(done+i, pixels[i])
			}
		}
		done += len(part)
	}
	return all, nil
}

// loadPictures reads files; every bad one is named.
func loadPictures(p picture.Preprocess, files []string) ([][]float32, error) {
	pixels := make([][]float32, len(files))
	errs := make([]error, len(files))
	for i, file := range files {
		pixels[i], errs[i] = p.Load(file)
	}
	return pixels, errors.Join(errs...)
}

// batchSize shares n examples out evenly among as few calls as possible: with one size, which is all that is compiled.
func batchSize(n int) int {
	calls := (n + batch - 1) / batch
	return (n + calls - 1) / calls
}
