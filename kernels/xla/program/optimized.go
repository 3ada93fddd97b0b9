package program

import (
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Optimized returns the program of the last [Attention.Run] as XLA had rewritten it, from the folder into which XLA_FLAGS told
// XLA to write (see the package comment); it does nothing but read. The text is HLO, the form that XLA works on: ENTRY is the
// program, and what its fusions call stands above it.
func Optimized(dir string) (string, error) {
	folder := os.DirFS(dir)
	files, _ := fs.Glob(folder, "module_*.attention.*after_optimizations.txt") // fails for a malformed pattern only
	var last string
	var newest time.Time
	for _, file := range files {
		info, err := fs.Stat(folder, file)
		if err != nil {
			return "", fmt.Errorf("program: %w", err)
		}
		if t := info.ModTime(); !t.Before(newest) {
			last, newest = file, t
		}
	}
	if last == "" {
		return "", fmt.Errorf("program: no optimised program in the folder %q; set "+
			"XLA_FLAGS=\"--xla_dump_to=%s --xla_dump_hlo_as_text\" before the process first compiles, then call Run", dir, dir)
	}
	text, err := fs.ReadFile(folder, last)
	if err != nil {
		return "", fmt.Errorf("program: %w", err)
	}
	return string(text), nil
}
