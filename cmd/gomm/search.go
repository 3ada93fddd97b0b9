package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gomm/mmlib/eval"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
)

func newSearchCommand() *cobra.Command {
	var s search
	c := &cobra.Command{
		Use:   "search TEXT FILE... | search FILE... --texts TEXTS.txt",
		Short: "Find films or pictures by a text, or texts by a film or picture",
		Long: `Find, by a model of a shared space such as CLIP, the files that a text describes; or, with --texts, the texts that describe a
file, of a text file with one on each line. Each is listed with its cosine similarity, the nearest first.

A model of films (gomm pretrain clip --preset films) reads animated GIFs, and folders of pictures in the order of their names; of a
film it looks at as many frames as it was trained on, evenly spaced. Other models read pictures. The model knows the words that it
was trained on and names others that you use.`,
		Example: `  gomm data films --export films --count 100         films to search
  gomm search --run runs/films "the red digit 7 moves up slowly" films/*.gif
  gomm search --run runs/films films/000007.gif --texts captions.txt --top 3
  gomm search --run runs/films frames/ --texts captions.txt --json | jq -r .found[0].item
  gomm search --run runs/demo/clip "a handwritten seven" digits/*.png`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.check(args, c.Flags().Changed); err != nil {
				return err
			}
			return s.run(c.Context(), c.OutOrStdout())
		},
	}
	flags := c.Flags()
	flags.StringVar(&s.dir, "run", "", "run folder of a model with a shared space, e.g. a clip")
	flags.StringVar(&s.file, "texts", "", "`file` of texts, one a line, to be found by films or pictures (- for standard input)")
	flags.IntVar(&s.top, "top", 10, "how many to list, 0 for all")
	flags.BoolVar(&s.json, "json", false, "write one JSON line for each text or file that is searched by, with all that was searched")
	s.look.add(flags)
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	return c
}

// search is one call of the command.
type search struct {
	dir, file    string
	files, texts []string
	top          int
	json         bool
	look         pictureFlags
}

// check refuses flags and arguments that make no sense, and reads the texts.
func (s *search) check(args []string, given func(flag string) bool) error {
	switch {
	case s.dir == "":
		return usagef("--run is missing: name the run folder of a model such as a clip, e.g. --run runs/films")
	case given("top") && s.json:
		return usagef("--top is for the list: --json writes all")
	case s.top < 0:
		return usagef("--top is %d: it must be at least 0", s.top)
	case given("texts") && s.file == "":
		return usagef("--texts is empty: name a file with a text on each line")
	case s.file != "" && len(args) == 0:
		return usagef("--texts is given and no file to find them by: name films or pictures")
	case s.file != "":
		s.files = args
		return s.readTexts()
	case len(args) == 0:
		return usagef("there is nothing to search: write a text and the files, or files and --texts")
	}
	if _, err := os.Stat(args[0]); err == nil {
		return usagef("the first argument, %s, is a file and should be a text; to find texts by files, name those by --texts", args[0])
	}
	if strings.TrimSpace(args[0]) == "" {
		return usagef("the text to search by is empty")
	}
	if len(args) == 1 {
		return usagef("there are no files to search with %q: name films or pictures behind it", args[0])
	}
	s.texts, s.files = args[:1], args[1:]
	return nil
}

func (s *search) readTexts() error {
	in := os.Stdin
	if s.file != "-" {
		f, err := os.Open(s.file)
		if err != nil {
			return fmt.Errorf("--texts: %w", err)
		}
		defer f.Close()
		in = f
	}
	var err error
	if s.texts, err = readLines(in); err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	if len(s.texts) == 0 {
		return fmt.Errorf("%s is empty: write a text on each line", s.file)
	}
	return nil
}

func (s *search) run(ctx context.Context, stdout io.Writer) error {
	m, err := models.Open(s.dir)
	if err != nil {
		return err
	}
	b, err := openBackend()
	if err != nil {
		return err
	}
	s.look.apply(m)
	byText, byFile, err := experiment.Search(ctx, b, m, s.files, s.texts)
	if err != nil {
		return err
	}
	queries, items, found := s.texts, s.files, byText
	if s.file != "" {
		queries, items, found = s.files, s.texts, byFile
	}
	for i, query := range queries {
		if err := s.write(stdout, query, items, found[i], len(queries) > 1); err != nil {
			return err
		}
	}
	return nil
}

// write lists what was found, below what it was found by if there is more than one of these.
func (s *search) write(w io.Writer, query string, items []string, found []eval.Neighbour, titled bool) error {
	type match struct {
		Item   string  `json:"item"`
		Cosine float64 `json:"cosine"`
	}
	if s.json {
		line := struct {
			Query string  `json:"query"`
			Found []match `json:"found"`
		}{Query: query}
		for _, n := range found {
			line.Found = append(line.Found, match{items[n.Item], n.Cosine})
		}
		j := json.NewEncoder(w)
		j.SetEscapeHTML(false)
		return j.Encode(line)
	}
	var out strings.Builder
	indent := ""
	if titled {
		fmt.Fprintln(&out, query)
		indent = "  "
	}
	for k, n := range found {
		if s.top > 0 && k == s.top {
			break
		}
		fmt.Fprintf(&out, "%s%6.3f  %s\n", indent, n.Cosine, items[n.Item])
	}
	_, err := io.WriteString(w, out.String())
	return err
}
