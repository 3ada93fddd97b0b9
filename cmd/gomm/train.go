package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

func newPretrainCommand() *cobra.Command {
	return newTrainCommand(models.Pretrained, "Pretrain a model",
		`Where a data set has no captions of its own, they are made of the names of its
classes, in English and Chinese, several templates each.`,
		`  gomm pretrain clip --run runs/first                                       about three minutes on 2 cores
  gomm pretrain clip --preset mnist --run runs/mnist/clip --seed 2           the full recipe
  gomm pretrain simclr --run runs/simclr                                     from pictures alone, without captions or labels
  gomm pretrain fusion --from runs/attributes --run runs/pretrained          go on from another run of it, with other objectives
  gomm pretrain palm --run runs/book                                         a language model of the book that Go carries
  gomm pretrain palm --run runs/letters --data letters.txt                   … of a text of your own
  gomm pretrain clip --run runs/pairs --set data.captions.sharing=pairs      plain InfoNCE
  gomm pretrain clip --run runs/first --resume                               resume after an interruption`)
}

func newFinetuneCommand() *cobra.Command {
	return newTrainCommand(models.Finetuned, "Train a model on the weights of a pretrained run",
		`Presets that end in "probe" train a linear layer alone, those that end in "full" the whole tower with it. The tower's
weights, its size and the data set are those of the run that --from names; without --from training starts from random
weights. What of that run is of no use, and what is new and starts at random, is said; weights of another shape are refused.

How much of the pretrained weights changes is a matter of settings:
  training.frozen=/vision,/text      what lies under these paths stays as it is
  model.vision.lora.rank=4           LoRA: all that is pretrained stays; low-rank terms beside query and value are trained, and
                                     what is new. lora.targets=query,key,value,out,mlp_in,mlp_out names others, lora.alpha their scale
  training.layer_decay=0.75          every layer learns at so much of the rate of the one above it
  training.patience=3                training ends after so many validations without a better one (every training.save_every steps)`,
		`  gomm finetune classifier --from runs/first --run runs/probe --preset mnist-demo-probe
  gomm finetune classifier --from runs/first --run runs/full --preset mnist-demo-full
  gomm finetune classifier --from runs/first --run runs/lora --preset mnist-demo-full --set lora.rank=4
  gomm finetune vqa --from runs/pretrained --run runs/vqa --set text.lora.rank=8 --set text.lora.targets=query,value,mlp_in,mlp_out
  gomm finetune vqa --from runs/pretrained --run runs/vqa2 --set training.frozen=/vision      the pictures' tower stays as it is
  gomm finetune classifier --from runs/first --run runs/decay --set training.layer_decay=0.75
  gomm finetune classifier --from runs/first --run runs/early --set training.patience=3 --set training.save_every=100
  gomm finetune classifier --run runs/scratch --preset mnist-demo-full        for comparison: nothing pretrained
  gomm finetune classifier --from runs/first --run runs/few --set data.limit=100
  gomm finetune classifier --from runs/simclr --run runs/draw2 --preset mnist-few-full --set data.draw=2
                                                                             100 labels, ten of each class, drawn by seed 2`)
}

// newTrainCommand makes a command of the kinds in the table that are trained in one way.
func newTrainCommand(way models.Way, short, more, examples string) *cobra.Command {
	var f trainFlags
	names := models.Names(way)
	c := &cobra.Command{
		Use:   string(way) + " " + strings.Join(names, "|"),
		Short: short,
		Long: short + ". What can be trained:\n\n" + describeKinds(names) + "\n" + more + `

The run folder holds the settings, everything that the model needs to be used, checkpoints and the curve. Settings are
checked before there is a folder. Ctrl-C saves and stops; --resume continues, and ends with the same weights as a run that was
never interrupted.`,
		Example:   examples,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c); err != nil {
				return err
			}
			b, err := openBackend()
			if err != nil {
				return err
			}
			r, err := f.open(c.Context(), b, args[0], c.ErrOrStderr())
			if err != nil {
				return err
			}
			t, validation, err := trainRun(c.Context(), b, r, string(way), c.ErrOrStderr())
			if err != nil {
				if c.Context().Err() != nil {
					fmt.Fprintf(c.ErrOrStderr(), "saved after step %d; go on with: gomm %s %s --resume --run %s\n", t.Steps, way, args[0],
						quote(f.runDir))
				}
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d steps%s%s; weights %.12s\nNext: gomm eval --run %s\n", f.runDir, t.Steps, stopped(t),
				validation, t.Digest, quote(f.runDir))
			return nil
		},
	}
	f.add(c, names)
	return c
}

