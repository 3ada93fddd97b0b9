package clip

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// FilmConfig says how a film becomes a point of the shared space, after CLIP4Clip (Luo et al. 2022, arXiv:2104.08860). The zero
// value is of a model that reads pictures.
type FilmConfig struct {
	Frames  int     `json:"frames"`  // T, of each film that the model reads; 0: it reads pictures
	Pooling Pooling `json:"pooling"` // how the frames' points become the film's

	// The transformer over the frames, if Pooling asks for it. They are points of the shared space, so its width is Projection.
	Transformer transformer.Config `json:"transformer,omitzero"`
}

// Pooling is how the points of frames become that of their film: CLIP4Clip's similarity calculators (§3.3).
type Pooling string

// The poolings.
const (
	MeanPooling     Pooling = "mean"        // meanP: the mean, which does not know the order of the frames
	TemporalPooling Pooling = "transformer" // seqTransf: frames with positions look at each other; then the mean
)

// validate names the key and the value at fault, for a shared space of the given width.
func (f FilmConfig) validate(projection int) error {
	switch {
	case f.Frames == 0 && f.Pooling == "":
		return nil
	case f.Frames < 1:
		return fmt.Errorf("film.frames is %d: it must be at least 1 for films; for pictures leave out film.pooling too", f.Frames)
	case f.Pooling == MeanPooling && f.Transformer.Layers != 0:
		return fmt.Errorf("film.pooling is %q: film.transformer.layers is %d, and must be 0", f.Pooling, f.Transformer.Layers)
	case f.Pooling == MeanPooling:
		return nil
	case f.Pooling != TemporalPooling:
		return fmt.Errorf("film.pooling is %q: it must be %q or %q", f.Pooling, MeanPooling, TemporalPooling)
	}
	if err := f.Transformer.Validate(); err != nil {
		return fmt.Errorf("film.transformer.%w", err)
	}
	switch t := f.Transformer; {
	case t.Layers < 1:
		return fmt.Errorf("film.transformer.layers is %d: it must be at least 1; without layers film.pooling is %q", t.Layers, MeanPooling)
	case t.Width != projection:
		return fmt.Errorf("film.transformer.width is %d: it must be projection (%d), for frames are points of the shared space", t.Width,
			projection)
	}
	return nil
}

// Film is what the vision tower makes of films.
type Film struct {
	Embeddings *Node         // [B, P], of length 1: the point in the shared space
	Frames     *Node         // [B, T, P], of length 1: the points of which it is the mean
	Weights    []*Node       // of the attention among frames, each block's [B, H, T, T]; nil unless the Config asks for them
	Vision     vision.Output // of all frames, [B·T, …]
}

// EncodeFilm is the vision tower for films: x [B, T, height, width, channels] to points of the shared space. Each frame is
// encoded by itself, as a picture is, and then, with z_j frame j's point before it is brought to length 1:
//
//	meanP       ẑ_j = z_j
//	seqTransf   ẑ_j = z_j + Transformer(z + P)_j         P the positions of the frames
//	I_e = normalise(1/T·Σ_j normalise(ẑ_j))
//
// That z is added again behind the transformer, and that each frame has length 1 before the mean, is in the paper's code. Weights:
// those of [EncodeImage]; "film/position" [T, P] and "film/block<i>/…".
func EncodeFilm(s *model.Scope, x *Node, c Config) Film {
	v, f := c.Vision, c.Film
	x.AssertDims(-1, f.Frames, v.ImageSize, v.ImageSize, v.Channels)
	b, t, p := x.Shape().Dim(0), f.Frames, c.Projection

	x = Reshape(x, b*t, v.ImageSize, v.ImageSize, v.Channels) // frames fold into the batch axis
	z, out := project(s, x, c)
	z = Reshape(z, b, t, p)
	film := Film{Vision: out}
	if f.Pooling == TemporalPooling {
		fs := s.At("film")
		position := nn.Weight(fs, z, "position", math.Pow(float64(p), -0.5), t, p)
		blocks := transformer.Encode(fs, Add(z, ExpandLeftToRank(position, 3)), attention.Mask{}, f.Transformer)
		z, film.Weights = Add(z, blocks.X), blocks.Weights
	}
	film.Frames = L2Normalize(z, -1)
	film.Embeddings = L2Normalize(ReduceMean(film.Frames, 1), -1)
	film.Embeddings.AssertDims(b, p)
	return film
}

// encode is [EncodeFilm] or, for a model that reads pictures, [EncodeImage]: points of the shared space [B, P].
func encode(s *model.Scope, x *Node, c Config) *Node {
	if c.Film.Frames > 0 {
		return EncodeFilm(s, x, c).Embeddings
	}
	return EncodeImage(s, x, c).Embeddings
}
