package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// playPeer answers as peer.py would, with the numbers of our plain formula:
//
//	good     as it should be
//	poor     it refuses whatever it is asked
//	greedy   it has a turn only when memory is not kept
//	wrong    its inputs are scaled otherwise
//	dead     it ends at once
func playPeer(how, text string, in io.Reader, out io.Writer) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	j.Impl = plain
	switch how {
	case "dead":
		return nil
	case "wrong":
		j.Scale++
	}
	changed, err := json.Marshal(j)
	if err != nil {
		return err
	}
	refuse := how == "poor"
	commands, pipe := io.Pipe()
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			line := lines.Text()
			if refuse || how == "greedy" && strings.HasPrefix(line, "turn") && os.Getenv(mallocVar) != hugeSetting {
				line = line[:strings.LastIndexByte(line, ' ')] + " 1" // with a single byte it refuses
			}
			fmt.Fprintln(pipe, line)
		}
		pipe.Close()
	}()
	return child(string(changed), commands, out)
}

// quickOptions are for the fake peer.
func quickOptions(t *testing.T, how string) options {
	t.Setenv(fakePeer, how)
	return options{rounds: 2, threads: 1, turn: time.Millisecond, patience: time.Minute, python: os.Args[0], script: "peer.py"}
}

func TestMeasure(t *testing.T) {
	attend := benchCase{Op: attentionOp, Pass: forward, Size: 16, Width: 8, Heads: 2}
	pairs := benchCase{Op: contrastiveOp, Pass: forward, Size: 16, Width: 8}
	for _, test := range []struct {
		how    string
		c      benchCase
		impls  []string
		failed string // in the error
		noted  string // in PyTorch's row, the last
		turns  int    // of PyTorch
		malloc string
	}{
		{"good", attend, []string{plain, leanly, pytorch}, "", "", 2, mallocKept},
		{"poor", pairs, []string{pytorch}, "", "0 kB are free", 0, ""},
		{"greedy", pairs, []string{pytorch}, "", "", 2, mallocHuge},
		{"dead", pairs, []string{pytorch}, "pytorch: the process for pytorch ended without an answer", "ended without an answer", 0, ""},
	} {
		t.Run(test.how, func(t *testing.T) {
			if slices.Contains(test.impls, leanly) {
				needsLean(t)
			}
			rows, err := measure(t.Context(), quickOptions(t, test.how), test.c, test.impls...)
			if (err != nil) != (test.failed != "") || err != nil && !strings.Contains(err.Error(), test.failed) {
				t.Fatalf("error %v, want one with %q", err, test.failed)
			}
			if len(rows) != len(test.impls) {
				t.Fatalf("%d rows, want %d", len(rows), len(test.impls))
			}
			for i, r := range rows[:len(rows)-1] {
				if r.Impl != test.impls[i] || r.Error != "" || len(r.Turns) != 2 || !(r.Seconds > 0) || !(r.PeakBytes > 0) ||
					!strings.HasPrefix(r.By, "gomm, ") || r.MatrixBytes != test.c.Matrix() {
					t.Errorf("row %+v", *r)
				}
				if d := r.Difference; r.Impl == leanly && (d == nil || *d > tolerance || r.Against != plain) {
					t.Errorf("lean was not compared with plain: %+v", *r)
				}
			}
			r := rows[len(rows)-1]
			if (r.Error != "") != (test.noted != "") || !strings.Contains(r.Error, test.noted) || len(r.Turns) != test.turns ||
				r.Malloc != test.malloc {
				t.Errorf("error %q, turns %v, malloc %q; want %q, %d, %q", r.Error, r.Turns, r.Malloc, test.noted, test.turns, test.malloc)
			}
		})
	}
}

// TestBench runs a case to the end: the table and the file are there although something was wrong.
func TestBench(t *testing.T) {
	needsLean(t)
	o := quickOptions(t, "wrong")
	o.rounds, o.quick, o.out = 1, true, filepath.Join(t.TempDir(), "out.json")
	o.only = regexp.MustCompile("^contrastive/64/64/forward$")
	var said bytes.Buffer
	if err := bench(t.Context(), o, &said); err == nil || !strings.Contains(err.Error(), "loss differs from plain") {
		t.Errorf("error %v, want the difference", err)
	}
	if !strings.Contains(said.String(), "contrastive/64/64/forward (a matrix has 16 kB)\n") {
		t.Errorf("said %q", said.String())
	}
	var rows []row
	if content, err := os.ReadFile(o.out); err != nil || json.Unmarshal(content, &rows) != nil || len(rows) != 3 || !(rows[1].Seconds > 0) {
		t.Errorf("wrote %s, error %v", content, err)
	}
}

func TestNumber(t *testing.T) {
	text, err := json.Marshal(row{Impl: plain, benchCase: benchCase{Op: contrastiveOp, Pass: forward, Size: 8, Width: 4},
		Error: "needs 25 GB"})
	if err != nil || !bytes.Contains(text, []byte(`"seconds":null,"peak_bytes":null`)) ||
		!bytes.Contains(text, []byte(`"error":"needs 25 GB"`)) {
		t.Errorf("a row without measurements is %s, error %v", text, err)
	}
	var back row
	if err := json.Unmarshal(text, &back); err != nil || back.Seconds != 0 || back.Size != 8 {
		t.Errorf("read back as %+v, error %v", back, err)
	}
}