// stopped says that training ended before its last step, and why; it is empty if it did not.
func stopped(t experiment.Trained) string {
	if t.StoppedEarly == "" {
		return ""
	}
	return " (stopped early: " + t.StoppedEarly + ")"
}

// describeKinds lists kinds of models and their presets, the default one first.
func describeKinds(names []string) string {
	var text strings.Builder
	for _, name := range names {
		k, err := models.Lookup(name)
		if err != nil {
			continue
		}
		fmt.Fprintf(&text, "  %s: %s.\n    presets: %s\n", name, k.About, strings.Join(presets(k), ", "))
	}
	return text.String()
}

// presets lists the presets of a kind, the default one first.
func presets(k models.Kind) []string {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(k.Presets)), func(name string) bool { return name == k.Default })
	return append([]string{k.Default}, others...)
}

// sourceNames lists the data sets of the table.
func sourceNames() []string { return slices.Sorted(maps.Keys(models.Sources())) }

// trainFlags are the flags of a training run. Those that are not given are nil or keep what the preset says.
type trainFlags struct {
	preset, data, dir, runDir, from string
	seed                            uint64
	steps                           int
	set                             []string
	resume                          bool
	given                           func(flag string) bool // reports whether the user has set a flag, whatever its value
}

func (f *trainFlags) add(c *cobra.Command, kinds []string) {
	flags := c.Flags()
	flags.StringVar(&f.preset, "preset", "", "settings to start from; the first one listed above if not given")
	flags.StringVar(&f.data, "data", "", "data set: "+strings.Join(sourceNames(), ", ")+
		"; or a text file of your own (default: the preset's, or that of --from)")
	flags.StringVar(&f.dir, "data-dir", "", "folder with the data set's files, if you have them")
	flags.StringVar(&f.runDir, "run", "", "run folder to create, or with --resume to continue")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of everything random")
	flags.IntVar(&f.steps, "steps", 0, "training steps, instead of the preset's")
	flags.StringArrayVar(&f.set, "set", nil, "change a setting: `key=value`, e.g. training.learning_rate=5e-4 (repeatable)")
	flags.BoolVar(&f.resume, "resume", false, "resume the run in --run, with the settings it was created with")
	if slices.ContainsFunc(kinds, func(name string) bool { k, err := models.Lookup(name); return err == nil && k.Begin != nil }) {
		flags.StringVar(&f.from, "from", "", "pretrained run folder to start from")
		_ = c.RegisterFlagCompletionFunc("from", completeRuns)
	}
	f.given = func(name string) bool { return flags.Changed(name) }
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	_ = c.MarkFlagDirname("data-dir")
	_ = c.RegisterFlagCompletionFunc("data", cobra.FixedCompletions(sourceNames(), cobra.ShellCompDirectiveDefault))
	_ = c.RegisterFlagCompletionFunc("preset", func(_ *cobra.Command, args []string, _ string) (
		list []cobra.Completion, _ cobra.ShellCompDirective,
	) {
		if len(args) == 0 {
			args = kinds
		}
		for _, name := range args {
			if k, err := models.Lookup(name); err == nil {
				list = append(list, presets(k)...)
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	})
	_ = c.RegisterFlagCompletionFunc("set", func(_ *cobra.Command, args []string, typed string) (
		keys []cobra.Completion, _ cobra.ShellCompDirective,
	) {
		if len(args) == 0 {
			args = kinds[:1]
		}
		s, err := models.Preset(args[0], f.preset)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		for _, key := range run.Keys(&s) {
			if strings.HasPrefix(key, typed) {
				keys = append(keys, key+"=")
			}
		}
		return keys, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
}

// check refuses flags that contradict each other.
func (f *trainFlags) check(*cobra.Command) error {
	if f.runDir == "" {
		return usagef("--run is missing: name the folder that the run is kept in, e.g. --run runs/first")
	}
	if !f.resume {
		return nil
	}
	for _, name := range []string{"preset", "data", "seed", "steps", "set", "from"} {
		if f.given(name) {
			return usagef("--%s cannot be used with --resume: a resumed run keeps the settings it was created with", name)
		}
	}
	return nil
}

// settings are those of the preset, changed by the flags in this order: --from, --data, --steps, --set.
func (f *trainFlags) settings(kind string) (models.Settings, error) {
	s, err := models.Preset(kind, f.preset)
	if err != nil {
		return s, err
	}
	s.Seed = f.seed
	if f.given("from") {
		if err := s.StartFrom(f.from); err != nil {
			return s, err
		}
	}
	if f.given("data") {
		if err := s.UseData(f.data); err != nil {
			return s, err
		}
	}
	if f.given("steps") {
		s.Training.Steps = f.steps
		s.Training.Warmup = min(s.Training.Warmup, max(f.steps, 0))
	}
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return s, fmt.Errorf("--set %s: write key=value", kv)
		}
		if err := run.Set(&s, key, value); err != nil {
			return s, err
		}
	}
	return s, s.Validate()
}

// open creates the run from the preset and the flags, or opens it again.
func (f *trainFlags) open(ctx context.Context, b compute.Backend, kind string, stderr io.Writer) (*experiment.Run, error) {
	o := data.Options{Dir: f.dir, Progress: stderr}
	if f.resume {
		s, err := models.ReadSettings(f.runDir)
		if err != nil {
			return nil, err
		}
		if s.Kind != kind {
			return nil, usagef("%s holds a %s, not a %s", f.runDir, s.Kind, kind)
		}
		return experiment.Resume(ctx, b, f.runDir, o)
	}
	if err := run.Vacant(f.runDir); err != nil {
		return nil, fmt.Errorf("%w (--resume goes on with a run, --run names another folder)", err)
	}
	s, err := f.settings(kind)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, usageError{err}
	}
	return experiment.Create(ctx, b, f.runDir, s, o)
}

// trainRun trains to the last step and reports on the way. validation is what was measured last, for a sentence.
func trainRun(ctx context.Context, b compute.Backend, r *experiment.Run, label string, stderr io.Writer) (t experiment.Trained,
	validation string, err error) {
	display := ui.NewProgress(stderr, label)
	defer display.Done()
	t, err = r.Train(ctx, experiment.Options{
		Backend:  xla.Describe(b),
		Message:  display.Message,
		Progress: func(p train.Progress) { display.Step(int(p.Step), int(p.Steps), p.Loss, p.ExamplesPerSecond) },
		Measured: func(step int64, figures []experiment.Figure) {
			validation = ", " + experiment.Describe(figures) + " on the validation split"
			display.Message(fmt.Sprintf("step %d: %s", step, strings.TrimPrefix(validation, ", ")))
		},
	})
	return t, validation, err
}

// quote writes a path so that a shell reads it as one word.
func quote(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	if path != "" && strings.Trim(path, plain) == "" && path[0] != '-' {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func openBackend() (compute.Backend, error) {
	b, err := xla.Open()
	if err != nil {
		return nil, fmt.Errorf("no backend: %w ('gomm doctor' says what is missing)", err)
	}
	return b, nil
}
