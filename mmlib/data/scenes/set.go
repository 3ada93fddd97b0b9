package scenes

import (
	"fmt"
	"image"
	"math/rand/v2"
	"slices"

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/data/questions"
)

// Set is one split. It is safe for concurrent use.
type Set struct {
	source   Source
	digits   mnist.Set
	stream   uint64 // of random numbers, another one for each split
	scenes   int
	unseen   bool
	tongues  []*language
	kinds    []string // Source.Kinds, each once
	wordings []int    // the numbers of the captions but for Source.HeldOutCaption
	prepare  picture.Preprocess
	blind    [2]func() *questions.Blind // of questions and of dialogues
}

// Len is the number of scenes.
func (s *Set) Len() int { return s.scenes }

// random returns a source of random numbers for one purpose in one scene.
func (s *Set) random(i int, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.source.Seed, s.stream<<60|purpose<<56|uint64(i)))
}

// What random numbers are drawn for.
const (
	forScene uint64 = iota
	forCaption
	forQuestions
	forDialogue
	forGray
	forRequest
)

// Scene returns the cells of scene i.
func (s *Set) Scene(i int) Scene {
	if uint(i) >= uint(s.scenes) {
		panic(fmt.Sprintf("scenes: there is no scene %d among %d", i, s.scenes)) // as an index out of range
	}
	return draw(s.random(i, forScene), &s.source, s.digits.Labels, s.unseen)
}

// Grid is the number of cells along one side of a scene.
func (s *Set) Grid() int { return s.source.Grid }

// Languages are those that texts are drawn from.
func (s *Set) Languages() []string { return slices.Clone(s.source.Languages) }

// Shape is the shape of what Picture writes.
func (s *Set) Shape() (frames, height, width, channels int) {
	return 1, s.prepare.Size, s.prepare.Size, s.prepare.Channels
}

// Preprocess is what makes of a picture file what Picture makes of an example.
func (s *Set) Preprocess() picture.Preprocess { return s.prepare }

