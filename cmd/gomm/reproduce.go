package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
	"gomm/recipes"
)

func newReproduceCommand() *cobra.Command {
	r := reproduction{program: self}
	var dryRun bool
	c := &cobra.Command{
		Use:   "reproduce RECIPE",
		Short: "Repeat a recipe: its trainings and evaluations, beside the figures it records",
		Long: `Repeat a recipe, by its name or its file: run its commands one after the other, say what each took, and put what was
measured beside the figures that the recipe records and the bars it must not fall below or exceed. It fails where a command fails
or a figure is on the wrong side of its bar.

On the same backend of a machine of the same kind the same seed gives the same figures; elsewhere they differ a little.
A reproduction that was interrupted goes on where it stopped when it is started again.`,
		Example: `  gomm reproduce mnist-tiny
  gomm reproduce mnist-demo --run runs/again --seed 2
  gomm reproduce understand --dry-run                   only print the commands
  gomm reproduce recipes/understand.json                the same recipe, from its file`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(recipes.Names(), cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if r.recipe, err = recipes.Open(args[0]); err != nil {
				return err
			}
			if r.dir == "" {
				r.dir = filepath.Join("runs", r.recipe.Name)
			}
			r.seeded = c.Flags().Changed("seed")
			named := func(c recipes.Command) bool { return slices.Contains(c.Args, "--seed") }
			if r.seeded && slices.ContainsFunc(r.recipe.In(r.dir), named) {
				return usagef("--seed is %d, and the recipe %s names the seeds of its trainings itself: leave it out", r.seed, r.recipe.Name)
			}
			r.stdout, r.stderr = c.OutOrStdout(), c.ErrOrStderr()
			if dryRun {
				return r.print()
			}
			return r.run(c.Context())
		},
	}
	flags := c.Flags()
	flags.StringVar(&r.dir, "run", "", "folder for the recipe's runs (default: runs/ and the recipe's name)")
	flags.Uint64Var(&r.seed, "seed", 1, "another seed than the recipe's, for every training")
	flags.BoolVar(&dryRun, "dry-run", false, "print the commands and do nothing")
	_ = c.MarkFlagDirname("run")
	return c
}

// reproduction is one repetition of a recipe.
type reproduction struct {
	recipe         recipes.Recipe
	dir            string // of its runs
	seed           uint64
	seeded         bool // the seed is another than the recipe's
	program        func(ctx context.Context, args ...string) (*exec.Cmd, error)
	stdout, stderr io.Writer
}

// self is the command for this program with other arguments: each training has a process of its own, whose memory ends with it and
// whose CPU time can be told.
func self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("where this program lies: %w", err)
	}
	return exec.CommandContext(ctx, program, args...), nil
}

// commands are those of the recipe, for this folder and seed.
func (r reproduction) commands() []recipes.Command {
	list := r.recipe.In(r.dir)
	for i, c := range list {
		if r.seeded && slices.Contains([]string{"pretrain", "finetune", "demo"}, c.Args[1]) {
			list[i].Args = append(c.Args, "--seed", fmt.Sprint(r.seed))
		}
	}
	return list
}

func (r reproduction) print() error {
	for _, c := range r.commands() {
		for i, arg := range c.Args {
			if !strings.HasPrefix(arg, "--") {
				c.Args[i] = quote(arg)
			}
		}
		if _, err := fmt.Fprintln(r.stdout, c); err != nil {
			return err
		}
	}
	return nil
}

// run runs the commands and compares.
func (r reproduction) run(ctx context.Context) error {
	commands := r.commands()
	rows := [][]string{{"", "wall", "CPU"}}
	var wall, cpu time.Duration
	for i, command := range commands {
		label := strings.Join(command.Args, " ")
		args, done, err := toDo(command.Args[1:])
		if err != nil {
			return err
		}
		if done {
			fmt.Fprintf(r.stderr, "\ndone already: %s\n", label)
			continue
		}
		fmt.Fprintf(r.stderr, "\n%d/%d: %s\n", i+1, len(commands), label)
		c, err := r.program(ctx, args...)
		if err != nil {
			return err
		}
		c.Env = append(c.Environ(), command.Env...)
		c.Stdout, c.Stderr = r.stderr, r.stderr
		interruptOnce(c)
		began := time.Now()
		if err := c.Run(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%s: %w", label, err)
		}
		took, used := time.Since(began), c.ProcessState.UserTime()+c.ProcessState.SystemTime()
		wall, cpu = wall+took, cpu+used
		rows = append(rows, []string{label, minutes(took), minutes(used)})
	}
	rows = append(rows, []string{"together", minutes(wall), minutes(cpu)})
	var out bytes.Buffer
	align(&out, rows)
	fmt.Fprintln(&out)
	err := r.compare(&out)
	_, writing := out.WriteTo(r.stdout)
	return errors.Join(err, writing)
}

func minutes(d time.Duration) string { return fmt.Sprintf("%.1f min", d.Minutes()) }

// toDo says what is left to do of a command: nothing of a training that has ended, and the rest of one that was interrupted.
func toDo(args []string) (left []string, done bool, err error) {
	at := slices.Index(args, "--run")
	if at < 0 || at+1 >= len(args) || args[0] != "pretrain" && args[0] != "finetune" {
		return args, false, nil
	}
	dir := args[at+1]
	s, err := models.ReadSettings(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return args, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if s.Kind != args[1] || s.Training == nil {
		return nil, false, fmt.Errorf("%s holds a %s, and the recipe makes a %s there: name another folder by --run", dir, s.Kind, args[1])
	}
	if err := sameSettings(args, s); err != nil {
		return nil, false, fmt.Errorf("%s holds another run, %w: name another folder by --run", dir, err)
	}
	t, err := experiment.ReadTrained(dir)
	if err != nil {
		return nil, false, err
	}
	ended := t.Steps == int64(s.Training.Steps) || t.StoppedEarly != ""
	return []string{args[0], args[1], "--resume", "--run", dir}, ended, nil
}

// sameSettings reports a setting that a training command would give a run and the run does not have. Of the model's those count that
// the command sets itself: some others come with the data.
func sameSettings(args []string, have models.Settings) error {
	var f trainFlags
	c := &cobra.Command{}
	f.add(c, []string{args[1]})
	if err := c.ParseFlags(args[2:]); err != nil {
		return err
	}
	want, err := f.settings(args[1])
	if err != nil {
		return err
	}
	common := func(s models.Settings) any {
		return map[string]any{"seed": s.Seed, "preset": s.Preset, "data": s.Data, "training": s.Training}
	}
	if err := differ(common(have), common(want)); err != nil {
		return err
	}
	before, err := json.Marshal(have.Model)
	if err != nil {
		return err
	}
	for _, kv := range f.set {
		key, value, _ := strings.Cut(kv, "=")
		if err := run.Set(&have, key, value); err != nil {
			return err
		}
	}
	return differ(json.RawMessage(before), have.Model)
}

// differ names the first line in which the JSON of settings in a folder differs from that of a recipe's.
func differ(have, want any) error {
	a, errA := json.MarshalIndent(have, "", " ")
	b, errB := json.MarshalIndent(want, "", " ")
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	mine, theirs := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(mine), len(theirs)) {
		if mine[i] != theirs[i] {
			trim := func(line string) string { return strings.Trim(line, " ,") }
			return fmt.Errorf("with %s where this one has %s", trim(mine[i]), trim(theirs[i]))
		}
	}
	return nil
}
