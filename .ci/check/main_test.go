package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckFile sees that the check can fail: for a number too low, absent, or no number, and for a file that is none.
func TestCheckFile(t *testing.T) {
	const good = `{"zero_shot_accuracy_en": 0.9812, "backend": "xla:cpu", "wall_seconds": 250}`
	for _, test := range []struct {
		name, json string
		conditions []string
		want       []string // parts of the error; none when there must be no error
	}{
		{"met", good, []string{"zero_shot_accuracy_en>=0.975", "wall_seconds>=0"}, nil},
		{"equal", good, []string{"zero_shot_accuracy_en>=0.9812"}, nil},
		{"too low", good, []string{"zero_shot_accuracy_en>=0.99"}, []string{"zero_shot_accuracy_en is 0.9812, want at least 0.99"}},
		{"absent", good, []string{"finetune_accuracy>=0.985"}, []string{"no finetune_accuracy"}},
		{"not a number", good, []string{"backend>=1"}, []string{"backend is xla:cpu, not a number"}},
		{"all are told", good, []string{"a>=1", "wall_seconds>=1000"}, []string{"no a", "wall_seconds is 250"}},
		{"no condition", good, []string{"wall_seconds"}, []string{"no condition"}},
		{"no JSON", "Not found", []string{"a>=1"}, []string{"no JSON object"}},
		{"cut off", good[:20], []string{"a>=1"}, []string{"no JSON object"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "summary.json")
			if err := os.WriteFile(path, []byte(test.json), 0o644); err != nil {
				t.Fatal(err)
			}
			err := checkFile(path, test.conditions)
			if (err == nil) != (test.want == nil) {
				t.Fatalf("error %v, want one that says %q", err, test.want)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
	if err := checkFile(filepath.Join(t.TempDir(), "absent.json"), []string{"a>=1"}); err == nil {
		t.Error("no error for a file that is not there")
	}
}
