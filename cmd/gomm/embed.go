package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/numpy"
	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// The forms that embeddings are written in.
const (
	formatJSONL = "jsonl"
	formatNPY   = "npy"
)

func newEmbedCommand() *cobra.Command {
	var e embedding
	c := &cobra.Command{
		Use:   "embed [IMAGE]...",
		Short: "Turn pictures and texts into points of a CLIP's shared space",
		Long: `Turn pictures and texts into points of the space that a pretrained CLIP places them in. All have length 1, so the dot
product of two of them is their cosine similarity, whichever of them is a picture and which a text.

The points come in the order pictures, then --text, then --stdin: one JSON line each, or rows of a NumPy array (float32).
Pictures may be PNG, JPEG, GIF, WebP or BMP files. They are made as large as the model's, and grey if its are; a model of
MNIST expects white digits on black, so --invert what was written with a pen on paper. When one input is bad, nothing is
written.`,
		Example: `  gomm embed --run runs/first seven.png --text "a handwritten seven" --text 手写的七
  gomm embed --run runs/first --invert scans/*.jpg --format npy --out scans.npy
  printf 'the digit one\nthe digit two\n' | gomm embed --run runs/first --stdin | jq .embedding`,
		RunE: func(c *cobra.Command, args []string) error {
			e.pictures = args
			if err := e.check(c.OutOrStdout()); err != nil {
				return err
			}
			if err := e.readTexts(c.InOrStdin()); err != nil {
				return err
			}
			out, err := e.run()
			if err != nil {
				return err
			}
			if err := c.Context().Err(); err != nil {
				return err
			}
			if e.out != "" {
				return writeBeside(e.out, out)
			}
			_, err = c.OutOrStdout().Write(out)
			return err
		},
	}
	flags := c.Flags()
	flags.StringVar(&e.dir, "run", "", "run folder of a pretrained clip")
	flags.StringArrayVar(&e.texts, "text", nil, "a text to embed (repeatable)")
	flags.BoolVar(&e.stdin, "stdin", false, "embed the texts of standard input, one a line")
	flags.StringVar(&e.format, "format", formatJSONL, "jsonl, or npy for a NumPy array")
	flags.StringVar(&e.out, "out", "", "file to write, instead of standard output")
	flags.BoolVar(&e.invert, "invert", false, "exchange black and white in the pictures")
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{formatJSONL, formatNPY}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// embedding is one call of the command.
type embedding struct {
	dir, format, out string
	pictures, texts  []string
	stdin, invert    bool
}

// check refuses flags that make no sense together.
func (e *embedding) check(stdout io.Writer) error {
	switch {
	case e.dir == "":
		return usagef("--run is missing: name the run folder of a pretrained clip, e.g. --run runs/first")
	case e.format != formatJSONL && e.format != formatNPY:
		return usagef("--format is %q: it must be %s or %s", e.format, formatJSONL, formatNPY)
	case len(e.pictures) == 0 && len(e.texts) == 0 && !e.stdin:
		return usagef("there is nothing to embed: name picture files, or give texts by --text or --stdin")
	case e.format == formatNPY && e.out == "" && ui.IsTerminal(stdout):
		return usagef("--format npy is not for a terminal to show: name a file by --out")
	}
	return nil
}

// readTexts adds the lines of standard input to the texts, and refuses empty ones.
func (e *embedding) readTexts(stdin io.Reader) error {
	for i, text := range e.texts {
		if strings.TrimSpace(text) == "" {
			return usagef("--text number %d is empty: leave it out, or write a text", i+1)
		}
	}
	if !e.stdin {
		return nil
	}
	lines := bufio.NewScanner(stdin)
	given := len(e.texts)
	for number := 1; lines.Scan(); number++ {
		if strings.TrimSpace(lines.Text()) == "" {
			return fmt.Errorf("line %d of standard input is empty: each line must be a text", number)
		}
		e.texts = append(e.texts, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d of standard input: %w", len(e.texts)-given+1, err)
	}
	if len(e.pictures)+len(e.texts) == 0 {
		return errors.New("standard input is empty: write a text on each line, or leave out --stdin")
	}
	return nil
}

// run returns what is to be written.
func (e *embedding) run() ([]byte, error) {
	m, err := models.Open(e.dir)
	if err != nil {
		return nil, err
	}
	if m.Config.Task != models.CLIP {
		return nil, fmt.Errorf("%s holds a %s, which has no space shared by pictures and texts: name a run of gomm pretrain clip", e.dir, m.Config.Task)
	}
	ids, err := e.tokens(m) // before all that takes time
	if err != nil {
		return nil, err
	}
	pictures, err := e.placePictures(m)
	if err != nil {
		return nil, err
	}
	texts, err := placeTexts(m, ids)
	if err != nil {
		return nil, err
	}
	if e.format == formatNPY {
		return npy(pictures, texts)
	}
	return e.jsonl(pictures, texts)
}

// tokens encodes the texts; every one that the model cannot read is named.
func (e *embedding) tokens(m *models.Model) ([][]int32, error) {
	length := shape(m, "text")[0]
	ids := make([][]int32, len(e.texts))
	errs := make([]error, len(e.texts))
	for i, text := range e.texts {
		ids[i], errs[i] = m.Tokenizer.Encode(text, length)
	}
	return ids, errors.Join(errs...)
}

// shape is the shape of what a function of the model takes, without the batch axis.
func shape(m *models.Model, function string) []int {
	for _, f := range m.Funcs() {
		if f.Name == function {
			return f.In[0].Dimensions
		}
	}
	return nil
}

// placePictures embeds the picture files. So many are in memory at a time as go into one call.
func (e *embedding) placePictures(m *models.Model) (eval.Matrix, error) {
	prepare, err := e.preprocess(m)
	if err != nil || len(e.pictures) == 0 {
		return eval.Matrix{}, err
	}
	size := batchSize(len(e.pictures))
	var s *infer.Session // compiled when the first pictures turn out to be good
	var placed eval.Matrix
	for files := range slices.Chunk(e.pictures, size) {
		pixels, err := loadPictures(prepare, files)
		if err != nil {
			return placed, err
		}
		if s == nil {
			if s, err = openFunction(m, "image", size); err != nil {
				return placed, err
			}
		}
		part, err := eval.Run(s, "image", len(files), func(dst []float32, i int) { copy(dst, pixels[i]) })
		if err != nil {
			return placed, err
		}
		placed.Rows, placed.Width, placed.Data = placed.Rows+part.Rows, part.Width, append(placed.Data, part.Data...)
	}
	return placed, nil
}

// preprocess is how the model wants its pictures: as those that it was trained on.
func (e *embedding) preprocess(m *models.Model) (picture.Preprocess, error) {
	mean, std, err := pixelStatistics(m.Config.Data.Name)
	in := shape(m, "image") // [H, W, C]
	return picture.Preprocess{
		Size: in[0], Channels: in[2], Invert: e.invert,
		Mean: slices.Repeat([]float32{mean}, in[2]), Std: slices.Repeat([]float32{std}, in[2]),
	}, err
}

// loadPictures reads files; every bad one is named.
func loadPictures(prepare picture.Preprocess, files []string) ([][]float32, error) {
	pixels := make([][]float32, len(files))
	errs := make([]error, len(files))
	for i, file := range files {
		pixels[i], errs[i] = prepare.Load(file)
	}
	return pixels, errors.Join(errs...)
}

func placeTexts(m *models.Model, ids [][]int32) (eval.Matrix, error) {
	if len(ids) == 0 {
		return eval.Matrix{}, nil
	}
	s, err := openFunction(m, "text", batchSize(len(ids)))
	if err != nil {
		return eval.Matrix{}, err
	}
	return eval.Run(s, "text", len(ids), func(dst []int32, i int) { copy(dst, ids[i]) })
}

func openFunction(m *models.Model, name string, size int) (*infer.Session, error) {
	b, err := openBackend()
	if err != nil {
		return nil, err
	}
	return infer.Open(b, m, []string{name}, size)
}

// largestBatch is the number of examples that a call of a compiled function gets at most.
const largestBatch = 256

// batchSize shares n examples out evenly among as few calls as possible: with one size, which is all that is compiled.
func batchSize(n int) int {
	calls := (n + largestBatch - 1) / largestBatch
	return (n + calls - 1) / calls
}

// jsonl writes a line for each input, numbers as short as they can be to give the same float32 again.
func (e *embedding) jsonl(pictures, texts eval.Matrix) ([]byte, error) {
	type line struct {
		Input     string    `json:"input"`
		Kind      string    `json:"kind"`
		Embedding []float32 `json:"embedding"`
	}
	var out bytes.Buffer
	j := json.NewEncoder(&out)
	j.SetEscapeHTML(false)
	for i, file := range e.pictures {
		if err := j.Encode(line{file, "image", pictures.Row(i)}); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	for i, text := range e.texts {
		if err := j.Encode(line{text, "text", texts.Row(i)}); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
	}
	return out.Bytes(), nil
}

// npy writes the pictures' rows and then the texts' in NumPy's format.
func npy(pictures, texts eval.Matrix) ([]byte, error) {
	t := tensors.FromFlatDataAndDimensions(slices.Concat(pictures.Data, texts.Data), pictures.Rows+texts.Rows, max(pictures.Width, texts.Width))
	var out bytes.Buffer
	err := numpy.ToNpyWriter(t, &out)
	return out.Bytes(), errors.Join(err, t.FinalizeAll())
}

// writeBeside writes a file beside its place and puts it there when it is whole.
func writeBeside(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".gomm-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // after the renaming there is nothing left of that name
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
