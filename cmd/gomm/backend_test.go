package main

import (
	"context"
	"strings"
	"testing"
)

// TestTryBackend opens the real backend, whichever this machine has.
func TestTryBackend(t *testing.T) {
	found, err := tryBackend(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(found, "compiled and ran a graph in") {
		t.Errorf("the backend is described as %q", found)
	}
}

func TestTryBackendNamesABadOne(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "abacus")
	if found, err := tryBackend(context.Background()); err == nil || !strings.Contains(err.Error(), "abacus") {
		t.Errorf("GOMLX_BACKEND=abacus gives %q and the error %v, want an error that names it", found, err)
	}
}
