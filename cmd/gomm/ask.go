package main

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// about is what a command speaks about: a picture file, or an example of the run's own data set.
type about struct {
	dir     string
	scene   int
	explain string
	look    pictureFlags
	given   func(flag string) bool
}

func (a *about) add(c *cobra.Command, what string) {
	flags := c.Flags()
	flags.StringVar(&a.dir, "run", "", "run folder of a model that "+what)
	flags.IntVar(&a.scene, "scene", 0, "in place of a picture file, example `NUMBER` of the test split of the run's data set")
	a.look.add(flags)
	a.given = flags.Changed
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
}

// addExplain adds the flag of the commands that can show where the model looks.
func (a *about) addExplain(c *cobra.Command) {
	c.Flags().StringVar(&a.explain, "explain", "", "PNG `file` for where the model looks at each word; the words are listed in order")
}

// args splits a command's arguments into the picture file, "" with --scene, and so many others.
func (a *about) args(args []string, others int, what string) (file string, rest []string, err error) {
	if a.dir == "" {
		return "", nil, usagef("--run is missing: name the run folder of a model, e.g. --run runs/understand/vqa")
	}
	if a.given("scene") {
		if len(args) != others {
			return "", nil, usagef("with --scene the arguments are%s; got %q", what, args)
		}
		return "", args, nil
	}
	if len(args) != others+1 {
		return "", nil, usagef("the arguments are a picture file%s; got %q", what, args)
	}
	return args[0], args[1:], nil
}

// explained draws where the model looked into the file of --explain, and lists the words in the order of the drawing.
func (a *about) explained(seen *experiment.Seen, looks []experiment.Look, err error, log io.Writer) error {
	if err != nil {
		return err
	}
	img, err := experiment.DrawLooks(seen, looks)
	if err != nil {
		return err
	}
	if err := writePNG(a.explain, img); err != nil {
		return err
	}
	words := []string{"(the picture)"}
	for _, look := range looks {
		words = append(words, look.Word)
	}
	fmt.Fprintf(log, "%s shows, row by row: %s\n", a.explain, strings.Join(words, ", "))
	return nil
}

// open loads the model and looks at the picture.
func (a *about) open(ctx context.Context, file string, log io.Writer) (*experiment.Speaker, *experiment.Seen, error) {
	m, err := models.Open(a.dir)
	if err != nil {
		return nil, nil, err
	}
	b, err := openBackend()
	if err != nil {
		return nil, nil, err
	}
	a.look.apply(m)
	s, err := experiment.NewSpeaker(b, m)
	if err != nil {
		return nil, nil, err
	}
	if file != "" {
		seen, err := s.Load(file)
		return s, seen, err
	}
	img, err := a.example(ctx, m.Settings.Data, log)
	if err != nil {
		return nil, nil, err
	}
	seen, err := s.See(img)
	return s, seen, err
}

// example is the picture of --scene.
func (a *about) example(ctx context.Context, source data.Source, log io.Writer) (image.Image, error) {
	if source == nil {
		return nil, usagef("--scene is %d: the weights in %s came from elsewhere, without a data set: name a picture file", a.scene, a.dir)
	}
	splits, err := source.Load(ctx, data.Options{Progress: log})
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Test].(data.Recorded)
	if !ok {
		return nil, usagef("--scene is %d: %s has no test split with pictures, as %s has set it: name a picture file", a.scene, source, a.dir)
	}
	if a.scene < 0 || a.scene >= set.Len() {
		return nil, usagef("--scene is %d: the test split of %s has examples 0 to %d", a.scene, source, set.Len()-1)
	}
	return set.Original(a.scene), nil
}

