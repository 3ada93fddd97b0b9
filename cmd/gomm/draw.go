package main

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"

	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

func newDrawCommand() *cobra.Command {
	var d drawing
	c := &cobra.Command{
		Use:   "draw CAPTION...",
		Short: "Draw pictures from captions",
		Long: `Draw pictures from captions by a model that was trained to (gomm pretrain dalle, gomm pretrain parti), code by code. It knows
the words that it was trained on and names others that you use.

Several candidates are drawn of each caption and laid out in a PNG file, a row for each caption. With --clip they are ranked by how
well they fit their caption, as a CLIP finds: the best one first. The same seed gives the same pictures on the same backend; a picture
does not depend on those beside it.`,
		Example: `  gomm draw --run runs/dalle "a photo of the digit seven."
  gomm draw --run runs/dalle 手写数字三 --candidates 16 --seed 2 --out three.png
  gomm draw --run runs/dalle --clip runs/demo/clip "a photo of the digit seven." "a photo of the digit two."
  gomm draw --run runs/parti --guidance 2 "a photo of the digit seven."
  gomm draw --run runs/scenes "a green seven above a red three"              of a parti that draws scenes (--preset scenes)
  gomm draw --run runs/dalle --temperature 0.7 --top-p 0.9 "a photo of the digit seven."`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case d.dir == "":
				return usagef("--run is missing: name the run folder of a model that draws, e.g. --run runs/dalle")
			case len(args) == 0:
				return usagef("there is no caption: name what is to be drawn, in quotes")
			case d.candidates < 1 || d.candidates > mostCandidates:
				return usagef("--candidates is %d: it must be between 1 and %d", d.candidates, mostCandidates)
			}
			return d.run(c.Context(), args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVar(&d.dir, "run", "", "run folder of a model that draws")
	flags.StringVar(&d.clip, "clip", "", "run folder of a CLIP that ranks the candidates of each caption")
	flags.StringVar(&d.out, "out", "drawn.png", "PNG `file` for the pictures")
	flags.IntVar(&d.candidates, "candidates", 8, "pictures drawn of each caption")
	flags.Float64Var(&d.o.Temperature, "temperature", 1,
		"below 1 pictures are more alike, above 1 more varied; 0 always takes the most probable code")
	flags.Float64Var(&d.guidance, "guidance", 1, "how much of what the caption says is exaggerated, by a parti; 1 is none")
	flags.IntVar(&d.o.TopK, "top-k", 0, "draw each code among the so many most probable ones; 0: among all")
	flags.Float64Var(&d.o.TopP, "top-p", 0, "draw each code among the most probable ones that have this share together; 0: among all")
	flags.Uint64Var(&d.o.Seed, "seed", 1, "seed of the random numbers")
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	_ = c.RegisterFlagCompletionFunc("clip", completeRuns)
	return c
}

// mostCandidates keeps the sheet of pictures to a size that can be looked at.
const mostCandidates = 1024

// drawing is one call of the command.
type drawing struct {
	dir, clip, out string
	candidates     int
	guidance       float64
	o              infer.Sampling
}

func (d *drawing) run(ctx context.Context, captions []string, w, log io.Writer) error {
	m, err := models.Open(d.dir)
	if err != nil {
		return err
	}
	var judge *models.Model
	if d.clip != "" { // before drawing, which takes longer than to find that it cannot be opened
		if judge, err = models.Open(d.clip); err != nil {
			return err
		}
	}
	b, err := openBackend()
	if err != nil {
		return err
	}
	artist, err := experiment.NewArtist(b, m, min(64, d.candidates*len(captions)))
	if err != nil {
		return err
	}
	artist.Guidance = d.guidance
	var asked []string
	for _, c := range captions {
		for range d.candidates {
			asked = append(asked, c)
		}
	}
	bar := ui.NewProgress(log, "draw")
	drawn, err := artist.Draw(ctx, asked, d.o, func(done int) { bar.Step(done, len(asked), math.NaN(), 0) })
	bar.Done()
	if err != nil {
		return err
	}
	if judge != nil {
		if err := experiment.RankByCLIP(b, judge, drawn, d.candidates); err != nil {
			return fmt.Errorf("%s: %w", d.clip, err)
		}
	}
	pictures := make([]image.Image, len(drawn))
	for i, x := range drawn {
		pictures[i] = x.Image
	}
	if err := writePNG(d.out, report.Sheet(pictures, d.candidates, 3)); err != nil {
		return err
	}
	for row, c := range captions {
		fmt.Fprintf(w, "%s, row %d: %s%s\n", d.out, row+1, c, scores(drawn[row*d.candidates:(row+1)*d.candidates], d.clip != ""))
	}
	return nil
}

// scores are the best and the worst candidate's.
func scores(ranked []experiment.Sample, known bool) string {
	if !known {
		return ""
	}
	return fmt.Sprintf(" (CLIP %.3f to %.3f)", ranked[0].Score, ranked[len(ranked)-1].Score)
}

func newReconstructCommand() *cobra.Command {
	var dir, out string
	var look pictureFlags
	c := &cobra.Command{
		Use:   "reconstruct IMAGE...",
		Short: "Show pictures as a model's discrete codes, and what the codes give back",
		Long: `Show what a model that writes pictures as discrete codes makes of them (gomm pretrain vqvae, or a dalle, which holds one): the
codes of each picture as a square of numbers, and in a PNG file each picture beside the one that is drawn of its codes alone.`,
		Example: `  gomm reconstruct --run runs/codes seven.png
  gomm reconstruct --run runs/codes *.png --out codes.png --invert`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case dir == "":
				return usagef("--run is missing: name the run folder of a vqvae, e.g. --run runs/codes")
			case len(args) == 0:
				return usagef("there is no picture: name one or several picture files")
			}
			m, err := models.Open(dir)
			if err != nil {
				return err
			}
			look.apply(m)
			b, err := openBackend()
			if err != nil {
				return err
			}
			list, err := experiment.ReconstructFiles(b, m, args)
			if err != nil {
				return err
			}
			var pictures []image.Image
			for i, r := range list {
				pictures = append(pictures, r.Original, r.Back)
				fmt.Fprintf(c.OutOrStdout(), "%s, mean squared error %.4f:\n", args[i], r.Error)
				writeCodes(c.OutOrStdout(), r)
			}
			if err := writePNG(out, report.Sheet(pictures, 2, 4)); err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s shows each picture beside what its codes give back\n", out)
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&dir, "run", "", "run folder of a model that writes pictures as codes")
	flags.StringVar(&out, "out", "reconstructed.png", "PNG `file` for the pictures")
	look.add(flags)
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	return c
}

// writeCodes writes the codes of a picture as they lie in it.
func writeCodes(w io.Writer, r experiment.Reconstruction) {
	for i, k := range r.Codes {
		fmt.Fprintf(w, "%5d", k)
		if (i+1)%r.Grid == 0 {
			fmt.Fprintln(w)
		}
	}
}
