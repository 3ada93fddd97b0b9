package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gomm/kernels/xla/jupyter"
)

// fakeMachine has these programs on its PATH, which answer to their arguments as the map says, and everything else.
func fakeMachine(programs map[string]string) *machine {
	return &machine{
		lookPath: func(program string) (string, error) {
			for call := range programs {
				if name, _, _ := strings.Cut(call, " "); name == program {
					return "/usr/bin/" + program, nil
				}
			}
			return "", errors.New("not found")
		},
		output: func(_ context.Context, program string, arguments ...string) (string, error) {
			call := strings.Join(append([]string{filepath.Base(program)}, arguments...), " ")
			for prefix, answer := range programs {
				if strings.HasPrefix(call, prefix) && !strings.HasPrefix(answer, "fail") {
					return answer, nil
				}
			}
			return "", fmt.Errorf("%s: exit status 1", call)
		},
		kernels: func() []jupyter.Installed {
			return []jupyter.Installed{{Kernel: jupyter.Kernel{Name: "gomm", Module: "/src/gomm"}, Dir: "/data/kernels/gomm"}}
		},
		tool:    func(_ context.Context, tool jupyter.Tool) (string, error) { return "/src/gomm/bin/" + tool.Name, nil },
		module:  func() (string, error) { return "/src/gomm", nil },
		plugin:  func() (string, error) { return "/cache/plugin.so", nil },
		backend: func(context.Context) (string, error) { return "xla:cpu (4 devices)", nil },
		dataset: func(_ context.Context, name string) (string, error) { return name + " in /cache", nil },
	}
}

// complete is a machine that has everything.
func complete() map[string]string {
	return map[string]string{
		"go env GOVERSION":       "go1.26.8",
		"go env CC":              "gcc -m64",
		"gcc --version":          "gcc (Debian) 14.2.0\nCopyright",
		"make --version":         "GNU Make 4.4.1",
		"git --version":          "git version 2.47.3",
		"python3 -c import sys":  "True 3.13.5",
		"python3 -c import venv": "",
		"jupyter-lab --version":  "4.6.1",
		"apt-get ":               "",
		"sudo ":                  "",
	}
}

func diagnose(t *testing.T, m *machine) (text string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = doctor(context.Background(), &out, checks, m, false)
	return out.String(), err
}

