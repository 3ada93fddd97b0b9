package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// addCompletion adds 'gomm completion bash|zsh|fish|powershell', which cobra writes, with our examples.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Example = `  source <(gomm completion bash)                                    for this shell
  gomm completion bash > ~/.local/share/bash-completion/completions/gomm
  gomm completion zsh > "${fpath[1]}/_gomm"
  gomm completion fish > ~/.config/fish/completions/gomm.fish`
		}
	}
}

// completeWords completes arguments from a fixed list, each at most once.
func completeWords(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		given := map[string]bool{}
		for _, arg := range args {
			given[arg] = true
		}
		var left []cobra.Completion
		for _, word := range words {
			if !given[word] {
				left = append(left, word)
			}
		}
		return left, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeRuns completes the folder of a run: those below runs/ first, and when there is none any folder.
func completeRuns(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	runs := findRuns("runs", typed)
	if len(runs) == 0 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return runs, cobra.ShellCompDirectiveNoFileComp
}

// findRuns lists the run folders (those with a config.json, at most two folders deep) below root that begin with typed.
func findRuns(root, typed string) []cobra.Completion {
	var runs []cobra.Completion
	for _, pattern := range []string{"*", filepath.Join("*", "*")} {
		configs, _ := filepath.Glob(filepath.Join(root, pattern, "config.json")) // the pattern is a good one
		for _, config := range configs {
			if run := filepath.Dir(config); strings.HasPrefix(run, typed) {
				runs = append(runs, run)
			}
		}
	}
	slices.Sort(runs)
	return runs
}
