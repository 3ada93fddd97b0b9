package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		status, stdout, stderr := call("completion", shell)
		if status != exitOK || !strings.Contains(stdout, "gomm") || stderr != "" {
			t.Errorf("gomm completion %s: status %d, %d bytes, stderr %q", shell, status, len(stdout), stderr)
		}
	}
}

// TestCompleteData asks as a shell does when the user presses Tab.
func TestCompleteData(t *testing.T) {
	for typed, want := range map[string]string{
		"data ,":                   "fashion-mnist films mnist scenes plugin cuda tpu",
		"data,":                    "data",
		"data mnist ,":             "fashion-mnist films scenes plugin cuda tpu",
		"data --dir ,":             "", // a folder: the shell knows those
		"doctor --js,":             "--json",
		"completion f,":            "fish",
		"pretrain cl,":             "clip",
		"finetune ,":               "captioner classifier dialogue palme-captioner palme-dialogue palme-vqa vqa",
		"pretrain clip --preset ,": "mnist-demo films films-mean mnist mnist-tiny",
		"finetune classifier --run x --set data.v,": "data.validation=",
		"eval --data ,": "book fashion-mnist films mnist scenes",
	} {
		args := append([]string{"__completeNoDesc"}, strings.Split(strings.TrimSuffix(typed, ","), " ")...)
		_, stdout, _ := call(args...)
		words := strings.Fields(stdout)
		got := strings.Join(words[:len(words)-1], " ") // the last one tells the shell what to do with the others
		if got != want {
			t.Errorf("%q is completed by %q, want %q", typed, got, want)
		}
	}
}

func TestFindRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"runs/demo/clip", "runs/demo/probe", "runs/mine"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "config.json"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for typed, want := range map[string]string{
		"":       "runs/demo/clip runs/demo/probe runs/mine",
		"runs/d": "runs/demo/clip runs/demo/probe",
		"other/": "",
	} {
		if got := strings.Join(findRuns("runs", filepath.FromSlash(typed)), " "); filepath.ToSlash(got) != want {
			t.Errorf("runs that begin with %q: %q, want %q", typed, got, want)
		}
	}
	if runs, directive := completeRuns(nil, nil, "runs/m"); len(runs) != 1 || directive != cobra.ShellCompDirectiveNoFileComp {
		t.Errorf("runs/m is completed by %q, directive %v", runs, directive)
	}
	if runs, directive := completeRuns(nil, nil, "other/"); len(runs) != 0 || directive != cobra.ShellCompDirectiveFilterDirs {
		t.Errorf("other/ is completed by %q, directive %v; want any folder", runs, directive)
	}
}
