package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of gomm and of what it is built on",
		Example: "  gomm version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), versionText())
			return err
		},
	}
}

// versionText lists gomm, the Go that built it, and the modules that do its arithmetic.
func versionText() string {
	var text strings.Builder
	line := func(name, value string) { fmt.Fprintf(&text, "%-8s %s\n", name, value) }
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	line("gomm", revision(info))
	line("go", strings.TrimSpace(fmt.Sprintf("%s %s/%s %s", runtime.Version(), runtime.GOOS, runtime.GOARCH, setting(info, "-tags"))))
	for _, module := range info.Deps {
		if name, found := strings.CutPrefix(module.Path, "github.com/gomlx/"); found {
			line(name, module.Version)
		}
	}
	return text.String()
}

// revision is the version of a published gomm, or the commit that it was built from.
func revision(info *debug.BuildInfo) string {
	if commit := setting(info, "vcs.revision"); commit != "" {
		if setting(info, "vcs.modified") == "true" {
			return commit + ", changed since"
		}
		return commit
	}
	if info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