// readAs makes the set write what a model reads.
func (s *Set) readAs(p picture.Preprocess) error {
	if p.Size == 0 {
		p.Size, p.Channels = s.source.Grid*Side, channels
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if len(p.Mean) == 0 {
		p.Mean = slices.Repeat([]float32{mean}, p.Channels)
	}
	if len(p.Std) == 0 {
		p.Std = slices.Repeat([]float32{std}, p.Channels)
	}
	s.prepare = p
	return nil
}

// asDrawn reports whether a model reads the pictures as they are drawn.
func (s *Set) asDrawn() bool {
	p := s.prepare
	return p.Size == s.source.Grid*Side && p.Channels == channels &&
		slices.Equal(p.Mean, slices.Repeat([]float32{mean}, channels)) && slices.Equal(p.Std, slices.Repeat([]float32{std}, channels))
}

// Picture writes the picture of scene i to dst as a model wants it: rows of pixels, channels last, normalised. If r is not nil,
// each digit is changed at random within Source.Augment.
func (s *Set) Picture(dst []float32, i int, r *rand.Rand) {
	scene := s.Scene(i)
	digit, gray := s.digitsOf(scene, r), s.gray(i)
	if s.asDrawn() {
		if scene.render(dst, digit); gray {
			toGray(dst)
		}
		return
	}
	img := scene.picture(digit)
	if gray {
		toGray(img.Pix)
	}
	if err := s.prepare.Apply(dst, img); err != nil {
		panic(err) // dst is too short for Shape, as an index out of range would be
	}
}

// digitsOf returns a function that gives the digit of each cell; it is valid up to the next call.
func (s *Set) digitsOf(scene Scene, r *rand.Rand) func(cell int) *[mnist.Pixels]byte {
	if r == nil || s.source.Augment == (mnist.Augment{}) {
		return func(cell int) *[mnist.Pixels]byte {
			return (*[mnist.Pixels]byte)(s.digits.Image(int(scene.digits[cell])))
		}
	}
	var values [mnist.Pixels]float32
	var pixels [mnist.Pixels]byte
	return func(cell int) *[mnist.Pixels]byte {
		s.digits.Picture(values[:], int(scene.digits[cell]), r)
		for i, x := range values {
			pixels[i] = byte(x*255 + 0.5)
		}
		return &pixels
	}
}

// Original is the picture of scene i as people see it.
func (s *Set) Original(i int) image.Image {
	scene := s.Scene(i)
	img := scene.picture(s.digitsOf(scene, nil))
	if s.gray(i) {
		toGray(img.Pix)
	}
	return img
}

// gray reports whether scene i is drawn in gray.
func (s *Set) gray(i int) bool {
	return s.stream == 0 && s.source.Gray > 0 && s.random(i, forGray).Float64() < s.source.Gray
}

// tongue draws a language.
func (s *Set) tongue(r *rand.Rand) *language { return s.tongues[r.IntN(len(s.tongues))] }

// Caption draws a caption of scene i, in one of the languages, but for Source.HeldOutCaption. Without r it is always the same one.
func (s *Set) Caption(i int, r *rand.Rand) string {
	if r == nil {
		r = s.random(i, forCaption)
	}
	return s.tongue(r).drawCaption(s.Scene(i), s.source.Shuffle, s.wordings, r)
}

// Captions returns the captions of scene i in all languages that name its cells row by row, but for Source.HeldOutCaption.
func (s *Set) Captions(i int) []string {
	var list []string
	for _, l := range s.tongues {
		for _, n := range s.wordings {
			scene := s.Scene(i)
			list = append(list, l.caption(scene, n, scene.reading()))
		}
	}
	return list
}

// Questions draws n questions about scene i, of Source.Kinds. Without r they are always the same ones, of these kinds alike; with it
// they are drawn for training. About a scene in gray nothing is asked that takes its colors to answer.
func (s *Set) Questions(i, n int, r *rand.Rand) []questions.Question {
	kinds := s.source.Kinds
	if r == nil || s.stream != 0 {
		kinds = s.kinds
	}
	if r == nil {
		r = s.random(i, forQuestions)
	}
	scene, list := s.Scene(i), make([]questions.Question, n)
	for k := range list {
		list[k] = s.asker(i, scene, r).ask(kinds)
	}
	return list
}

// asker draws a language to ask about scene i in. Pairs of digit and color that the set does not show are not asked for: that they are
// never there would be all that is learnt of them.
func (s *Set) asker(i int, scene Scene, r *rand.Rand) asker {
	a := asker{Scene: scene, l: s.tongue(r), r: r, gray: s.gray(i)}
	if !s.unseen {
		a.pairs = s.source.HeldOutPairs
	}
	return a
}

// Dialogue draws a dialogue of [Rounds] questions about scene i, in one language. Without r it is always the same one.
func (s *Set) Dialogue(i int, r *rand.Rand) []questions.Question {
	if r == nil {
		r = s.random(i, forDialogue)
	}
	return s.asker(i, s.Scene(i), r).dialogue()
}

// Answers lists every answer that a question about a scene of the set can have: the list that a model ranks.
func (s *Set) Answers() ([]string, error) { return Answers(s.source.Grid, s.source.Languages) }

// Blind answers questions without the picture, taught by the first 20,000 scenes of the training split, and BlindDialogue those of
// dialogues, each question by itself.
func (s *Set) Blind() *questions.Blind { return s.blind[0]() }

// BlindDialogue is described with Blind.
func (s *Set) BlindDialogue() *questions.Blind { return s.blind[1]() }

func (s *Set) teach(ask func(i int) []questions.Question) *questions.Blind {
	const taught = 20_000
	b := questions.NewBlind()
	for i := range min(taught, s.scenes) {
		b.Learn(ask(i)...)
	}
	return b
}

// Attributes names what [Set.Classes] gives of each cell.
func (s *Set) Attributes() []string {
	names := make([]string, NumAttributes)
	for a := range names {
		names[a] = Attribute(a).String()
	}
	return names
}

// Classes writes the value of every attribute of every cell of scene i, cell by cell; -1 for the colors of a scene that is drawn in
// gray.
func (s *Set) Classes(dst []int32, i int) {
	gray := s.gray(i)
	for n, cell := range s.Scene(i).Cells {
		for a, v := range cell {
			if dst[n*NumAttributes+a] = int32(v); gray && colors(Attribute(a)) {
				dst[n*NumAttributes+a] = -1
			}
		}
	}
}
