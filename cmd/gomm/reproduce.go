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
)

func newReproduceCommand() *cobra.Command {
	r := reproduction{program: self}
	var dryRun bool
	c := &cobra.Command{
		Use:   "reproduce RECIPE",
		Short: "Repeat a recipe: its trainings and evaluations, beside the figures it records",
		Long: `Repeat a recipe of recipes/: run its commands one after the other, say what each took, and put what was measured beside
the figures that the recipe records and the bars it must not fall below. It fails where a command fails or a figure is below
its bar.

On the same backend of a machine of the same kind the same seed gives the same figures; elsewhere they differ a little.
A reproduction that was interrupted goes on where it stopped when it is started again.`,
		Example: `  gomm reproduce recipes/mnist-tiny.json
  gomm reproduce recipes/mnist-demo.json --run runs/again --seed 2
  gomm reproduce recipes/understand.json --dry-run      only print the commands`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if r.recipe, err = readRecipe(args[0]); err != nil {
				return err
			}
			if r.dir == "" {
				r.dir = filepath.Join("runs", r.recipe.Name)
			}
			r.seeded = c.Flags().Changed("seed")
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

// recipe is what a file in recipes/ must have to be repeated; what else it says is for people.
type recipe struct {
	Name     string             `json:"name"`
	Commands []string           `json:"commands"` // gomm commands, one a line; {run} stands for the folder of the runs
	Figures  map[string]float64 `json:"figures"`  // what was measured; see [figure]
	Bars     map[string]float64 `json:"bars"`     // what must at least be measured
}

func readRecipe(file string) (r recipe, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("%s is not a recipe: %w", file, err)
	}
	if r.Name == "" || r.Name != filepath.Base(r.Name) || len(r.Commands) == 0 {
		return r, fmt.Errorf("%s is not a recipe: it needs a name, which can be a folder's, and commands", file)
	}
	for _, line := range r.Commands {
		if _, args := splitCommand(line); len(args) == 0 || args[0] != "gomm" {
			return r, fmt.Errorf("%s: the command %q is not one of gomm", file, line)
		}
	}
	return r, nil
}

// splitCommand splits "NAME=value gomm eval --run x" into the environment and the words. There are no quotes in it.
func splitCommand(line string) (env, args []string) {
	args = strings.Fields(line)
	for len(args) > 0 && strings.Contains(args[0], "=") {
		env, args = append(env, args[0]), args[1:]
	}
	return env, args
}

// reproduction is one repetition of a recipe.
type reproduction struct {
	recipe         recipe
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
func (r reproduction) commands() (lines [][]string, env [][]string) {
	for _, line := range r.recipe.Commands {
		variables, args := splitCommand(line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "{run}", r.dir)
		}
		if r.seeded && slices.Contains([]string{"pretrain", "finetune", "demo"}, args[1]) {
			args = append(args, "--seed", fmt.Sprint(r.seed))
		}
		lines, env = append(lines, args), append(env, variables)
	}
	return lines, env
}

func (r reproduction) print() error {
	lines, env := r.commands()
	for i, args := range lines {
		words := slices.Clone(env[i])
		for _, arg := range args {
			if !strings.HasPrefix(arg, "--") {
				arg = quote(arg)
			}
			words = append(words, arg)
		}
		if _, err := fmt.Fprintln(r.stdout, strings.Join(words, " ")); err != nil {
			return err
		}
	}
	return nil
}

// run runs the commands and compares.
func (r reproduction) run(ctx context.Context) error {
	lines, env := r.commands()
	rows := [][]string{{"", "wall", "CPU"}}
	var wall, cpu time.Duration
	for i, args := range lines {
		label := strings.Join(args, " ")
		args, done, err := toDo(args[1:])
		if err != nil {
			return err
		}
		if done {
			fmt.Fprintf(r.stderr, "\ndone already: %s\n", label)
			continue
		}
		fmt.Fprintf(r.stderr, "\n%d/%d: %s\n", i+1, len(lines), label)
		c, err := r.program(ctx, args...)
		if err != nil {
			return err
		}
		c.Env = append(c.Environ(), env[i]...)
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

// toDo says what is left to do of a command: nothing of a training that has ended, and the rest of one that was interrupted. Whether
// the run in the folder is the one that the command would make is checked as far as its kind and its seed go.
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
	seed := "1"
	for i, arg := range args[:len(args)-1] {
		if arg == "--seed" {
			seed = args[i+1]
		}
	}
	if fmt.Sprint(s.Seed) != seed {
		return nil, false, fmt.Errorf("%s holds a run of seed %d, and this one is of seed %s: name another folder by --run", dir, s.Seed, seed)
	}
	t, err := experiment.ReadTrained(dir)
	if err != nil {
		return nil, false, err
	}
	ended := t.Steps == int64(s.Training.Steps) || t.StoppedEarly != ""
	return []string{args[0], args[1], "--resume", "--run", dir}, ended, nil
}
