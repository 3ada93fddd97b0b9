package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// echo is an environment variable that makes this test program the one that is asked.
const echo = "GOMM_TEST_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(echo) != "" {
		answerAll()
		return
	}
	os.Exit(m.Run())
}

func answerAll() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "fail":
			fmt.Println(`{"error":"no"}`)
		case "babble":
			fmt.Println("hello")
		case "die":
			os.Exit(3)
		default:
			fmt.Printf(`{"heard":%q}`+"\n", in.Text())
		}
	}
}

func start(t *testing.T) *Process {
	t.Helper()
	t.Setenv(echo, "1")
	p, err := Start("the echo", exec.CommandContext(t.Context(), os.Args[0]))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAsk(t *testing.T) {
	p := start(t)
	var answer struct{ Heard string }
	if err := p.Ask(&answer, "turn %d %s", 3, "x"); err != nil || answer.Heard != "turn 3 x" {
		t.Errorf("heard %q, error %v", answer.Heard, err)
	}
	for command, want := range map[string]string{"fail": "the echo: no", "babble": `the echo said "hello"`} {
		if err := p.Ask(&answer, "%s", command); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", command, err, want)
		}
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEnd(t *testing.T) {
	p := start(t)
	err := p.Ask(&struct{}{}, "die")
	if err == nil || !strings.Contains(err.Error(), "ended without an answer") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error %v, want one that says how the program ended", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Start("the echo", exec.CommandContext(t.Context(), "/no/program")); err == nil ||
		!strings.Contains(err.Error(), "the echo: ") {
		t.Errorf("error %v, want one that names the program", err)
	}
}
