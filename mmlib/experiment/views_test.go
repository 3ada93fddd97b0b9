package experiment_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// tinySimCLR is the smallest sensible SimCLR.
func tinySimCLR(t testing.TB) models.Settings {
	t.Helper()
	s, err := models.Preset("simclr", "mnist-tiny")
	check.Must(t, err)
	for _, kv := range []string{
		"vision.width=16", "vision.layers=1", "vision.mlp=16", "vision.patch_size=14", "model.hidden=16", "model.projection=8",
		"data.limit=50", "data.validation=300", "steps=2", "warmup=1", "batch_size=8",
	} {
		key, value, _ := strings.Cut(kv, "=")
		check.Must(t, run.Set(&s, key, value))
	}
	return s
}

// TestViews: a SimCLR is trained and measured without labels, reported with what its neighbours are, and tuned.
func TestViews(t *testing.T) {
	b := open(t)
	dir := trained(t, b, tinySimCLR(t))
	e, err := experiment.Evaluate(t.Context(), b, dir, experiment.On{Split: data.Validation})
	check.Must(t, err)
	view, neighbour := e.Figure("view_accuracy"), e.Figure("neighbour_accuracy")
	if view.Total != 600 || view.Value != float64(view.Right)/600 || view.Right == 0 || len(view.Parts) != 0 {
		t.Errorf("views: %+v", view)
	}
	if neighbour.Total != 300 || len(neighbour.Parts) != 10 || neighbour.Value < 0.2 { // random weights find more than one in ten
		t.Errorf("neighbours: %+v", neighbour)
	}
	again, err := experiment.Evaluate(t.Context(), b, dir, experiment.On{Split: data.Validation})
	check.Must(t, err)
	if got := again.Figure("view_accuracy").Value; got != view.Value {
		t.Errorf("measured again the accuracy is %v, not %v: the views are others", got, view.Value)
	}
	sections, err := e.Result.Sections()
	check.Must(t, err)
	if len(sections) != 1 || len(sections[0].Blocks) != 10 {
		t.Errorf("the report has the sections %+v", sections)
	}
	_, err = e.Save()
	check.Must(t, err)

	// Without classes the views are measured all the same.
	splits, err := e.Model.Settings.Data.Load(t.Context(), data.Options{Picture: e.Model.Preprocess})
	check.Must(t, err)
	session, err := infer.Open(b, e.Model, []string{"image"}, 256)
	check.Must(t, err)
	bare, err := experiment.Measures()["views"].Run(t.Context(), session, e.Model, unlabelled{splits[data.Validation].(pictures)})
	check.Must(t, err)
	if f := bare.Figures(); len(f) != 1 || f[0].Value != view.Value {
		t.Errorf("without classes the figures are %+v", f)
	}
	if sections, err := bare.Sections(); err != nil || len(sections) != 0 {
		t.Errorf("without classes the report has the sections %+v (%v)", sections, err)
	}

	s, err := models.Preset("classifier", "mnist-tiny-probe")
	check.Must(t, err)
	check.Must(t, s.StartFrom(dir))
	for key, value := range map[string]string{
		"data.limit": "20", "data.draw": "3", "data.validation": "30", "steps": "2", "warmup": "1", "batch_size": "8",
	} {
		check.Must(t, run.Set(&s, key, value))
	}
	r, err := experiment.Create(t.Context(), b, filepath.Join(t.TempDir(), "probe"), s, data.Options{})
	check.Must(t, err)
	said := ""
	_, err = r.Train(t.Context(), experiment.Options{Message: func(text string) { said += text }})
	check.Must(t, err)
	if !strings.Contains(said, "weights of "+dir) {
		t.Errorf("training says %q, not that it starts from %s", said, dir)
	}
}

// TestViewsNeedPictures: a data set without pictures is refused before there is a folder.
func TestViewsNeedPictures(t *testing.T) {
	m := &models.Model{Settings: models.Settings{Kind: "simclr"}}
	check.Error(t, experiment.Measures()["views"].Accepts(m, none{}), "not pictures", "simclr")
}

// unlabelled hides the classes of pictures.
type unlabelled struct{ pictures }

type pictures interface {
	Len() int
	Picture(dst []float32, i int, r *rand.Rand)
}

type none struct{}

func (none) Len() int { return 1 }