func TestDoctorAllIsWell(t *testing.T) {
	text, err := diagnose(t, fakeMachine(complete()))
	if err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != len(checks) {
		t.Errorf("%d lines for %d checks:\n%s", len(lines), len(checks), text)
	}
	column := strings.Index(lines[0], "go1.26.8")
	for i, line := range lines {
		if !strings.HasPrefix(line, "ok       "+checks[i].name) || line[column-1] != ' ' || line[column] == ' ' {
			t.Errorf("not ok, or not aligned with the first line: %q", line)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("colours where there is no terminal: %q", text)
	}
}

// TestDoctorFindsWhatIsMissing spoils one thing at a time.
func TestDoctorFindsWhatIsMissing(t *testing.T) {
	for _, test := range []struct {
		name     string
		spoil    func(programs map[string]string, m *machine)
		line     string // what the line of the missing thing must match
		required bool
	}{
		{"no go", func(p map[string]string, _ *machine) { delete(p, "go env GOVERSION"); delete(p, "go env CC") },
			`^missing  Go  .*no go on the PATH .*; fix: get Go 1\.26\.5 or newer from https://go\.dev/dl/$`, true},
		{"old go", func(p map[string]string, _ *machine) { p["go env GOVERSION"] = "go1.22.1" },
			`^missing  Go  .*go1\.22\.1 \(/usr/bin/go\) is older than go1\.26\.5`, true},
		{"no compiler", func(p map[string]string, _ *machine) { delete(p, "gcc --version") },
			`^missing  C compiler .*no gcc on the PATH .*; fix: sudo apt-get install -y gcc libc6-dev$`, false},
		{"broken git", func(p map[string]string, _ *machine) { p["git --version"] = "fail" },
			`^missing  git .*/usr/bin/git does not run: `, false},
		{"other system", func(p map[string]string, _ *machine) {
			delete(p, "make --version")
			delete(p, "apt-get ")
			p["brew "] = ""
		},
			`^missing  make .*; fix: brew install make$`, false},
		{"unknown system", func(p map[string]string, _ *machine) { delete(p, "make --version"); delete(p, "apt-get ") },
			`^missing  make .*; fix: install make with your system's package manager$`, false},
		{"no plugin", func(_ map[string]string, m *machine) {
			m.plugin = func() (string, error) { return "", errors.New("none") }
		},
			`^missing  XLA plugin .*none .*; fix: gomm data plugin$`, false},
		{"a better remedy", func(_ map[string]string, m *machine) {
			m.plugin = func() (string, error) { return "", remedied{errors.New("damaged"), "rm plugin.so"} }
		}, `^missing  XLA plugin .*damaged .*; fix: rm plugin\.so$`, false},
		{"no backend", func(_ map[string]string, m *machine) {
			m.backend = func(context.Context) (string, error) { return "", errors.New("cannot\nopen") }
		}, `^missing  backend .*cannot open .*; fix: GOMLX_BACKEND=go gomm doctor`, true},
		{"no data", func(_ map[string]string, m *machine) {
			m.dataset = func(context.Context, string) (string, error) { return "", errors.New("not here") }
		}, `^missing  mnist .*; fix: gomm data mnist$`, false},
		{"old python", func(p map[string]string, _ *machine) { p["python3 -c import sys"] = "False 3.9.2" },
			`^missing  Python .*Python 3\.9\.2, older than 3\.10`, false},
		{"no venv", func(p map[string]string, _ *machine) { p["python3 -c import venv"] = "fail" },
			`^missing  Python .*lacks the module venv .*; fix: sudo apt-get install -y python3 python3-venv$`, false},
		{"no jupyter", func(p map[string]string, _ *machine) { delete(p, "jupyter-lab --version") },
			`^missing  Jupyter .*no jupyter-lab in \.venv/bin or on the PATH .*; fix: make \.venv$`, false},
		{"no kernel", func(_ map[string]string, m *machine) { m.kernels = func() []jupyter.Installed { return nil } },
			`^missing  kernel .*no kernel of gomm is known to Jupyter .*; fix: gomm kernel install$`, false},
		{"another checkout's kernel", func(_ map[string]string, m *machine) { m.module = func() (string, error) { return "/src/other", nil } },
			`^missing  kernel .*none for this checkout; there is /data/kernels/gomm, of the checkout /src/gomm .*`, false},
	} {
		programs := complete()
		m := fakeMachine(programs)
		test.spoil(programs, m)
		text, err := diagnose(t, m)
		if (err != nil) != test.required {
			t.Errorf("%s: error %v; want one: %v", test.name, err, test.required)
		}
		matches := regexp.MustCompile(test.line).MatchString
		if !slices.ContainsFunc(strings.Split(text, "\n"), matches) {
			t.Errorf("%s: no line is like %s:\n%s", test.name, test.line, text)
		}
	}
}

func TestDoctorJSON(t *testing.T) {
	programs := complete()
	delete(programs, "jupyter-lab --version")
	var out bytes.Buffer
	two := check{"two steps", "is fixed by two commands", false, findTool("absent"), always("first && second > file")}
	checks := append(slices.Clone(checks), two)
	if err := doctor(context.Background(), &out, checks, fakeMachine(programs), true); err != nil {
		t.Error(err)
	}
	var got diagnosis
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.OK || len(got.Checks) != len(checks) {
		t.Errorf("ok %v with %d checks, want true with %d", got.OK, len(got.Checks), len(checks))
	}
	for _, f := range got.Checks {
		if missing := f.Name == "Jupyter" || f.Name == two.name; missing != (f.State == "missing") || missing != (f.Fix != "") || f.Need == "" {
			t.Errorf("finding %+v", f)
		}
	}
	if !strings.Contains(out.String(), "first && second > file") {
		t.Errorf("the command cannot be copied:\n%s", out.String())
	}
}

func TestDoctorStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	if err := doctor(ctx, &out, checks, fakeMachine(complete()), false); !errors.Is(err, context.Canceled) || out.Len() > 0 {
		t.Errorf("after an interrupt: error %v, output %q", err, out.String())
	}
}

// TestMinGo holds minGo to go.mod.
func TestMinGo(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\ngo " + strings.TrimPrefix(minGo, "go") + "\n"; !strings.Contains(string(mod), want) {
		t.Errorf("go.mod has no line %q", want)
	}
}
