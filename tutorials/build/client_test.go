//go:build jupyter

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rawClient speaks to the kernel without a front-end, and writes a line of JSON for each thing it tries: its name, how long it took,
// and what came back.
const rawClient = `
import json, threading, time
from jupyter_client import KernelManager

began = time.time()
manager = KernelManager(kernel_name="gomm")
manager.start_kernel()
client = manager.blocking_client()
client.start_channels()
client.wait_for_ready(timeout=60)

def say(name, began, **what):
    print(json.dumps(dict(what, name=name, seconds=time.time() - began)), flush=True)

say("start", began)

def reply(kind):
    while True:
        message = client.get_shell_msg(timeout=120)
        if message["msg_type"] == kind:
            return message["content"]

def run(name, code, interrupt=None, answer=None):
    began, text = time.time(), []
    if interrupt:
        threading.Timer(interrupt, manager.interrupt_kernel).start()
    sent = client.execute(code, allow_stdin=answer is not None)
    if answer is not None:
        client.get_stdin_msg(timeout=60)
        client.input(answer)
    while True:
        message = client.get_iopub_msg(timeout=120)
        content = message["content"]
        if message["parent_header"].get("msg_id") != sent:
            continue
        if content.get("execution_state") == "idle":
            break
        text.append(content.get("text") or content.get("data", {}).get("text/plain") or content.get("evalue") or "")
    say(name, began, status=reply("execute_reply")["status"], text="\n".join(text))

def complete(name, code):
    began = time.time()
    client.complete(code, len(code))
    answer = reply("complete_reply")
    typed = code[answer["cursor_start"]:answer["cursor_end"]]
    say(name, began, status=answer["status"], matches=answer["matches"], text=typed)

for i in range(3):
    run("trivial", "%%%%\nfmt.Println(%d)" % i)
for i in range(3):
    run("xla", 'import (\n"gomm/kernels/xla"\nnb "gomm/mmlib/notebook"\n)\n%%%%\nfmt.Println(nb.Must(xla.Open()).Name(), %d)' % i)
time.sleep(15)
complete("ascii", "%%\nnb.Lo")
complete("chinese", '%%\nx := "数字七"; nb.Lo')
complete("beyond 16 bits", '%%\nx := "😀"; nb.Lo')
complete("identifier", "%%\n数字 := 7\n_ = 数")
code = '%%\nx := "数字七"; fmt.Println(x)'
client.inspect(code, code.index("Println") + 2)
say("inspect", time.time(), status="ok", text=str(reply("inspect_reply")["data"]))
run("compile error", "%%\nfmt.Println(undefinedName)")
run("stdin", '%%\nvar s string\n_, err := fmt.Scan(&s)\nfmt.Println("scan:", err)')
ask = 'import "github.com/janpfeifer/gonb/gonbui"\n%%\ngonbui.RequestInput("name", false)\n'
scan = 'var s string\n_, err := fmt.Scan(&s)\nfmt.Println("scan:", s, err)'
run("input", ask + scan, answer="gomm")
run("input not allowed", ask + scan)
run("interrupt a shell", "!sleep 30; echo done", interrupt=1.5)
code = 'import "gomm/mmlib/models"\n%%\nfmt.Println(len(models.Kinds()))\ntime.Sleep(9*time.Second)\nfmt.Println("to the end")'
run("interrupt compiling", code, interrupt=0.3)
run("interrupt running", "%%\ntime.Sleep(30*time.Second)", interrupt=3)
began = time.time()
for code in ['%%\npanic("first")', '%%\nfmt.Println("second")', '%%\nfmt.Println("third")']:
    client.execute(code)
say("queue", began, status=" ".join(reply("execute_reply")["status"] for _ in range(3)), text="")
run("after", "%%\nfmt.Println(4)")
client.stop_channels()
manager.shutdown_kernel() # asked, not killed: then it ends its gopls too
`

// TestRawClient: what a front-end can rely on, each once a fault of GoNB (see bench/upstream/gonb.md). It logs how long things take.
func TestRawClient(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), program(t, "python"), "-u", "-c", rawClient)
	temp, err := os.MkdirTemp("", "raw") // a short path: gopls's socket lies below it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Name, Status, Text string
		Seconds            float64
		Matches            []string
	}
	got := map[string]answer{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		got[a.Name] = a
		t.Logf("%-20s %5.2f s", a.Name, a.Seconds)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(temp, "gonb_*")); err != nil || len(left) > 0 {
		t.Errorf("the kernel left %q, and its gopls, behind (%v)", left, err)
	}
	for name, want := range map[string]struct {
		status, text string
		within       float64 // seconds, where a fault showed as waiting for something that takes 9 seconds and more; 0 for any
	}{
		"trivial":             {"ok", "2\n", 0},
		"xla":                 {"ok", " 2\n", 0},
		"ascii":               {"ok", "Lo", 0},
		"chinese":             {"ok", "Lo", 0},
		"beyond 16 bits":      {"ok", "Lo", 0},
		"identifier":          {"ok", "数", 0},
		"inspect":             {"ok", "func fmt.Println", 0},
		"compile error":       {"error", "undefined: undefinedName", 0},
		"stdin":               {"ok", "A cell has no standard input", 0},
		"input":               {"ok", "scan: gomm <nil>", 0},
		"input not allowed":   {"ok", "A cell has no standard input", 0},
		"interrupt a shell":   {"ok", "interrupt", 8},
		"interrupt compiling": {"error", "interrupted", 8},
		"interrupt running":   {"error", "interrupt", 15},
		"queue":               {"error aborted aborted", "", 0},
		"after":               {"ok", "4\n", 0},
	} {
		a, ok := got[name]
		if !ok || a.Status != want.status || !strings.Contains(a.Text, want.text) || want.within > 0 && a.Seconds > want.within {
			t.Errorf("%s: %+v, want %+v", name, a, want)
		}
		if strings.Contains(a.Text, "to the end") || strings.Contains(a.Text, "done") {
			t.Errorf("%s: it went on to its end: %q", name, a.Text)
		}
	}
	for _, name := range []string{"stdin", "input not allowed"} {
		if !strings.Contains(got[name].Text, "EOF\n") {
			t.Errorf("%s: the program does not read EOF: %q", name, got[name].Text)
		}
	}
	for name, want := range map[string]string{"ascii": "Load", "chinese": "Load", "beyond 16 bits": "Load", "identifier": "数字"} {
		if m := got[name].Matches; len(m) != 1 || m[0] != want {
			t.Errorf("%s is completed to %q, want %s alone", name, m, want)
		}
	}
}
