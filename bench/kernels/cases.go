package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Names of operations, implementations and passes, as the result has them.
const (
	attentionOp   = "attention"
	contrastiveOp = "contrastive"

	plain   = "plain"   // the formula, with its matrix
	leanly  = "lean"    // kernels/xla/lean
	pytorch = "pytorch" // scaled_dot_product_attention; cross_entropy

	forward  = "forward"
	backward = "forward+backward"
)

// heads of attention, each as wide as the case's Width.
const heads = 4

// logitScale is what the loss multiplies cosines by, CLIP's 1/τ.
const logitScale = 20

// benchCase is what is measured: an operation at a size.
type benchCase struct {
	Op     string `json:"op"`
	Pass   string `json:"pass"`
	Size   int    `json:"size"`            // L, the length of the sequence, or B, the number of pairs
	Width  int    `json:"width"`           // of a head, or of an embedding
	Heads  int    `json:"heads,omitempty"` // attention only
	Causal bool   `json:"causal,omitempty"`
}

// String is what -only matches.
func (c benchCase) String() string {
	name := fmt.Sprintf("%s/%d/%d/", c.Op, c.Size, c.Width)
	if c.Causal {
		name += "causal/"
	}
	return name + c.Pass
}

// Matrix is the size in bytes of one matrix of the plain formula: the scores [1, H, L, L], or the similarities [B, B].
func (c benchCase) Matrix() int64 { return 4 * int64(max(c.Heads, 1)) * int64(c.Size) * int64(c.Size) }

// cases are all, the small ones of each operation first.
func cases(quick bool) []benchCase {
	divisor := 1
	if quick {
		divisor = 16
	}
	var all []benchCase
	add := func(c benchCase) {
		c.Size /= divisor
		for _, c.Pass = range []string{forward, backward} {
			all = append(all, c)
		}
	}
	for _, causal := range []bool{false, true} {
		for _, l := range []int{1024, 4096, 16384} {
			if !causal || l > 1024 {
				add(benchCase{Op: attentionOp, Size: l, Width: 64, Heads: heads, Causal: causal})
			}
		}
	}
	for _, d := range []int{64, 512} {
		for _, b := range []int{1024, 8192, 32768} {
			add(benchCase{Op: contrastiveOp, Size: b, Width: d})
		}
	}
	return all
}

func choose(all []benchCase, only *regexp.Regexp) (chosen []benchCase) {
	for _, c := range all {
		if only == nil || only.MatchString(c.String()) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// array is float32 numbers in a file, little-endian, the last axis running fastest.
type array struct {
	Name string `json:"name"`
	File string `json:"file"`
	Dims []int  `json:"dims"`
}

// job is what a measuring process is told, as its argument.
type job struct {
	benchCase
	Impl    string  `json:"impl"`
	Scale   float64 `json:"scale"`
	Threads int     `json:"threads"`
	Inputs  []array `json:"inputs"`
	Folder  string  `json:"folder"` // for the outputs, each in a file of its name and ".f32"
}

// inputs and outputs of a case, in order, with their dimensions.
//
// Attention has q, k, v and, for the backward pass, the gradient at z, dz, each [B=1, L, H, K]; the loss has unit rows x and
// y [B, D].
func (c benchCase) inputs() []array {
	if c.Op == attentionOp {
		dims := []int{1, c.Size, c.Heads, c.Width}
		all := []array{{Name: "q", Dims: dims}, {Name: "k", Dims: dims}, {Name: "v", Dims: dims}, {Name: "dz", Dims: dims}}
		if c.Pass == forward {
			return all[:3]
		}
		return all
	}
	dims := []int{c.Size, c.Width}
	return []array{{Name: "x", Dims: dims}, {Name: "y", Dims: dims}}
}

func (c benchCase) outputs() []string {
	names := []string{"loss", "dx", "dy"}
	if c.Op == attentionOp {
		names = []string{"z", "dq", "dk", "dv"}
	}
	if c.Pass == forward {
		return names[:1]
	}
	return names
}

// writeInputs makes a case's inputs, the same at every call, and returns them with their files.
//
// Attention gets normal numbers. Rows of x point anywhere, and those of y partly where their x does, with a cosine of about
// 0.37: the loss is neither 0 nor what chance gives.
func writeInputs(c benchCase, folder string) ([]array, error) {
	h := fnv.New64()
	fmt.Fprint(h, strings.TrimSuffix(c.String(), c.Pass))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	arrays := c.inputs()
	var x []float32
	for i := range arrays {
		n := 1
		for _, dim := range arrays[i].Dims {
			n *= dim
		}
		values := make([]float32, n)
		for j := range values {
			values[j] = float32(r.NormFloat64())
		}
		if c.Op == contrastiveOp {
			unitRows(values, c.Width)
			if x != nil {
				for j := range values {
					values[j] += 0.4 * x[j]
				}
				unitRows(values, c.Width)
			}
			x = values
		}
		arrays[i].File = filepath.Join(folder, arrays[i].Name+".f32")
		if err := writeFloats(arrays[i].File, values); err != nil {
			return nil, err
		}
	}
	return arrays, nil
}

func unitRows(values []float32, width int) {
	for row := 0; row < len(values); row += width {
		sum := 0.0
		for _, v := range values[row : row+width] {
			sum += float64(v) * float64(v)
		}
		for i := range values[row : row+width] {
			values[row+i] /= float32(math.Sqrt(sum))
		}
	}
}

func writeFloats(path string, values []float32) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := binary.Write(w, binary.LittleEndian, values); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func readFloats(path string) ([]float32, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values := make([]float32, len(content)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(content[4*i:]))
	}
	return values, nil
}
