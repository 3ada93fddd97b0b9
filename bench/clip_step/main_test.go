package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gomm/mmlib/nn/transformer"
)

// fakePeer is an environment variable that makes this test program play peer.py.
const fakePeer = "CLIP_STEP_FAKE_PEER"

func TestMain(m *testing.M) {
	if how := os.Getenv(fakePeer); how != "" {
		play(how)
		return
	}
	os.Exit(m.Run())
}

func play(how string) {
	if content, err := os.ReadFile(os.Args[2]); err != nil || !strings.Contains(string(content), `"patch_size":7`) {
		fmt.Printf(`{"error":"bad settings %s %v"}`+"\n", content, err)
		return
	}
	switch how {
	case "silent":
		return
	case "babble":
		fmt.Println("hello")
		return
	}
	fmt.Println(`{"ready":true,"params":7,"torch":"2.15.0","threads":2}`)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var n int
		if _, err := fmt.Sscanf(in.Text(), "step %d", &n); err != nil || how == "refuse" {
			fmt.Println(`{"error":"no"}`)
			continue
		}
		fmt.Printf(`{"seconds":%d.5}`+"\n", n)
	}
}

func peerOptions(t *testing.T, how string) options {
	t.Setenv(fakePeer, how)
	return options{python: os.Args[0], script: "peer.py", threads: 2}
}

