package experiment

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// acceptsCodes: any pictures will do.
func acceptsCodes(m *models.Model, set data.Set) error {
	if _, ok := set.(changing); !ok {
		return fmt.Errorf("experiment: the examples are not pictures, which a %s reads: choose a data set of pictures", m.Settings.Kind)
	}
	return nil
}

// coded is what a model makes of pictures that it writes as codes.
type coded struct {
	pictures, each int     // how many, and codes of each
	squares        float64 // the mean squared error of pixels from 0 to 1
	counts         []int   // of each code
	shown          []Reconstruction
	judgedFigures  []Figure
}

// Reconstruction is a picture, its codes and what they give back.
type Reconstruction struct {
	Original, Back image.Image
	Codes          []int32 // row by row
	Grid           int     // codes along one side
	Error          float64 // the mean squared error of pixels from 0 to 1
}

// numShown is how many reconstructions a report shows.
const numShown = 10

// measureCodes writes all pictures as codes and back.
func measureCodes(ctx context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(changing)
	if !ok {
		return nil, acceptsCodes(m, set)
	}
	f, _ := s.Func("codes")
	c := &coded{pictures: set.Len(), each: f.Out[0].Size()}
	for start := 0; start < set.Len(); start += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, size := min(batch, set.Len()-start), f.In[0].Size()
		pixels := make([]float32, n*size)
		for i := range n {
			pictures.Picture(pixels[i*size:(i+1)*size], start+i, nil)
		}
		codes, back, err := reconstruct(s, pixels, n)
		if err != nil {
			return nil, err
		}
		for _, k := range codes {
			for int(k) >= len(c.counts) {
				c.counts = append(c.counts, 0)
			}
			c.counts[k]++
		}
		for i := range n {
			r := compare(f.In[0], pixels[i*size:(i+1)*size], back[i*size:(i+1)*size], codes[i*c.each:(i+1)*c.each])
			if c.squares += r.Error; len(c.shown) < numShown {
				r.draw(f.In[0], pixels[i*size:(i+1)*size], back[i*size:(i+1)*size])
				c.shown = append(c.shown, r)
			}
		}
	}
	c.squares /= float64(set.Len())
	return c, nil
}

// compare compares a picture of the given shape to what its codes give back.
func compare(shape shapes.Shape, pixels, back []float32, codes []int32) Reconstruction {
	sum := 0.0
	for i, x := range pixels {
		d := float64(x - back[i])
		sum += d * d
	}
	return Reconstruction{Codes: codes, Grid: int(math.Round(math.Sqrt(float64(len(codes))))), Error: sum / float64(shape.Size())}
}

func (r *Reconstruction) draw(shape shapes.Shape, pixels, back []float32) {
	r.Original = Drawn(pixels, shape.Dim(0), shape.Dim(1), shape.Dim(2))
	r.Back = Drawn(back, shape.Dim(0), shape.Dim(1), shape.Dim(2))
}

// ReconstructFiles writes picture files as a model's codes, and back.
func ReconstructFiles(b compute.Backend, m *models.Model, files []string) ([]Reconstruction, error) {
	for _, name := range []string{"codes", "drawing"} {
		if _, ok := m.Func(name); !ok {
			return nil, fmt.Errorf("experiment: a %s does not write pictures as codes: use a run of another kind, such as vqvae", m.Settings.Kind)
		}
	}
	pixels, err := loadPictures(m.Preprocess, files)
	if err != nil {
		return nil, err
	}
	s, err := infer.Open(b, m, []string{"codes", "drawing"}, batchSize(len(files)))
	if err != nil {
		return nil, err
	}
	codes, back, err := reconstruct(s, slices.Concat(pixels...), len(files))
	if err != nil {
		return nil, err
	}
	f, _ := s.Func("codes")
	list := make([]Reconstruction, len(files))
	for i, own := range pixels {
		each, drawn := len(codes)/len(files), back[i*len(own):(i+1)*len(own)]
		list[i] = compare(f.In[0], own, drawn, codes[i*each:(i+1)*each])
		list[i].draw(f.In[0], own, drawn)
	}
	return list, nil
}

// reconstruct writes n pictures as codes and back.
func reconstruct(s *infer.Session, pixels []float32, n int) (codes []int32, back []float32, err error) {
	f, _ := s.Func("codes")
	in := tensors.FromFlatDataAndDimensions(pixels, append([]int{n}, f.In[0].Dimensions...)...)
	out, err := s.Call("codes", in)
	if err = errors.Join(err, in.FinalizeAll()); err != nil {
		return nil, nil, err
	}
	drawn, err := s.Call("drawing", out[0])
	if err != nil {
		return nil, nil, errors.Join(err, out[0].FinalizeAll())
	}
	codes, err = tensors.CopyFlatData[int32](out[0])
	if err != nil {
		return nil, nil, err
	}
	back, err = tensors.CopyFlatData[float32](drawn[0])
	return codes, back, errors.Join(err, out[0].FinalizeAll(), drawn[0].FinalizeAll())
}

// Figures implements [Result].
func (c *coded) Figures() []Figure {
	entropy, used, total := 0.0, 0, float64(c.pictures*c.each)
	for _, n := range c.counts {
		if n > 0 {
			p := float64(n) / total
			entropy, used = entropy-p*math.Log(p), used+1
		}
	}
	return append([]Figure{
		{Key: "squared_error", Name: "mean squared error of pixels from 0 to 1", Value: c.squares},
		{Key: "code_perplexity", Name: "perplexity of the codes", Value: math.Exp(entropy)},
		{Key: "codes_used", Name: "codes in use", Value: float64(used)},
	}, c.judgedFigures...)
}

// Sections implements [Result].
func (c *coded) Sections() ([]report.Section, error) {
	g := report.Gallery{Title: "Pictures, and what their codes give back"}
	for i, r := range c.shown {
		g.Pictures = append(g.Pictures,
			report.Picture{Image: r.Original, Caption: fmt.Sprintf("picture %d", i)},
			report.Picture{Image: r.Back, Caption: fmt.Sprintf("picture %d, of %d codes", i, len(r.Codes))})
	}
	return []report.Section{{Title: "Reconstructions", Text: reconstructionText, Blocks: []report.Block{g}}}, nil
}

const reconstructionText = "The first pictures of the split, each beside the one that is drawn of its codes alone."

// Drawn makes a picture of numbers from 0 to 1, [height, width, channels] in a row; channels is 1 for gray and 3 for color.
func Drawn(pixels []float32, height, width, channels int) image.Image {
	shade := func(x float32) uint8 { return uint8(math.Round(255 * math.Min(math.Max(float64(x), 0), 1))) }
	if channels == 1 {
		m := image.NewGray(image.Rect(0, 0, width, height)) // whose file is half as large
		for i := range m.Pix {
			m.Pix[i] = shade(pixels[i])
		}
		return m
	}
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range height * width {
		for k := range 3 {
			m.Pix[4*i+k] = shade(pixels[i*channels+k])
		}
		m.Pix[4*i+3] = 255
	}
	return m
}
