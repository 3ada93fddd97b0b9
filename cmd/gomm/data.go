package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla/plugin"
	"gomm/mmlib/data"
	"gomm/mmlib/models"
)

// fetchable is something that 'gomm data' gets.
type fetchable struct {
	name, about string

	// fetch gets it, or finds it already there, and checks it. It is kept in dir, or in its usual folder when dir is empty.
	// Notes on the way go to log. It returns what is there now, and where.
	fetch func(ctx context.Context, dir string, log io.Writer) (string, error)
}

// fetchables are the data sets of the table and the plugins.
func fetchables() []fetchable {
	var list []fetchable
	for _, name := range sourceNames() {
		if about, ok := models.Sources()[name]().(interface{ About() string }); ok {
			list = append(list, fetchable{name, about.About(), fetchDataset(name)})
		}
	}
	return append(list,
		fetchable{"plugin", "the XLA plugin for this machine's CPU, 63 MB", fetchPlugin},
		fetchable{"cuda", "the XLA plugin for NVIDIA GPUs, with CUDA's libraries, some GB", fetchAccelerator(plugin.FetchCUDA)},
		fetchable{"tpu", "the XLA plugin for Google's TPUs", fetchAccelerator(plugin.FetchTPU)},
	)
}

func newDataCommand() *cobra.Command {
	var dir string
	var examples exampleFlags
	cmd := &cobra.Command{
		Use:   "data [" + strings.Join(fetchableNames(), "|") + "]...",
		Short: "Fetch data sets and XLA plugins, check their sums, show and export examples",
		Long: `Data fetches what is named and checks it; what is already here is only checked. Everything is kept in the user's cache
folder, where the other commands look, or in the folder that --dir names.

With --show it prints some examples of a data set and draws them; with --export it writes them for other programs to use.

` + describeFetchables(),
		Example: `  gomm data mnist plugin              all that the demo needs
  gomm data fashion-mnist
  gomm data mnist --dir /data/mnist   keep it there; a copy that is there already is used
  gomm data scenes --show             captions, questions and dialogues, and their pictures in scenes.png
  gomm data scenes --export scenes --count 5000 --set grid=4
  gomm data films --export films --count 100                   animated GIFs, and their captions in films/examples.jsonl`,
		Args:              fetchableArgs,
		ValidArgsFunction: completeWords(fetchableNames()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := examples.check(cmd, args); err != nil {
				return err
			}
			if examples.wanted() {
				return examples.run(cmd, args[0], dir)
			}
			if dir != "" && len(args) > 1 {
				return usagef("data: --dir is for one at a time, as their files share names; got %s", strings.Join(args, " "))
			}
			return fetchAll(cmd, args, dir)
		},
	}
	examples.add(cmd)
	cmd.Flags().StringVar(&dir, "dir", "", "keep the files in this folder instead of the cache")
	if err := cmd.MarkFlagDirname("dir"); err != nil {
		panic(err) // the flag is the one above
	}
	return cmd
}

// fetchAll gets everything that is named. That one thing fails does not stop the others.
func fetchAll(cmd *cobra.Command, names []string, dir string) error {
	var failures []error
	for _, name := range names {
		for _, f := range fetchables() {
			if f.name != name {
				continue
			}
			what, err := f.fetch(cmd.Context(), dir, cmd.ErrOrStderr())
			if err != nil {
				failures = append(failures, err)
				continue
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", name, what)
		}
	}
	return errors.Join(failures...)
}

func fetchableNames() []string {
	var names []string
	for _, f := range fetchables() {
		names = append(names, f.name)
	}
	return names
}

func describeFetchables() string {
	var text strings.Builder
	for _, f := range fetchables() {
		fmt.Fprintf(&text, "  %-14s %s\n", f.name, f.about)
	}
	return strings.TrimRight(text.String(), "\n")
}

// fetchableArgs refuses a call that names nothing, or something unknown.
func fetchableArgs(_ *cobra.Command, args []string) error {
	names := fetchableNames()
	if len(args) == 0 {
		return fmt.Errorf("data: name what to fetch: %s", strings.Join(names, ", "))
	}
	for _, arg := range args {
		if !slices.Contains(names, arg) {
			return fmt.Errorf("data: nothing is called %q; there are %s", arg, strings.Join(names, ", "))
		}
	}
	return nil
}

// fetchDataset loads a data set from wherever it is to be had, which checks the sums of all its files and keeps them.
func fetchDataset(name string) func(context.Context, string, io.Writer) (string, error) {
	return func(ctx context.Context, dir string, log io.Writer) (string, error) {
		return loadDataset(ctx, name, data.Options{Cache: dir, Progress: log})
	}
}

// loadDataset loads a data set and says what it holds and where it is kept.
func loadDataset(ctx context.Context, name string, o data.Options) (string, error) {
	source := models.Sources()[name]()
	if o.Cache == "" {
		kept := name
		if of, ok := source.(interface{ MadeOf() string }); ok {
			kept = of.MadeOf()
		}
		var err error
		if o.Cache, err = data.CacheDir(kept); err != nil {
			return "", fmt.Errorf("%w; --dir names one", err)
		}
	}
	splits, err := source.Load(ctx, o)
	if err != nil {
		return "", err
	}
	var sizes []string
	for _, split := range []string{data.Train, data.Validation, data.Test} {
		if set, ok := splits[split]; ok {
			sizes = append(sizes, ui.Count(set.Len())+" "+split)
		}
	}
	return fmt.Sprintf("examples: %s; sums right, in %s", strings.Join(sizes, ", "), o.Cache), nil
}
