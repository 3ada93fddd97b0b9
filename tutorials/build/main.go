// Build makes the notebooks of the lessons: tutorials/LANGUAGE/LESSON.md becomes notebooks/LANGUAGE/LESSON.ipynb, executed.
//
//	go run ./tutorials/build                          all of them
//	go run ./tutorials/build -lang en -only attention
//	go run ./tutorials/build -check                   write nothing: are they up to date, do they still work?
//
// A lesson is Markdown with Go cells, as Jupytext writes it, so that JupyterLab can open the source too. Checking executes every
// notebook and fails when one differs from its lesson (stale), when a cell fails or writes to stderr, and when a cell prints a
// number outside of the range that it states:
//
//	// expect accuracy: 97.5 to 99
//
// It needs the virtual environment .venv and the kernel in it: `make notebooks` and `make check-notebooks` take care of them.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	o, err := parseFlags(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2) // flag has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notebooks:", err)
		os.Exit(1)
	}
}

type options struct {
	root, python string
	languages    []string
	only         *regexp.Regexp
	check        bool
	execute      bool
	timeout      time.Duration
	slow         time.Duration
}

func parseFlags(args []string, w io.Writer) (options, error) {
	o := options{}
	var chosen string
	f := flag.NewFlagSet("build", flag.ContinueOnError)
	f.SetOutput(w)
	f.StringVar(&o.root, "root", ".", "gomm's `folder`")
	f.StringVar(&o.python, "python", ".venv/bin/python", "the Python that has Jupyter")
	f.StringVar(&chosen, "lang", strings.Join(languages, ","), "languages")
	f.BoolVar(&o.check, "check", false, "write nothing; fail when a notebook is stale or does not work")
	f.BoolVar(&o.execute, "execute", true, "execute the notebooks; with -check -execute=false only look whether they are stale and what "+
		"their outputs say")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "of a notebook's execution")
	f.DurationVar(&o.slow, "slow", 0, "list the cells that take at least so long, such as 2s; 0 for none")
	f.Func("only", "`regexp` of lessons, such as 03 or attention", func(text string) (err error) {
		o.only, err = regexp.Compile(text)
		return err
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.languages = strings.Split(chosen, ",")
	for _, language := range o.languages {
		if !slices.Contains(languages, language) {
			err := fmt.Errorf("-lang %s: there are %s", language, strings.Join(languages, ", "))
			fmt.Fprintln(w, "notebooks:", err)
			return o, err
		}
	}
	if f.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q: all is said by flags, see -help", f.Arg(0))
		fmt.Fprintln(w, "notebooks:", err)
		return o, err
	}
	return o, nil
}

// run builds or checks what is chosen. That one notebook is wrong does not stop the others.
func run(ctx context.Context, o options, w io.Writer) error {
	var failed []string
	count, start := 0, time.Now()
	for _, language := range o.languages {
		lessons, err := readLessons(o.root, language)
		if err != nil {
			return err
		}
		for _, l := range lessons {
			if o.only != nil && !o.only.MatchString(l.name) {
				continue
			}
			count++
			began := time.Now()
			wrong, slow, err := o.one(ctx, l)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				wrong = append(wrong, err.Error())
			}
			name := l.language + "/" + l.name
			if len(wrong) == 0 {
				fmt.Fprintf(w, "%-28s ok after %.0f s\n%s", name, time.Since(began).Seconds(), slow)
				continue
			}
			failed = append(failed, name)
			fmt.Fprintf(w, "%-28s FAILED after %.0f s\n%s", name, time.Since(began).Seconds(), slow)
			for _, message := range wrong {
				fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(message, "\n", "\n  "))
			}
		}
	}
	switch {
	case count == 0:
		return errors.New("no lesson is chosen")
	case len(failed) > 0:
		return fmt.Errorf("%d of %d failed: %s", len(failed), count, strings.Join(failed, ", "))
	}
	fmt.Fprintf(w, "%d notebooks after %.0f s\n", count, time.Since(start).Seconds())
	return nil
}

// one builds or checks a notebook and says what is wrong with it, and which cells are slow, a line each.
func (o options) one(ctx context.Context, l lesson) (wrong []string, slow string, err error) {
	path := notebookPath(o.root, l)
	nb := newNotebook(l)
	if o.check {
		old, err := readNotebook(path)
		if err != nil {
			return nil, "", err
		}
		if where := staleness(old, l); where != "" {
			return []string{fmt.Sprintf("%s is stale: %s; make notebooks rebuilds it", path, where)}, "", nil
		}
		if !o.execute {
			return problems(old), "", nil
		}
	}
	if o.execute {
		executed, err := o.run(ctx, nb, filepath.Dir(path))
		if err != nil {
			return nil, "", err
		}
		if err := nb.accept(executed); err != nil {
			return nil, "", err
		}
		wrong, slow = problems(nb), executed.slow(o.slow)
	}
	if o.check {
		return wrong, slow, nil
	}
	data, err := nb.bytes()
	if err != nil {
		return nil, "", err
	}
	if len(wrong) > 0 { // the notebook stays as it was; what failed can be looked at
		path = filepath.Join(os.TempDir(), "failed-"+l.language+"-"+filepath.Base(path))
		wrong = append(wrong, "what it put out is in "+path)
	}
	return wrong, slow, os.WriteFile(path, data, 0o644)
}

// execute is the Python program that runs a notebook: source, folder to run in, result, seconds. A failed cell does not stop the
// rest, so that all that is wrong is told at once.
const execute = `
import sys, nbformat
from nbclient import NotebookClient
source, folder, result, seconds = sys.argv[1:]
notebook = nbformat.read(source, 4)
NotebookClient(notebook, timeout=int(seconds), allow_errors=True, resources={"metadata": {"path": folder}}).execute()
nbformat.write(notebook, result)
`

// run executes a notebook as one that lies in a folder.
func (o options) run(ctx context.Context, nb notebook, folder string) (notebook, error) {
	if _, err := os.Stat(o.python); err != nil {
		return nb, fmt.Errorf("no Python with Jupyter: %w; make .venv makes one", err)
	}
	temp, err := os.MkdirTemp("", "notebook")
	if err != nil {
		return nb, err
	}
	defer os.RemoveAll(temp)
	data, err := nb.bytes()
	if err != nil {
		return nb, err
	}
	in, out := filepath.Join(temp, "in.ipynb"), filepath.Join(temp, "out.ipynb")
	if err := os.WriteFile(in, data, 0o644); err != nil {
		return nb, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.python, "-c", execute, in, folder, out, fmt.Sprint(int(o.timeout.Seconds())))
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "PYDEVD_DISABLE_FILE_VALIDATION=1") // the kernel leaves nothing behind in /tmp
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	// Interrupted, nbclient ends the kernel, which is in a session of its own; killed, it would leave it running.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	switch err := cmd.Run(); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nb, fmt.Errorf("it was not done after %s (-timeout)", o.timeout)
	case err != nil:
		return nb, errors.Join(fmt.Errorf("executing it: %w", err), ctx.Err(), errors.New(strings.TrimSpace(said.String())))
	}
	return readNotebook(out)
}