func TestPeer(t *testing.T) {
	c, err := settings(t.Context(), "mnist")
	if err != nil {
		t.Fatal(err)
	}
	p, err := startPeer(t.Context(), peerOptions(t, "good"), c)
	if err != nil {
		t.Fatal(err)
	}
	if took, err := p.Step(3); took != 3500*time.Millisecond || err != nil || p.Params() != 7 ||
		p.Name() != "PyTorch 2.15.0, eager, 2 threads" {
		t.Errorf("3 steps took %v, error %v; %d parameters, name %q", took, err, p.Params(), p.Name())
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for how, want := range map[string]string{"silent": "ended without an answer", "babble": `said "hello"`} {
		if _, err := startPeer(t.Context(), peerOptions(t, how), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", how, err, want)
		}
	}
	p, err = startPeer(t.Context(), peerOptions(t, "refuse"), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Step(1); err == nil || !strings.Contains(err.Error(), "peer: no") {
		t.Errorf("error %v, want the peer's own", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := startPeer(t.Context(), options{python: "/no/python"}, c); err == nil || !strings.Contains(err.Error(), "bench/setup.sh") {
		t.Errorf("error %v, want one that names bench/setup.sh", err)
	}
}

// TestOurs trains a tiny model by the real trainer, step by step.
func TestOurs(t *testing.T) {
	c, err := settings(t.Context(), "mnist-tiny")
	if err != nil {
		t.Fatal(err)
	}
	small := func(b *transformer.Config) { b.Width, b.Layers, b.Heads, b.MLP = 8, 1, 2, 8 }
	small(&c.clip.Vision.Config)
	small(&c.clip.Text.Config)
	c.clip.Vision.ImageSize, c.clip.Vision.PatchSize, c.clip.Projection = 4, 2, 4
	c.Training.BatchSize, c.distinct = 8, 10

	o, err := ourStepper(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for done, n := range []int{1, 2, 3} {
		if took, err := o.Step(n); err != nil || took <= 0 {
			t.Fatalf("%d steps took %v, error %v", n, took, err)
		}
		if want := int64([]int{1, 3, 6}[done]); o.trainer.Step() != want {
			t.Errorf("the trainer is at step %d, want %d", o.trainer.Step(), want)
		}
	}
	// patch, class, position, norm_pre, norm_post; token, position, norm; two blocks; two projections; logit_scale
	v, x, block := c.clip.Vision, c.clip.Text, 3*8*8+3*8+8*8+8+2*(8*8+8)+4*8
	want := 8*v.Channels*4 + 8 + 5*8 + 2*16 + 8*(x.Vocab+x.Context) + 16 + 2*block + 2*8*4 + 1
	if o.Params() != want {
		t.Errorf("%d parameters, want %d", o.Params(), want)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(o.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", o.dir)
	}
}

// scripted is a stepper whose turns take what its times say.
type scripted struct {
	name   string
	params int
	times  []float64
	calls  *[]string
}

func (s *scripted) Name() string { return s.name }
func (s *scripted) Params() int  { return s.params }
func (s *scripted) Close() error { return nil }
func (s *scripted) Step(n int) (time.Duration, error) {
	*s.calls = append(*s.calls, fmt.Sprint(s.name, n))
	if len(s.times) == 0 {
		return 0, errors.New("no more")
	}
	next := s.times[0]
	s.times = s.times[1:]
	return time.Duration(next * float64(time.Second)), nil
}

func TestCompare(t *testing.T) {
	var calls []string
	ours := &scripted{"a", 5, []float64{9, 1, 2, 4, 3}, &calls}
	theirs := &scripted{"b", 5, []float64{9, 4, 4, 8, 4}, &calls}
	o := options{rounds: 4, steps: 10, warmup: 2, out: filepath.Join(t.TempDir(), "out.json")}
	r, err := compare(t.Context(), ours, theirs, o)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(calls, " "), "a2 b2 a10 b10 b10 a10 a10 b10 b10 a10"; got != want {
		t.Errorf("turns were %s, want %s", got, want)
	}
	if r.Ours.Best != 0.1 || r.Ours.Median != 0.25 || r.Peer.Best != 0.4 || r.Peer.Median != 0.4 || r.RatioBest != 0.25 ||
		r.RatioMedian != 0.625 {
		t.Errorf("wrong numbers: %+v", r)
	}
	var back result
	if err := r.write(o.out); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(o.out); err != nil || json.Unmarshal(content, &back) != nil || back.Ours.Rounds[1] != 2 {
		t.Errorf("wrote %s, error %v", content, err)
	}
	if _, err := compare(t.Context(), ours, theirs, o); err == nil || !strings.Contains(err.Error(), "a: no more") {
		t.Errorf("error %v, want the stepper's", err)
	}
	ours.params = 6
	if _, err := compare(t.Context(), ours, theirs, o); err == nil || !strings.Contains(err.Error(), "ours has 6 parameters, the peer 5") {
		t.Errorf("error %v, want one that names both numbers", err)
	}
}

func TestOptions(t *testing.T) {
	if err := bench(context.Background(), options{steps: 1, threads: 1}); err == nil || !strings.Contains(err.Error(), "-rounds 0") {
		t.Errorf("error %v, want one that names -rounds", err)
	}
	if err := bench(context.Background(), options{preset: "none", rounds: 1, steps: 1, threads: 1}); err == nil ||
		!strings.Contains(err.Error(), `"none"`) {
		t.Errorf("error %v, want one that names the preset", err)
	}
}

func TestPrintBusy(t *testing.T) {
	r := &result{Ours: side{Rounds: []float64{1, 1.1}}, Peer: side{Rounds: []float64{1, 3.2}}}
	var out strings.Builder
	if err := r.print(&out); err != nil || !strings.Contains(out.String(), "3.2 times as long") {
		t.Errorf("error %v; a busy machine goes unmentioned in %q", err, out.String())
	}
}

func Example() {
	r := &result{
		Preset: "mnist", Batch: 256, Distinct: 40, StepsPerRound: 20, RatioBest: 0.9, RatioMedian: 0.95,
		Ours: side{Name: "gomm", Params: 1000, Rounds: []float64{0.9, 1}, Best: 0.045, Median: 0.0475},
		Peer: side{Name: "PyTorch", Params: 1000, Rounds: []float64{1, 1}, Best: 0.05, Median: 0.05},
	}
	if err := r.print(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// A training step of CLIP mnist: 1000 parameters, batch 256, 40 distinct captions; 2 rounds of 20 steps, in turns
	//
	//       best    median   images/s
	//    45.0 ms   47.5 ms       5389  gomm
	//    50.0 ms   50.0 ms       5120  PyTorch
	//       0.90      0.95             our time over theirs
}
