package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
)

// measured makes a row.
func measured(op, pass string, size int, impl string, seconds, peak, temp number) *row {
	c := benchCase{Op: op, Pass: pass, Size: size, Width: 64}
	if op == attentionOp {
		c.Heads = heads
	}
	return &row{Impl: impl, benchCase: c, Seconds: seconds, PeakBytes: peak, TempBytes: temp, MatrixBytes: c.Matrix()}
}

func TestTargets(t *testing.T) {
	const matrix = 4 << 30
	rows := []*row{
		measured(attentionOp, forward, 4096, leanly, 0.1, 10e6, 4e6),
		measured(attentionOp, forward, 4096, pytorch, 0.2, 5e6, 0),
		measured(attentionOp, forward, 16384, leanly, 2, 40e6, 32e6),
		measured(attentionOp, forward, 16384, pytorch, 1, 20e6, 0),
		measured(attentionOp, backward, 16384, leanly, 1.1, matrix/5, 4e6),
		measured(attentionOp, backward, 16384, pytorch, 1, 20e6, 0),
		measured(contrastiveOp, backward, 1024, leanly, 0.01, 1e6, 1e6),
		measured(contrastiveOp, backward, 1024, plain, 0.01, 9e6, 9e6),
		measured(contrastiveOp, backward, 8192, leanly, 1, 8e6, 8e6),
		measured(contrastiveOp, backward, 8192, plain, 0.5, 9e6, 9e6),
		measured(contrastiveOp, backward, 32768, leanly, 9, 32e6, 32e6),
		measured(contrastiveOp, backward, 32768, plain, 0, 0, 0), // did not fit
	}
	causal := measured(attentionOp, forward, 16384, leanly, 5, 40e6, 40e6)
	causal.Causal = true
	rows = append(rows, causal)
	want := []target{
		{"attention/4096/64/forward: lean time / PyTorch's", 0.5, 1},
		{"attention/16384/64/forward: lean memory / plain's matrix", 40e6 / matrix, 0.05},
		{"attention/16384/64/forward: lean time / PyTorch's", 2, 1},
		{"attention/16384/64/forward: lean memory per quadrupled size, from 4096", 8, 5}, // temp: 4 MB to 32
		{"attention/16384/64/forward+backward: lean memory / plain's 2 matrices", 0.1, 0.05},
		{"attention/16384/64/forward+backward: lean time / PyTorch's", 1.1, 1.2},
		{"contrastive/1024/64/forward+backward: lean time / plain's", 1, 1.3},
		{"contrastive/8192/64/forward+backward: lean time / plain's", 2, 1.3},
		{"contrastive/8192/64/forward+backward: lean memory per quadrupled size, from 1024", 4, 5}, // eightfold for an eightfold size
		{"contrastive/32768/64/forward+backward: lean memory / plain's 2 matrices", 16e6 / matrix, 0.05},
		{"contrastive/32768/64/forward+backward: lean memory per quadrupled size, from 8192", 4, 5},
		{"attention/16384/64/causal/forward: lean memory / plain's matrix", 40e6 / matrix, 0.05},
	}
	got := targets(rows)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) {
			t.Fatalf("%d targets, want %d: %v", len(got), len(want), got)
		}
		if g, w := got[i], want[i]; g.what != w.what || math.Abs(g.measured-w.measured) > 1e-9 || math.Abs(g.most-w.most) > 1e-9 {
			t.Errorf("target %+v, want %+v", g, w)
		}
	}
	if text := got[2].String(); !strings.Contains(text, "MISSED   2.000, at most 1 ") {
		t.Errorf("a missed target is written %q", text)
	}
	if text := (target{"x", math.NaN(), 1}).String(); !strings.Contains(text, "MISSED") {
		t.Errorf("a target without a number is written %q", text)
	}
	var none strings.Builder
	if err := printTargets(&none, nil); err != nil || none.String() != "" {
		t.Errorf("without rows: %q, error %v", none.String(), err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestPrintFails(t *testing.T) {
	rows := []*row{measured(attentionOp, forward, 4096, leanly, 1, 1, 1), measured(attentionOp, forward, 4096, pytorch, 1, 1, 1)}
	if printTable(failing{}, rows) == nil || printTargets(failing{}, rows) == nil {
		t.Error("a writer that fails goes unnoticed")
	}
}

func Example() {
	little := 2.5e-6
	rows := []*row{
		measured(contrastiveOp, backward, 32768, plain, 0, 0, 0),
		measured(contrastiveOp, backward, 32768, leanly, 9.5, 45e6, 34e6),
		measured(contrastiveOp, backward, 32768, pytorch, 12.25, 17.2e9, 0),
	}
	rows[0].Error = "needs about 8.6 GB, 6.1 GB are free"
	rows[1].Difference, rows[1].Against = &little, pytorch
	rows[2].Malloc = mallocHuge
	if err := printTable(os.Stdout, rows); err != nil {
		fmt.Println(err)
	}
	if err := printTargets(os.Stdout, rows); err != nil {
		fmt.Println(err)
	}
	// Output:
	//                  time       peak  temporary  difference
	// contrastive/32768/64/forward+backward (a matrix has 4.3 GB)
	//   plain             -          -          -           -  needs about 8.6 GB, 6.1 GB are free
	//   lean         9.50 s    45.0 MB    34.0 MB     2.5e-06
	//   pytorch     12.25 s    17.2 GB          -           -  timed without keeping memory
	//
	// Targets:
	//   ok       0.005, at most 0.05  contrastive/32768/64/forward+backward: lean memory / plain's 2 matrices
}
