package mnist

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gomm/mmlib/internal/check"
)

// TestLoad loads both data sets. MNIST must be there: it comes with a Go module, wherever Go modules do. Fashion-MNIST
// has no such place, so where neither a package nor a mirror gives it, its part is skipped and says so.
func TestLoad(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			train, test, err := Load(name, Options{Progress: t.Output()})
			if err != nil && name == Fashion {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if train.Len() != 60000 || test.Len() != 10000 || train.Name != name {
				t.Errorf("%s: %d and %d examples; want 60000 and 10000", train.Name, train.Len(), test.Len())
			}
			var sum, squares float64
			for _, p := range train.Images {
				x := float64(p) / 255
				sum, squares = sum+x, squares+x*x
			}
			n := float64(len(train.Images))
			mean := sum / n
			std := math.Sqrt(squares/n - mean*mean)
			if math.Abs(mean-float64(train.Mean)) > 1e-5 || math.Abs(std-float64(train.Std)) > 1e-5 {
				t.Errorf("mean and deviation are %.5f and %.5f; the constants say %v and %v", mean, std, train.Mean, train.Std)
			}
			var count [NumClasses]int
			for i := range test.Len() {
				count[test.Class(i)]++
			}
			if name == Fashion && count != [NumClasses]int{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000} {
				t.Errorf("test examples of each class: %v; want 1000", count)
			}
		})
	}
}

// small is a set of n pictures, each of one grey: that of its number.
func small(n int) *Set {
	s := &Set{Images: make([]byte, n*Pixels), Labels: make([]byte, n)}
	for i := range s.Images {
		s.Images[i] = byte(i / Pixels)
	}
	for i := range s.Labels {
		s.Labels[i] = byte(i % NumClasses)
	}
	return s
}

func TestSplitAndLimit(t *testing.T) {
	for _, test := range []struct{ n, train, validation int }{{0, 9, 0}, {2, 7, 2}, {9, 0, 9}, {20, 0, 9}, {-1, 9, 0}} {
		train, validation := small(9).Split(test.n)
		if train.Len() != test.train || validation.Len() != test.validation {
			t.Errorf("Split(%d) of 9: %d and %d; want %d and %d", test.n, train.Len(), validation.Len(), test.train, test.validation)
		}
		if n := len(train.Images) + len(validation.Images); n != 9*Pixels {
			t.Errorf("Split(%d): %d pixels; want %d", test.n, n, 9*Pixels)
		}
	}
	_, validation := small(9).Split(2)
	if got := validation.Class(0); got != 7 || validation.Image(0)[0] != 7 {
		t.Errorf("the first of the last two is of class %d; want 7", got)
	}
	for n, want := range map[int]int{0: 9, 4: 4, 9: 9, 10: 9, -3: 9} {
		if got := small(9).Limit(n); got.Len() != want || len(got.Images) != want*Pixels {
			t.Errorf("Limit(%d) of 9 has %d examples; want %d", n, got.Len(), want)
		}
	}
}

func TestGray(t *testing.T) {
	s := small(3)
	s.Image(1)[2*Side+5] = 200
	g := s.Gray(1)
	if g.Bounds().Dx() != Side || g.GrayAt(5, 2) != (color.Gray{200}) || g.GrayAt(27, 27) != (color.Gray{1}) {
		t.Errorf("Gray: %v at (5, 2), %v at (27, 27); want 200 and 1", g.GrayAt(5, 2), g.GrayAt(27, 27))
	}
}