func newAskCommand() *cobra.Command {
	var a about
	var among []string
	c := &cobra.Command{
		Use:   "ask IMAGE QUESTION",
		Short: "Answer a question about a picture",
		Long: `Answer a question about a picture by a model that was trained to (gomm finetune vqa). It knows the words that it was trained
on and names others that you use.

The model writes the answer word by word. With --among it chooses from answers that you give, which are printed with their
probabilities among each other, the most probable first.`,
		Example: `  gomm ask --run runs/understand/vqa scene.png "what color is the digit at the top left?"
  gomm ask --run runs/understand/vqa scene.png "what color is the digit at the top left?" --among red,blue,green
  gomm ask --run runs/understand/vqa --scene 7 "how many digits are red?"`,
		RunE: func(c *cobra.Command, args []string) error {
			file, rest, err := a.args(args, 1, " and a question")
			if err != nil {
				return err
			}
			if a.given("among") && len(among) == 0 {
				return usagef("--among is empty: name the answers to choose from, e.g. --among red,blue,green")
			}
			s, seen, err := a.open(c.Context(), file, c.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := answer(s, seen, rest[0], among, c.OutOrStdout()); err != nil {
				return err
			}
			if a.explain == "" {
				return nil
			}
			looks, err := s.LookAtQuestion(seen, rest[0])
			return a.explained(seen, looks, err, c.ErrOrStderr())
		},
	}
	a.add(c, "answers questions")
	a.addExplain(c)
	c.Flags().StringSliceVar(&among, "among", nil, "answers to choose from, a,b,c (default: the model writes what it likes)")
	return c
}

// answer prints the answer that the model writes, or the list that it chooses from.
func answer(s *experiment.Speaker, seen *experiment.Seen, question string, among []string, w io.Writer) error {
	if len(among) == 0 {
		written, err := s.Ask(seen, question)
		if err == nil {
			fmt.Fprintln(w, written)
		}
		return err
	}
	for i := range among {
		among[i] = strings.TrimSpace(among[i])
	}
	ranked, err := s.Rank(seen, question, among)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, r := range ranked {
		rows = append(rows, []string{r.Answer, fmt.Sprintf("%.1f %%", 100*r.Probability)})
	}
	align(w, rows)
	return nil
}

func newCaptionCommand() *cobra.Command {
	var a about
	var o infer.Sampling
	c := &cobra.Command{
		Use:   "caption IMAGE",
		Short: "Describe a picture",
		Long:  `Describe a picture by a model that was trained to (gomm finetune captioner), word by word as it is written.`,
		Example: `  gomm caption --run runs/understand/captioner scene.png
  gomm caption --run runs/understand/captioner --scene 7 --beams 4`,
		RunE: func(c *cobra.Command, args []string) error {
			file, _, err := a.args(args, 0, "")
			if err != nil {
				return err
			}
			if o.Beams < 1 {
				return usagef("--beams is %d: it must be at least 1", o.Beams)
			}
			s, seen, err := a.open(c.Context(), file, c.ErrOrStderr())
			if err != nil {
				return err
			}
			stream := stream{w: c.OutOrStdout()}
			caption, err := s.Caption(c.Context(), seen, o, stream.more)
			if err != nil {
				return err
			}
			stream.end(caption)
			if a.explain == "" {
				return nil
			}
			looks, err := s.LookAtText(seen, caption)
			return a.explained(seen, looks, err, c.ErrOrStderr())
		},
	}
	a.add(c, "describes pictures")
	a.addExplain(c)
	c.Flags().IntVar(&o.Beams, "beams", 1, "texts that are kept at each step; 1 always takes the most probable word")
	return c
}

// stream prints a text as it grows.
type stream struct {
	w       io.Writer
	printed string
}

func (s *stream) more(soFar string) bool {
	if rest, ok := strings.CutPrefix(soFar, s.printed); ok {
		fmt.Fprint(s.w, rest)
		s.printed = soFar
	}
	return true
}

func (s *stream) end(whole string) {
	s.more(whole)
	fmt.Fprintln(s.w)
}

func newChatCommand() *cobra.Command {
	var a about
	c := &cobra.Command{
		Use:   "chat IMAGE",
		Short: "Talk about a picture",
		Long: `Talk about a picture with a model that was trained to (gomm finetune dialogue): write a question a line; a later one may refer
to what was spoken of as "it". An empty line or the end of the input ends the conversation.

With --explain the file is drawn again after each answer: where the model looked as it wrote each word of it.`,
		Example: `  gomm chat --run runs/understand/dialogue scene.png
  gomm chat --run runs/understand/dialogue scene.png --explain looks.png
  printf 'where is the red 7?\nwhat is its background?\n' | gomm chat --run runs/understand/dialogue --scene 7`,
		RunE: func(c *cobra.Command, args []string) error {
			file, _, err := a.args(args, 0, "")
			if err != nil {
				return err
			}
			s, seen, err := a.open(c.Context(), file, c.ErrOrStderr())
			if err != nil {
				return err
			}
			talk, err := s.Converse(seen)
			if err != nil {
				return err
			}
			answered := func() error { return nil }
			if a.explain != "" {
				answered = func() error {
					looks, err := talk.Looks()
					if err == nil && len(looks) == 0 { // an empty answer
						return nil
					}
					return a.explained(seen, looks, err, c.ErrOrStderr())
				}
			}
			return chat(c.Context(), talk, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr(), answered)
		},
	}
	a.add(c, "holds conversations")
	a.addExplain(c)
	return c
}

// chat reads questions and writes answers; answered is called after each. A question that cannot be read is refused in words, and the
// conversation goes on.
func chat(ctx context.Context, talk *experiment.Conversation, in io.Reader, out, log io.Writer, answered func() error) error {
	lines := bufio.NewScanner(in)
	for fmt.Fprint(log, "> "); lines.Scan(); fmt.Fprint(log, "> ") {
		question := strings.TrimSpace(lines.Text())
		if question == "" {
			break
		}
		stream := stream{w: out}
		answer, forgotten, err := talk.Ask(ctx, question, stream.more)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fmt.Fprintf(log, "%v\n", err)
			continue
		}
		stream.end(answer)
		if forgotten > 0 {
			fmt.Fprintf(log, "(the first %d questions are forgotten: the model has no room for more)\n", forgotten)
		}
		if err := answered(); err != nil {
			return err
		}
	}
	fmt.Fprintln(log)
	return lines.Err()
}
