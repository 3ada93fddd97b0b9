package experiment_test

import (
	"context"
	"fmt"
	"image"
	"log"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/data/text"
	"gomm/mmlib/experiment"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// tinyScenes makes the settings of a kind that learns from scenes very small.
func tinyScenes(kind, preset string) (models.Settings, error) {
	s, err := models.Preset(kind, preset)
	if err != nil {
		return s, err
	}
	for key, value := range map[string]string{
		"text.width": "16", "text.fusion_layers": "1", "vision.width": "16", "vision.layers": "1", "data.validation": "0", "data.test": "4",
		"training.batch_size": "4", "training.steps": "2", "training.warmup": "1",
	} {
		if err := run.Set(&s, key, value); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Trains a very small model to answer questions for two steps, which teach it nothing yet, and lets it choose from a list.
func ExampleSpeaker_Rank() {
	temp, err := os.MkdirTemp("", "runs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(temp)
	ctx, dir := context.Background(), filepath.Join(temp, "vqa")
	if os.Getenv("GOMLX_BACKEND") == "" {
		os.Setenv("GOMLX_BACKEND", "go") // which has nothing to compile
		defer os.Unsetenv("GOMLX_BACKEND")
	}
	backend, err := xla.Open()
	if err != nil {
		log.Fatal(err)
	}
	settings, err := tinyScenes("vqa", "")
	if err != nil {
		log.Fatal(err)
	}
	r, err := experiment.Create(ctx, backend, dir, settings, data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := r.Train(ctx, experiment.Options{}); err != nil {
		log.Fatal(err)
	}

	m, err := models.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	s, err := experiment.NewSpeaker(backend, m)
	if err != nil {
		log.Fatal(err)
	}
	seen, err := s.See(image.NewRGBA(image.Rect(0, 0, 56, 56)))
	if err != nil {
		log.Fatal(err)
	}
	ranked, err := s.Rank(seen, "what color is the digit at the top left?", []string{"red", "blue", "green"})
	if err != nil {
		log.Fatal(err)
	}
	sum := 0.0
	for _, r := range ranked {
		sum += r.Probability
	}
	fmt.Printf("%d answers, together %.0f %%\n", len(ranked), 100*sum)
	_, err = s.Rank(seen, "what color is the digit at the top left?", []string{"red", "crimson"})
	message, _, _ := strings.Cut(err.Error(), ";")
	fmt.Println(message)
	// Output:
	// 3 answers, together 100 %
	// text: "crimson" has words that the model was not trained on: "crimson"
}

// TestPieces: a model whose texts are pieces of words is trained, measured as far as that can be, begun from and used.
func TestPieces(t *testing.T) {
	if testing.Short() {
		t.Skip("trains two models")
	}
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	s, err := tinyScenes("fusion", "scenes-bpe")
	check.Must(t, err)
	pretrained := trained(t, b, s)
	e, err := experiment.Evaluate(t.Context(), b, pretrained, experiment.On{})
	check.Must(t, err)
	if notes := e.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "tokenizer") || !math.IsNaN(e.Figure("masked_ceiling").Value) ||
		math.IsNaN(e.Figure("masked_accuracy").Value) {
		t.Errorf("%q, %v", e.Notes(), e.Figures())
	}
	if s, err = tinyScenes("vqa", ""); err != nil {
		t.Fatal(err)
	}
	check.Must(t, s.StartFrom(pretrained))
	dir := trained(t, b, s)
	m, err := models.Open(dir)
	check.Must(t, err)
	if _, ok := m.Tokenizer.(*text.BPE); !ok || m.Tokenizer.VocabSize() != 424 {
		t.Fatalf("the tokenizer is a %T of %d tokens", m.Tokenizer, m.Tokenizer.VocabSize())
	}
	speaker, err := experiment.NewSpeaker(b, m)
	check.Must(t, err)
	seen, err := speaker.See(image.NewRGBA(image.Rect(0, 0, 56, 56)))
	check.Must(t, err)
	const question = "is it a zebra?" // which words would not know
	_, err = speaker.Ask(seen, question)
	check.Must(t, err)
	list, err := speaker.Rank(seen, question, []string{"yes", "no", "bottom right"})
	check.Must(t, err)
	if len(list) != 3 || math.Abs(list[0].Probability+list[1].Probability+list[2].Probability-1) > 1e-9 {
		t.Errorf("%+v", list)
	}
	looks, err := speaker.LookAtQuestion(seen, question)
	check.Must(t, err)
	words := ""
	for _, l := range looks {
		words += l.Word
	}
	if words != "isitazebra?(answer)" {
		t.Errorf("it looked as it read %q", words)
	}
}
