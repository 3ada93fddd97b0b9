package mnist

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gomm/mmlib/internal/check"
)

func TestPicturePlain(t *testing.T) {
	s := small(2)
	s.Mean, s.Std = 0.5, 0.25
	s.Image(1)[3] = 255
	dst := make([]float32, Pixels+1)
	dst[Pixels] = 42
	s.Picture(dst, 1, nil)
	if got, want := dst[3], float32(2); math.Abs(float64(got-want)) > 1e-6 {
		t.Errorf("white is %v; want %v", got, want)
	}
	if dst[Pixels] != 42 {
		t.Error("Picture wrote beyond 784 numbers")
	}
	s.Std, s.Mean = 0, 0
	s.Picture(dst, 1, nil)
	if got := dst[3]; math.Abs(float64(got-1)) > 1e-6 {
		t.Errorf("white without normalisation is %v; want 1", got)
	}
}

// TestPlainShare: so many of the pictures are as they are, and the others are not.
func TestPlainShare(t *testing.T) {
	s, dst, r := blob(), make([]float32, Pixels), rand.New(rand.NewPCG(1, 2))
	plain := make([]float32, Pixels)
	s.Picture(plain, 0, nil)
	s.Augment = Augment{Shift: 2, Elastic: 1, Stroke: 1, Plain: 0.3}
	same, n := 0, 2000
	for range n {
		s.Picture(dst, 0, r)
		if slices.Equal(dst, plain) {
			same++
		}
	}
	if share := float64(same) / float64(n); share < 0.26 || share > 0.34 { // four deviations
		t.Errorf("%.3f of the pictures are as they are, want 0.3", share)
	}
}

// blob is a picture of smooth spots, one above the centre and a fainter one to its right.
func blob() *Set {
	s := small(1)
	for j := range s.Images {
		x, y := float64(j%Side), float64(j/Side)
		spot := func(cx, cy float64) float64 { return math.Exp(-((x-cx)*(x-cx) + (y-cy)*(y-cy)) / 8) }
		s.Images[j] = byte(200*spot(13.5, 8.5) + 100*spot(18.5, 13.5))
	}
	return s
}

// TestWarp compares the fixed-point warp with a plain one in floating point.
func TestWarp(t *testing.T) {
	s := blob()
	for _, a := range []Augment{
		{Shift: 2}, {Shift: 20}, {Rotate: 15}, {Scale: 0.3}, {Shear: 20}, {Shift: 3, Rotate: 10, Scale: 0.1, Shear: 10},
	} {
		for seed := range uint64(20) {
			s.Augment = a
			got := make([]float32, Pixels)
			s.Picture(got, 0, rand.New(rand.NewPCG(seed, 1)))
			want := plainWarp(s.Image(0), a, rand.New(rand.NewPCG(seed, 1)))
			for j := range got {
				if math.Abs(float64(got[j])-want[j]) > 2.0/255 {
					t.Fatalf("%+v, seed %d, pixel (%d, %d): %v; want %v", a, seed, j%Side, j/Side, got[j], want[j])
				}
			}
		}
	}
}

// plainWarp multiplies the matrices of Augment.draw's comment, inverts the product, and interpolates.
func plainWarp(src []byte, a Augment, r *rand.Rand) []float64 {
	draw := func(limit float64) float64 { return limit * (2*r.Float64() - 1) }
	tx, ty, angle, scale, shear := draw(a.Shift), draw(a.Shift), draw(a.Rotate), 1+draw(a.Scale), draw(a.Shear)
	sin, cos := math.Sincos(angle * math.Pi / 180)
	tan := math.Tan(shear * math.Pi / 180)
	m00, m01 := scale*cos, scale*(cos*tan-sin)
	m10, m11 := scale*sin, scale*(sin*tan+cos)
	det := m00*m11 - m01*m10
	at := func(x, y int) float64 {
		if x < 0 || y < 0 || x >= Side || y >= Side {
			return 0
		}
		return float64(src[y*Side+x]) / 255
	}
	dst := make([]float64, Pixels)
	for j := range dst {
		x, y := float64(j%Side)-13.5-tx, float64(j/Side)-13.5-ty
		u, v := 13.5+(m11*x-m01*y)/det, 13.5+(m00*y-m10*x)/det
		fu, fv := u-math.Floor(u), v-math.Floor(v)
		iu, iv := int(math.Floor(u)), int(math.Floor(v))
		dst[j] = (at(iu, iv)*(1-fu)+at(iu+1, iv)*fu)*(1-fv) + (at(iu, iv+1)*(1-fu)+at(iu+1, iv+1)*fu)*fv
	}
	return dst
}

func TestPictureIsAFunctionOfItsSeed(t *testing.T) {
	s := blob()
	s.Augment = Augment{Shift: 2, Rotate: 10, Scale: 0.1, Shear: 5}
	a, b, c := make([]float32, Pixels), make([]float32, Pixels), make([]float32, Pixels)
	s.Picture(a, 0, rand.New(rand.NewPCG(1, 2)))
	s.Picture(b, 0, rand.New(rand.NewPCG(1, 2)))
	s.Picture(c, 0, rand.New(rand.NewPCG(1, 3)))
	if !slices.Equal(a, b) {
		t.Error("the same seed gave two pictures")
	}
	if slices.Equal(a, c) {
		t.Error("two seeds gave the same picture")
	}
}

func TestAugmentValidate(t *testing.T) {
	for _, good := range []Augment{{}, {Shift: 2, Rotate: 10, Scale: 0.1, Shear: 5}} {
		if err := good.Validate(); err != nil {
			t.Error(err)
		}
	}
	check.Error(t, Augment{Shift: -1}.Validate(), "shift", "-1")
	check.Error(t, Augment{Rotate: 200}.Validate(), "rotate", "200")
	check.Error(t, Augment{Scale: 1}.Validate(), "scale", "1")
	check.Error(t, Augment{Elastic: 29}.Validate(), "elastic", "29")
	check.Error(t, Augment{Stroke: 1.5}.Validate(), "stroke", "1.5")
	check.Error(t, Augment{Plain: -0.1}.Validate(), "plain", "-0.1")
	check.Error(t, Augment{Shear: math.NaN()}.Validate(), "shear", "NaN")
}

func TestPictureAllocatesNothing(t *testing.T) {
	s, dst, r := blob(), make([]float32, Pixels), rand.New(rand.NewPCG(1, 2))
	for _, a := range []Augment{{Shift: 2, Rotate: 10, Scale: 0.1, Shear: 5}, {Shift: 2, Elastic: 2, Stroke: 1}} {
		s.Augment = a
		if n := testing.AllocsPerRun(100, func() { s.Picture(dst, 0, r) }); n != 0 {
			t.Errorf("%+v: %v allocations", a, n)
		}
	}
}

func BenchmarkPicture(b *testing.B) {
	s, dst := blob(), make([]float32, Pixels)
	s.Augment = Augment{Shift: 2, Rotate: 10, Scale: 0.1, Shear: 5}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			s.Picture(dst, 0, nil)
		}
	})
	b.Run("distorted", func(b *testing.B) {
		r, s := rand.New(rand.NewPCG(1, 2)), blob()
		s.Augment = Augment{Shift: 2, Rotate: 10, Scale: 0.1, Shear: 5, Elastic: 2, Stroke: 1}
		for b.Loop() {
			s.Picture(dst, 0, r)
		}
	})
	b.Run("random", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			s.Picture(dst, 0, r)
		}
	})
}
