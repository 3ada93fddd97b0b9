package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
)

// printTable writes a line for each row, and one above each case.
func printTable(w io.Writer, rows []*row) error {
	b := bufio.NewWriter(w)
	line := func(cells ...any) {
		text := fmt.Sprintf("  %-8s %10s %10s %10s %11s  %s", cells...)
		fmt.Fprintln(b, strings.TrimRight(text, " "))
	}
	line("", "time", "peak", "temporary", "difference", "")
	for i, r := range rows {
		if i == 0 || r.benchCase != rows[i-1].benchCase {
			fmt.Fprintf(b, "%s (a matrix has %s)\n", r.benchCase, size(r.Matrix()))
		}
		line(r.Impl, duration(float64(r.Seconds)), orDash(r.PeakBytes), orDash(r.TempBytes), r.compared(), r.remark())
	}
	return b.Flush()
}

func (r *row) compared() string {
	if r.Difference == nil {
		return "-"
	}
	return fmt.Sprintf("%.1e", *r.Difference)
}

func (r *row) remark() string {
	switch {
	case r.Error != "":
		return r.Error
	case r.Impl == leanly && r.Difference == nil:
		return "not compared: neither plain nor PyTorch fits"
	case r.Malloc == mallocHuge:
		return "timed without keeping memory"
	}
	return ""
}

func orDash(n number) string {
	if n == 0 {
		return "-"
	}
	return size(int64(n))
}

// duration writes seconds for people.
func duration(seconds float64) string {
	switch {
	case seconds == 0:
		return "-"
	case seconds < 1:
		return fmt.Sprintf("%.1f ms", 1e3*seconds)
	}
	return fmt.Sprintf("%.2f s", seconds)
}

// What the lean kernels must reach. Memory is peak_bytes or temp_bytes, whichever is more.
const (
	memoryShare     = 1.0 / 20 // of the plain formula's matrices, at L = 16k and B = 32k
	forwardRatio    = 1.0      // attention's time to PyTorch's, at L = 4k and 16k
	backwardRatio   = 1.2
	contrastiveTime = 1.3 // forward + backward, to plain
	growthRatio     = 5.0 // of the memory when the size is quadrupled: 4 is linear, 16 quadratic
)

// target is one thing that must be reached, with what was measured.
type target struct {
	what     string
	measured float64
	most     float64
}

func (t target) String() string {
	verdict := "ok"
	if !(t.measured <= t.most) {
		verdict = "MISSED"
	}
	return fmt.Sprintf("  %-6s %7.3f, at most %-5.4g %s", verdict, t.measured, t.most, t.what)
}

// printTargets writes what the rows say of the targets, where they say something.
func printTargets(w io.Writer, rows []*row) error {
	b := bufio.NewWriter(w)
	for i, t := range targets(rows) {
		if i == 0 {
			fmt.Fprintln(b, "\nTargets:")
		}
		fmt.Fprintln(b, t)
	}
	return b.Flush()
}

// targets works them out from the rows, in the order of the rows.
func targets(rows []*row) (all []target) {
	for _, r := range rows {
		if r.Impl != leanly {
			continue
		}
		add := func(kind string, measured number, most float64) {
			if measured > 0 {
				all = append(all, target{fmt.Sprintf("%s: %s", r.benchCase, kind), float64(measured), most})
			}
		}
		if r.Size == 16384 && r.Op == attentionOp || r.Size == 32768 && r.Op == contrastiveOp {
			add("lean memory / plain's "+r.matrices(), max(r.PeakBytes, r.TempBytes)/number(r.plainMatrices()), memoryShare)
		}
		if r.Op == attentionOp && !r.Causal && (r.Size == 4096 || r.Size == 16384) {
			most := forwardRatio
			if r.Pass == backward {
				most = backwardRatio
			}
			add("lean time / PyTorch's", ratio(r.Seconds, find(rows, r.benchCase, pytorch).Seconds), most)
		}
		if r.Op == contrastiveOp && r.Pass == backward {
			add("lean time / plain's", ratio(r.Seconds, find(rows, r.benchCase, plain).Seconds), contrastiveTime)
		}
		if s := next(rows, r); s != nil {
			grew := max(quadrupled(r, s, r.PeakBytes, s.PeakBytes), quadrupled(r, s, r.TempBytes, s.TempBytes))
			add(fmt.Sprintf("lean memory per quadrupled size, from %d", s.Size), grew, growthRatio)
		}
	}
	return all
}

// plainMatrices is the size in bytes of the matrices that the plain formula needs at the least: scores or similarities, and
// with the backward pass their gradient.
func (c benchCase) plainMatrices() int64 {
	if c.Pass == backward {
		return 2 * c.Matrix()
	}
	return c.Matrix()
}

func (c benchCase) matrices() string {
	if c.Pass == backward {
		return "2 matrices"
	}
	return "matrix"
}

// ratio is a/b, or 0 where one was not measured.
func ratio(a, b number) number {
	if a == 0 || b == 0 {
		return 0
	}
	return a / b
}

// find returns the row of an implementation of a case, an empty one where there is none.
func find(rows []*row, c benchCase, impl string) *row {
	for _, r := range rows {
		if r.Impl == impl && r.benchCase == c {
			return r
		}
	}
	return &row{}
}

// next returns the row that is as r but for its size, which is the next smaller one; nil where there is none.
func next(rows []*row, r *row) (best *row) {
	for _, x := range rows {
		c := x.benchCase
		c.Size = r.Size
		if x.Impl == r.Impl && c == r.benchCase && x.Size < r.Size && (best == nil || x.Size > best.Size) {
			best = x
		}
	}
	return best
}

// quadrupled is by how much memory grew from small to large, as if large were four times small: growthᵉ with
// e = log 4 / log(large/small).
func quadrupled(large, small *row, atLarge, atSmall number) number {
	e := math.Log(4) / math.Log(float64(large.Size)/float64(small.Size))
	return number(math.Pow(float64(ratio(atLarge, atSmall)), e))
}
