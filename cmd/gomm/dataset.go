package main

import (
	"fmt"
	"image"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/mmlib/data"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
	"gomm/mmlib/run"
)

// exampleFlags are the flags of gomm data that look into a data set.
type exampleFlags struct {
	show, export, split string
	count               int
	set                 []string
}

// byName stands for a file called after the data set.
const byName = "NAME.png"

func (f *exampleFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.show, "show", "", "print some examples of the data set and draw them into a picture file (--show=`FILE` names it)")
	flags.Lookup("show").NoOptDefVal = byName
	flags.StringVar(&f.export, "export", "",
		"write examples into a new folder, as examples.jsonl and PNG files (GIF for films), for other programs")
	flags.StringVar(&f.split, "split", data.Test, "of which split --show and --export take the first examples")
	flags.IntVar(&f.count, "count", 0, "how many; 6 for --show and 1,000 for --export if not given")
	flags.StringArrayVar(&f.set, "set", nil, "change a setting of the data set: `key=value`, e.g. grid=4 (repeatable)")
	_ = c.MarkFlagDirname("export")
	_ = c.RegisterFlagCompletionFunc("set", func(_ *cobra.Command, args []string, typed string) (
		keys []cobra.Completion, _ cobra.ShellCompDirective,
	) {
		if len(args) == 1 && models.Sources()[args[0]] != nil {
			for _, key := range run.Keys(models.Sources()[args[0]]()) {
				if strings.HasPrefix(key, typed) {
					keys = append(keys, key+"=")
				}
			}
		}
		return keys, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
}

// wanted reports whether the user asks for examples.
func (f *exampleFlags) wanted() bool { return f.show != "" || f.export != "" }

// check refuses flags that contradict each other.
func (f *exampleFlags) check(c *cobra.Command, names []string) error {
	if !f.wanted() {
		for _, name := range []string{"split", "count", "set"} {
			if c.Flags().Changed(name) {
				return usagef("data: --%s is of use with --show or --export only", name)
			}
		}
		return nil
	}
	if len(names) != 1 || models.Sources()[names[0]] == nil {
		sets := slices.DeleteFunc(fetchableNames(), func(name string) bool { return models.Sources()[name] == nil })
		return usagef("data: --show and --export take one data set: %s; got %s", strings.Join(sets, ", "), strings.Join(names, " "))
	}
	if c.Flags().Changed("count") && f.count < 1 {
		return usagef("data: --count is %d: it must be at least 1", f.count)
	}
	return nil
}

// run shows and exports what is asked for.
func (f *exampleFlags) run(c *cobra.Command, name, dir string) error {
	source := models.Sources()[name]()
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return usagef("--set %s: write key=value", kv)
		}
		if err := run.Set(source, key, value); err != nil {
			return usageError{err}
		}
	}
	if err := source.Validate(); err != nil {
		return usagef("%s: %w", name, err)
	}
	splits, err := source.Load(c.Context(), data.Options{Cache: dir, Progress: c.ErrOrStderr()})
	if err != nil {
		return err
	}
	split, ok := splits[f.split]
	if !ok {
		return usagef("%s has no split %q with these settings; there are %s", name, f.split,
			strings.Join(slices.Sorted(maps.Keys(splits)), ", "))
	}
	set, ok := split.(data.Recorded)
	if !ok {
		return fmt.Errorf("data: the examples of %s cannot be shown or exported", name)
	}
	if f.show != "" {
		if err := f.draw(c.OutOrStdout(), name, set); err != nil {
			return err
		}
	}
	if f.export == "" {
		return nil
	}
	n := f.number(1000, set)
	if err := data.Export(f.export, set, n); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %s examples of the split %s, in %s\n", name, ui.Count(n), f.split, f.export)
	return nil
}

// number is how many examples are wanted.
func (f *exampleFlags) number(usual int, set data.Set) int {
	if f.count > 0 {
		return f.count
	}
	return min(usual, set.Len())
}

// draw prints examples and draws them.
func (f *exampleFlags) draw(w io.Writer, name string, set data.Recorded) error {
	n := f.number(6, set)
	if n > set.Len() {
		return usagef("data: --count is %d: the split %s has %d", n, f.split, set.Len())
	}
	file := f.show
	if file == byName {
		file = name + ".png"
	}
	var pictures []image.Image
	for i := range n {
		pictures = append(pictures, set.Original(i))
		fmt.Fprintf(w, "%s %d\n%v\n", f.split, i, set.Record(i))
	}
	columns, enlarge := 3, 2
	if wide := pictures[0].Bounds().Dx() > 400; wide { // a film, frame by frame
		columns, enlarge = 1, 1
	}
	if err := writePNG(file, report.Sheet(pictures, columns, enlarge)); err != nil {
		return err
	}
	fmt.Fprintf(w, "examples drawn: %d, in %s\n", n, file)
	return nil
}
