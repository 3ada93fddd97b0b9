package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/data/text"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/task"
)

// dials are films of three frames of one pixel with two channels, a hand that points in a direction; the first frame points to where
// the caption says, the same for films i and i + directions.
type dials int

const directions = 8

func (d dials) Len() int                                     { return int(d) }
func (d dials) Shape() (frames, height, width, channels int) { return 3, 1, 1, 2 }
func (d dials) Meaning(i int) string                         { return fmt.Sprint(i % directions) }
func (d dials) Caption(i int, _ *rand.Rand) string           { return "w" + d.Meaning(i) }
func (d dials) Foils(i int) []string {
	list := []string{d.Caption(i, nil)}
	for k := 1; k < directions; k++ {
		list = append(list, d.Caption(i+k, nil))
	}
	return list
}

func (d dials) Picture(dst []float32, i int, _ *rand.Rand) {
	for frame := range 3 {
		angle := 2 * math.Pi * float64(i+3*frame) / directions
		dst[2*frame], dst[2*frame+1] = float32(math.Cos(angle)), float32(math.Sin(angle))
	}
}

// reader is a model that looks at one frame.
type reader struct {
	frame int
	store *model.Store
}

func (r reader) Store() *model.Store { return r.store }

func (r reader) Funcs() []task.Func {
	out := []shapes.Shape{shapes.Make(dtypes.Float32, 2)}
	return []task.Func{
		{Name: "image", In: []shapes.Shape{shapes.Make(dtypes.Float32, 3, 1, 1, 2)}, Out: out, Graph: func(_ *model.Scope, in []*Node) []*Node {
			return []*Node{Reshape(Slice(in[0], AxisRange(), AxisElem(r.frame)), in[0].Shape().Dim(0), 2)}
		}},
		{Name: "text", In: []shapes.Shape{shapes.Make(dtypes.Int32, 3)}, Out: out, Graph: func(_ *model.Scope, in []*Node) []*Node {
			word := ConvertDType(Slice(in[0], AxisRange(), AxisElem(1)), dtypes.Float32) // behind the start; the first word has the id 2
			angle := MulScalar(AddScalar(word, -2), 2*math.Pi/directions)
			return []*Node{Concatenate([]*Node{Cos(angle), Sin(angle)}, 1)}
		}},
	}
}

// TestRetrieval measures a model that reads a film's first frame, which tells all, and one that reads its last one: what is planted
// comes out, among films whose captions all differ.
func TestRetrieval(t *testing.T) {
	b, err := xla.Open()
	check.Must(t, err)
	var words []string
	for i := range directions {
		words = append(words, fmt.Sprintf("w%d", i))
	}
	for frame, want := range map[int]map[string]float64{
		0: {
			"text_to_film_r1": 1, "film_to_text_r1": 1, "text_to_film_median_rank": 1, "text_to_film_r1_first_frame": 1,
			"text_to_film_r1_middle_frame": 0, "text_to_film_r1_reversed": 0, "motion_accuracy": 1,
		},
		2: {
			"text_to_film_r1": 0, "film_to_text_r1": 0, "text_to_film_r1_first_frame": 1, "text_to_film_r1_reversed": 1,
			"motion_accuracy": 0,
		},
	} {
		m := &models.Model{Predictor: reader{frame, model.NewStore()}, Tokenizer: text.NewWords(words), Settings: models.Settings{Kind: "clip"}}
		check.Must(t, acceptsRetrieval(m, dials(20)))
		s, err := infer.Open(b, m, []string{"image", "text"}, 4)
		check.Must(t, err)
		r, err := measureRetrieval(t.Context(), s, m, dials(20))
		check.Must(t, err)
		check.Must(t, r.(thorough).complete(t.Context()))
		got := map[string]Figure{}
		for _, f := range r.Figures() {
			got[f.Key] = f
		}
		for key, value := range want {
			if f, ok := got[key]; !ok || f.Value != value || f.Unit == Share && f.Total != directions {
				t.Errorf("reading frame %d, %s is %+v, want %g of %d", frame, key, f, value, directions)
			}
		}
		sections, err := r.Sections()
		check.Must(t, err)
		if len(sections) != 1 || (len(sections[0].Blocks) > 0) != (frame == 2) {
			t.Errorf("reading frame %d, the sections are %+v", frame, sections)
		}
	}
	m := &models.Model{Predictor: reader{0, model.NewStore()}, Tokenizer: text.NewWords(words[:3]), Settings: models.Settings{Kind: "clip"}}
	check.Error(t, acceptsRetrieval(m, dials(20)), `"w3"`)
	check.Error(t, acceptsRetrieval(m, nil), "no captions of their own")
}
