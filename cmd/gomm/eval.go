package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spf13/cobra"

	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/eval"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	"gomm/mmlib/loss"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// The parts of a data set that a run is measured on.
const (
	testSplit       = "test"
	validationSplit = "validation"
)

func newEvalCommand() *cobra.Command {
	var dir string
	var on examples
	var asJSON, noReport bool
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure a trained run: accuracy, errors, speed, and a report to look at",
		Long: `Measure a trained run on pictures that it was not trained on: a CLIP zero-shot, by prompts in each of its languages
alone, a classifier by what it says. The weights are those of the best checkpoint. The run folder gets report.html, one file
that opens offline, and summary.json.

Settings are chosen on the validation split, which is held out of the training set; the test split is for the number at the
very end.`,
		Example: `  gomm eval --run runs/first                         on the 10,000 test pictures
  gomm eval --run runs/first --split validation      to compare settings
  gomm eval --run runs/first --json --no-report | jq .zero_shot_accuracy_en`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usagef("--run is missing: name the run folder to measure, e.g. --run runs/first")
			}
			if on.split != testSplit && on.split != validationSplit {
				return usagef("--split is %q: it must be %s or %s", on.split, testSplit, validationSplit)
			}
			b, err := openBackend()
			if err != nil {
				return err
			}
			e, err := evaluateOn(c.Context(), b, dir, on, c.ErrOrStderr())
			if err != nil {
				return err
			}
			report := ""
			if !noReport {
				if report, err = e.save(); err != nil {
					return err
				}
			}
			if asJSON {
				return encodeJSON(c.OutOrStdout(), e.summary())
			}
			return e.print(c.OutOrStdout(), report)
		},
	}
	flags := c.Flags()
	flags.StringVar(&dir, "run", "", "run folder to measure")
	flags.StringVar(&on.split, "split", testSplit, "pictures to measure on: test or validation")
	flags.StringVar(&on.data, "data", "", "another data set than the run's own")
	flags.StringVar(&on.dir, "data-dir", "", "folder with the data set's files, if you have them")
	flags.BoolVar(&asJSON, "json", false, "write one JSON object instead of a table")
	flags.BoolVar(&noReport, "no-report", false, "leave the run folder as it is: no report.html, no summary.json")
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	_ = c.RegisterFlagCompletionFunc("split", cobra.FixedCompletions([]string{testSplit, validationSplit}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("data", cobra.FixedCompletions(mnist.Names(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagDirname("data-dir")
	return c
}

// examples says which pictures a run is measured on.
type examples struct {
	split string // test or validation
	data  string // data set; empty for the run's own
	dir   string // folder with the data set's files, or empty
}

// evaluation is what was measured of one run, and what a report of it needs.
type evaluation struct {
	dir     string
	config  run.Config // with the data set that it was measured on
	split   string
	backend compute.Backend
	model   *models.Model
	session *infer.Session

	pictures        *mnist.Set
	answers         []answers
	imagesPerSecond float64
	points          []run.Point // of the training
	trained         experiment.Trained

	embeddings eval.Matrix            // of the pictures; of a CLIP only
	similarity map[string]eval.Matrix // language to cosines of pictures and classes; of a CLIP only
}

// answers are what a run said of the pictures: a CLIP by the prompts of one language, a classifier.
type answers struct {
	language    string // empty for a classifier
	predictions []eval.Prediction
}

// evaluate measures the run in dir on a split of its own data set.
func evaluate(ctx context.Context, b compute.Backend, dir, split, dataDir string, stderr io.Writer) (*evaluation, error) {
	return evaluateOn(ctx, b, dir, examples{split: split, dir: dataDir}, stderr)
}

func evaluateOn(ctx context.Context, b compute.Backend, dir string, on examples, stderr io.Writer) (*evaluation, error) {
	m, err := models.Open(dir)
	if err != nil {
		return nil, err
	}
	e := &evaluation{dir: dir, config: m.Config, split: on.split, backend: b, model: m}
	if e.pictures, err = on.load(ctx, m.Config, stderr); err != nil {
		return nil, err
	}
	e.config.Data.Name = e.pictures.Name
	if err := e.readTraining(); err != nil {
		return nil, err
	}
	if e.session, err = experiment.Session(b, m); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // compiling takes seconds
		return nil, err
	}
	began := time.Now()
	if m.Config.Task == models.CLIP {
		err = e.zeroShot()
	} else {
		err = e.classify()
	}
	e.imagesPerSecond = float64(e.pictures.Len()) / time.Since(began).Seconds()
	return e, errors.Join(err, ctx.Err())
}

// load returns the pictures, normalised as those that the run was trained on.
func (x examples) load(ctx context.Context, c run.Config, stderr io.Writer) (*mnist.Set, error) {
	name := c.Data.Name
	if x.data != "" && x.data != name {
		if c.Task == models.Classifier {
			return nil, fmt.Errorf("--data %s: the run is a classifier of %s, and has no other classes", x.data, name)
		}
		name = x.data
	}
	if x.split == validationSplit && c.Data.Validation == 0 {
		return nil, errors.New("--split validation: the run was trained without one (data.validation is 0): use --split test")
	}
	all, pictures, err := mnist.Load(name, mnist.Options{Dir: x.dir, Progress: stderr, Context: ctx})
	if err != nil {
		return nil, err
	}
	if x.split == validationSplit {
		_, pictures = all.Split(c.Data.Validation)
	}
	pictures.Mean, pictures.Std, err = pixelStatistics(c.Data.Name)
	return pictures, err
}

// pixelStatistics are the mean and the standard deviation that a data set's pictures are normalised with.
func pixelStatistics(data string) (mean, std float32, err error) {
	switch data {
	case mnist.MNIST:
		return mnist.MNISTMean, mnist.MNISTStd, nil
	case mnist.Fashion:
		return mnist.FashionMean, mnist.FashionStd, nil
	}
	return 0, 0, fmt.Errorf("data set %q is unknown; there are %v", data, mnist.Names())
}

// readTraining reads what the training left in the run folder.
func (e *evaluation) readTraining() error {
	f, err := run.Open(e.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if e.points, err = f.ReadMetrics(); err != nil {
		return err
	}
	e.trained, err = experiment.ReadTrained(e.dir)
	return err
}

func (e *evaluation) zeroShot() error {
	z, err := experiment.MeasureZeroShot(e.session, e.config, e.model.Tokenizer, e.pictures)
	if err != nil {
		return err
	}
	scale, err := logitScale(e.model.Store())
	if err != nil {
		return err
	}
	e.embeddings, e.similarity = z.Images, z.Similarity
	for _, language := range e.config.Data.Captions.Languages {
		p, err := eval.Predict(eval.Softmax(z.Similarity[language], scale), e.pictures) // as sure of itself as the model is by its own temperature
		if err != nil {
			return err
		}
		e.answers = append(e.answers, answers{language, p})
	}
	return nil
}

// logitScale is the factor exp(s) that a CLIP multiplies cosines by, at most 100.
func logitScale(weights *model.Store) (float64, error) {
	v := weights.GetVariable("/logit_scale")
	if v == nil {
		return 0, errors.New("the checkpoint has no weight /logit_scale, so it is not a CLIP's")
	}
	value, err := v.Value()
	if err != nil {
		return 0, err
	}
	return min(math.Exp(float64(tensors.ToScalar[float32](value))), loss.MaxLogitScale), nil
}

func (e *evaluation) classify() error {
	p, err := experiment.Classify(e.session, e.pictures)
	e.answers = []answers{{"", p}}
	return err
}

// accuracy is the share of right answers by the prompts of a language, or with no language those of a classifier.
func (e *evaluation) accuracy(language string) float64 {
	for _, a := range e.answers {
		if a.language == language {
			return eval.Accuracy(a.predictions)
		}
	}
	return 0
}

// kind says in a word or two what sort of model the run holds.
func (e *evaluation) kind() string {
	switch c := e.config; {
	case c.Task == models.CLIP:
		return "CLIP"
	case e.frozen():
		return "linear probe"
	case c.Init != "":
		return "fine-tuned"
	}
	return "trained from scratch"
}

// frozen says whether the run kept the vision tower that it was given.
func (e *evaluation) frozen() bool { return slices.Contains(e.config.Training.Frozen, "/vision") }

// save writes report.html and summary.json into the run folder and returns the report's path.
func (e *evaluation) save() (report string, err error) {
	report = filepath.Join(e.dir, "report.html")
	if err := writeReport(report, fmt.Sprintf("gomm: %s on %s", e.kind(), e.config.Data.Name), e); err != nil {
		return "", err
	}
	f, err := run.Open(e.dir)
	if err != nil {
		return "", err
	}
	return report, errors.Join(f.WriteSummary(e.summary()), f.Close())
}

// summary is what summary.json says of a run.
func (e *evaluation) summary() map[string]any {
	s := map[string]any{
		"task": e.config.Task, "preset": e.config.Preset, "seed": e.config.Seed, "data": e.config.Data.Name, "split": e.split,
		"examples": e.pictures.Len(), "step": e.model.Step, "backend": xla.Describe(e.backend),
		"images_per_second": math.Round(e.imagesPerSecond),
	}
	for _, a := range e.answers {
		prefix, suffix := "", ""
		if a.language != "" {
			prefix, suffix = "zero_shot_", "_"+a.language
		}
		low, high, _ := a.counted("").Wilson() // of at least one picture
		s[prefix+"accuracy"+suffix] = eval.Accuracy(a.predictions)
		s[prefix+"interval"+suffix] = []float64{low, high}
		s[prefix+"errors"+suffix] = a.errors()
	}
	return s
}

// encodeJSON writes v for people, with letters as they are.
func encodeJSON(w io.Writer, v any) error {
	j := json.NewEncoder(w)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	return j.Encode(v)
}

// writeJSON writes v to a file, whole or not at all.
func writeJSON(path string, v any) error {
	var data bytes.Buffer
	if err := encodeJSON(&data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return writeBeside(path, data.Bytes())
}