func TestNames(t *testing.T) {
	longest := map[string]func(caption string) int{
		"en": func(c string) int { return 10 - len(strings.Fields(c)) },
		"zh": func(c string) int { return 12 - utf8.RuneCountInString(c) },
	}
	for _, name := range Names() {
		for _, lang := range Languages() {
			classes, err := Classes(name, lang)
			if err != nil {
				t.Fatal(err)
			}
			templates, err := Templates(name, lang)
			if err != nil {
				t.Fatal(err)
			}
			if len(classes) != NumClasses || len(templates) < 5 {
				t.Errorf("%s, %s: %d classes, %d templates", name, lang, len(classes), len(templates))
			}
			seen := map[string]bool{}
			for _, template := range templates {
				if strings.Count(template, "%") != 1 || strings.Count(template, "%s") != 1 {
					t.Errorf("%s, %s: template %q; want one %%s", name, lang, template)
				}
				for _, class := range classes {
					caption := fmt.Sprintf(template, class)
					if seen[caption] {
						t.Errorf("%s, %s: caption %q comes twice", name, lang, caption)
					}
					seen[caption] = true
					if longest[lang](caption) < 0 {
						t.Errorf("%s, %s: caption %q is too long", name, lang, caption)
					}
				}
			}
		}
	}
	classes, _ := Classes(MNIST, "en")
	classes[0] = "changed"
	if again, _ := Classes(MNIST, "en"); again[0] != "zero" {
		t.Error("a caller can change the names of the classes")
	}
}

func TestUnknownNames(t *testing.T) {
	_, _, err := Load("cifar", Options{})
	check.Error(t, err, `"cifar"`, MNIST, Fashion)
	_, err = Classes("cifar", "en")
	check.Error(t, err, `"cifar"`)
	_, err = Templates(MNIST, "fr")
	check.Error(t, err, `"fr"`, "en", "zh")
}

func TestPerClass(t *testing.T) {
	s := &Set{Images: make([]byte, 40*Pixels), Labels: make([]byte, 40), Mean: 0.5}
	for i := range s.Labels {
		s.Labels[i] = byte(i * 3 % 10)
		s.Images[i*Pixels] = byte(i)
	}
	few, err := s.PerClass(2)
	if err != nil {
		t.Fatal(err)
	}
	if few.Len() != 20 || few.Mean != 0.5 {
		t.Fatalf("%d examples, mean %v; want 20, 0.5", few.Len(), few.Mean)
	}
	for i := range few.Len() { // the first twenty: each class comes twice in them
		if few.Class(i) != s.Class(i) || few.Image(i)[0] != byte(i) {
			t.Errorf("example %d is %d of class %d, want example %[1]d of the set", i, few.Image(i)[0], few.Class(i))
		}
	}
	if _, err := s.PerClass(5); err == nil || !strings.Contains(err.Error(), "class 0 has 4 examples, fewer than the 5 asked for") {
		t.Errorf("error %v", err)
	}
}

// TestDraw: as many of each class, other ones for another seed, the same for the same, and never one twice.
func TestDraw(t *testing.T) {
	s := &Set{Images: make([]byte, 200*Pixels), Labels: make([]byte, 200), Mean: 0.5}
	for i := range s.Labels {
		s.Labels[i], s.Images[i*Pixels] = byte(i*3%10), byte(i)
	}
	draw := func(seed uint64) (numbers []byte) {
		few, err := s.Draw(3, seed)
		if err != nil {
			t.Fatal(err)
		}
		var of [NumClasses]int
		for i := range few.Len() {
			number := few.Image(i)[0]
			if slices.Contains(numbers, number) || few.Class(i) != s.Class(int(number)) {
				t.Errorf("seed %d: example %d of class %d is drawn as one of class %d after %v", seed, number, s.Class(int(number)), few.Class(i),
					numbers)
			}
			numbers = append(numbers, number)
			of[few.Class(i)]++
		}
		if few.Len() != 30 || few.Mean != 0.5 || slices.Min(of[:]) != 3 {
			t.Errorf("seed %d: %d examples, %v of the classes, mean %v; want 30, 3 of each, 0.5", seed, few.Len(), of, few.Mean)
		}
		return numbers
	}
	one := draw(1)
	if !slices.Equal(one, draw(1)) {
		t.Error("the same seed draws other examples")
	}
	if two := draw(2); slices.Equal(one, two) {
		t.Error("another seed draws the same examples")
	}
	if _, err := s.Draw(21, 1); err == nil || !strings.Contains(err.Error(), "has 20 examples, fewer than the 21 asked for") {
		t.Errorf("error %v", err)
	}
}
