package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"

	"gomm/bench/internal/machine"
)

// result is what nanogpt.json holds.
type result struct {
	Preset   string            `json:"preset"`
	Steps    int               `json:"steps"`
	Batch    int               `json:"batch"`
	Context  int               `json:"context"`
	Seed     uint64            `json:"seed"`
	Ours     side              `json:"ours"`
	Peer     side              `json:"peer"`     // at the best of Tried
	Tried    []side            `json:"tried"`    // the peer at each learning rate
	Decoding []decoding        `json:"decoding"` // ours
	Versions map[string]string `json:"versions"`
	Machine  machine.Machine   `json:"machine"`
}

// side is one of the two. Bits are of a character.
type side struct {
	Name                   string  `json:"name"`
	Params                 int     `json:"params"`
	LearningRate           float64 `json:"learning_rate"`
	ValidationBits         float64 `json:"validation_bits"`
	TestBits               float64 `json:"test_bits"`
	TrainedTokensPerSecond float64 `json:"trained_tokens_per_second"`
	WrittenTokensPerSecond float64 `json:"written_tokens_per_second,omitempty"` // one text at a time
}

// line is one line of the peer's.
type line struct {
	Rate            float64 `json:"rate"`
	ValidationNats  float64 `json:"validation_nats"`
	TestNats        float64 `json:"test_nats"`
	TrainSeconds    float64 `json:"train_seconds"`
	Params          int     `json:"params"`
	GenerateSeconds float64 `json:"generate_seconds"`
	Torch           string  `json:"torch"`
}

// apart is how far the numbers of parameters may lie apart.
const apart = 0.03

// trainPeer trains the peer at all its learning rates.
func (r *result) trainPeer(ctx context.Context, c *peer, o options, dir string) error {
	path := filepath.Join(dir, "peer.json")
	if err := c.writeConfig(path); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, o.python, o.script, path)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("the PyTorch peer: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("the PyTorch peer said %q: %w", lines.Text(), err)
		}
		r.take(l, c)
	}
	if r.Peer.WrittenTokensPerSecond == 0 {
		return errors.New("the PyTorch peer ended before it had written a text")
	}
	return r.check()
}

// take adds what the peer says.
func (r *result) take(l line, c *peer) {
	if l.GenerateSeconds > 0 {
		r.Peer.Name, r.Versions["torch"] = fmt.Sprintf("nanoGPT's model, PyTorch %s, eager, %d threads", l.Torch, c.Threads), l.Torch
		r.Peer.WrittenTokensPerSecond = float64(c.Generate) / l.GenerateSeconds
		return
	}
	// The first token of all counts log₂ V bits, as in the measure "bits".
	bits := func(nats float64, split string) float64 {
		return (nats/math.Ln2 + math.Log2(float64(c.Vocab))) / float64(c.characters[split])
	}
	s := side{
		Params: l.Params, LearningRate: l.Rate, ValidationBits: bits(l.ValidationNats, "validation"), TestBits: bits(l.TestNats, "test"),
		TrainedTokensPerSecond: float64(c.Steps*c.Batch*c.Context) / l.TrainSeconds,
	}
	if len(r.Tried) == 0 || s.ValidationBits < r.Peer.ValidationBits {
		r.Peer = s
	}
	r.Tried = append(r.Tried, s)
}

// check refuses models of different sizes.
func (r *result) check() error {
	if d := float64(r.Peer.Params)/float64(r.Ours.Params) - 1; math.Abs(d) > apart {
		return fmt.Errorf("the models differ: ours has %d parameters, the peer %d: choose -width so that they are as large", r.Ours.Params,
			r.Peer.Params)
	}
	return nil
}

// print writes the tables for people.
func (r *result) print(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "A book, %d steps of %d windows of %d tokens\n\n", r.Steps, r.Batch, r.Context)
	t := tabwriter.NewWriter(b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "parameters\tbits a character, test\tvalidation\tlearnt tokens/s\twritten tokens/s\t")
	for _, s := range []side{r.Ours, r.Peer} {
		fmt.Fprintf(t, "%d\t%.3f\t%.3f\t%.0f\t%.0f\t  %s\n", s.Params, s.TestBits, s.ValidationBits, s.TrainedTokensPerSecond,
			s.WrittenTokensPerSecond, s.Name)
	}
	err := t.Flush()
	fmt.Fprintln(b)
	t = tabwriter.NewWriter(b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "texts\ttokens/s\tas fast as recomputing\t")
	for _, d := range r.Decoding {
		fmt.Fprintf(t, "%d\t%.0f\t%.1f times\t  %s\n", d.Texts, d.TokensPerSecond, d.Ratio, d.How)
	}
	return errors.Join(err, t.Flush(), b.Flush())
}

func (r *result) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
