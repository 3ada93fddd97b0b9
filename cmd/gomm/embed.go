package main

import (
	"bytes"
	"context"
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
	"gomm/mmlib/eval"
	"gomm/mmlib/experiment"
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
		Short: "Embed pictures and texts in a shared space",
		Long: `Turn pictures and texts into points of the space that a model such as CLIP places them in. All have length 1, so the
dot product of two of them is their cosine similarity, whichever of them is a picture and which a text.

The points come in the order pictures, then --text, then --stdin: one JSON line each, or rows of a NumPy array (float32).
Pictures may be PNG, JPEG, GIF, WebP or BMP files. They are prepared as those that the model was trained on: its size, and
grey if its are; photos are rotated as their EXIF data says. A model of MNIST expects white digits on black, so --invert what
was written with a pen on paper. When one input is bad, nothing is written.`,
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
			out, err := e.run(c.Context())
			if err != nil {
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
	flags.StringVar(&e.dir, "run", "", "run folder of a model with such a space, e.g. a clip")
	flags.StringArrayVar(&e.texts, "text", nil, "a text to embed (repeatable)")
	flags.BoolVar(&e.stdin, "stdin", false, "embed the texts of standard input, one a line")
	flags.StringVar(&e.format, "format", formatJSONL, "jsonl, or npy for a NumPy array")
	flags.StringVar(&e.out, "out", "", "file to write, instead of standard output")
	e.look.add(flags)
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{formatJSONL, formatNPY}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// embedding is one call of the command.
type embedding struct {
	dir, format, out string
	pictures, texts  []string
	stdin            bool
	look             pictureFlags
}

// check refuses flags that make no sense together.
func (e *embedding) check(stdout io.Writer) error {
	switch {
	case e.dir == "":
		return usagef("--run is missing: name the run folder of a model such as a clip, e.g. --run runs/first")
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
	lines, err := readLines(stdin)
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if len(e.pictures)+len(e.texts)+len(lines) == 0 {
		return errors.New("standard input is empty: write a text on each line, or leave out --stdin")
	}
	e.texts = append(e.texts, lines...)
	return nil
}

// run returns what is to be written.
func (e *embedding) run(ctx context.Context) ([]byte, error) {
	m, err := models.Open(e.dir)
	if err != nil {
		return nil, err
	}
	b, err := openBackend()
	if err != nil {
		return nil, err
	}
	e.look.apply(m)
	pictures, texts, err := experiment.Embed(ctx, b, m, e.pictures, e.texts)
	if err != nil {
		return nil, err
	}
	if e.format == formatNPY {
		return npy(pictures, texts)
	}
	return e.jsonl(pictures, texts)
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
	t := tensors.FromFlatDataAndDimensions(slices.Concat(pictures.Data, texts.Data), pictures.Rows+texts.Rows,
		max(pictures.Width, texts.Width))
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
