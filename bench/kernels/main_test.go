package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// fakePeer is an environment variable that says how this test program plays peer.py.
const fakePeer = "KERNELS_FAKE_PEER"

// TestMain lets the test program be the processes that measure, ours and, as a fake, PyTorch's.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "-child":
		exit(child(os.Args[2], os.Stdin, os.Stdout))
	case len(os.Args) == 3 && os.Args[1] == "peer.py":
		exit(playPeer(os.Getenv(fakePeer), os.Args[2], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	o, err := parse(nil, io.Discard)
	if err != nil || o.out != "bench/kernels.json" || o.rounds != 3 || o.turn != time.Second {
		t.Errorf("without flags: %+v, error %v", o, err)
	}
	o, err = parse([]string{"-only", "attention/.*64"}, io.Discard)
	if err != nil || o.out != "" || !o.only.MatchString("attention/1024/64/forward") {
		t.Errorf("with -only: %+v, error %v; a part must not replace the whole file", o, err)
	}
	if o, err = parse([]string{"-quick", "-out", "x"}, io.Discard); err != nil || o.out != "x" {
		t.Errorf("with -quick and -out: %+v, error %v", o, err)
	}
	for args, want := range map[string]string{
		"-rounds 0":  "-rounds 0",
		"-turn 0s":   "-turn 0s",
		"-only (":    "missing closing",
		"more":       `unexpected argument "more"`,
		"-only none": "",
	} {
		var said bytes.Buffer
		if _, err := parse(strings.Fields(args), &said); (err != nil) != (want != "") || !strings.Contains(said.String(), want) {
			t.Errorf("%s: error %v, said %q; want %q", args, err, said.String(), want)
		}
	}
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); err != flag.ErrHelp || !strings.Contains(help.String(), "Examples:") {
		t.Errorf("--help says %q, error %v", help.String(), err)
	}
}

func TestBenchRefuses(t *testing.T) {
	o, err := parse([]string{"-only", "none"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := bench(t.Context(), o, io.Discard); err == nil ||
		!strings.Contains(err.Error(), `-only "none"; cases are such as "attention/1024/64/forward"`) {
		t.Errorf("error %v, want one that says what cases are called", err)
	}
	o, _ = parse([]string{"-python", "/no/python"}, io.Discard)
	if err := bench(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "bench/setup.sh") {
		t.Errorf("error %v, want one that names bench/setup.sh", err)
	}
}
