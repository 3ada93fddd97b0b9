package plugin

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// What was found intact is believed until the file changes, unless somebody looks closely and finds it damaged.
func TestIntact(t *testing.T) {
	in, _ := newFake(t)
	mustInstall(t, in)
	library := in.wheel.library(in.dir)
	check := func(damaged bool) {
		t.Helper()
		err := in.wheel.intact(library)
		if !damaged && err != nil || damaged && (err == nil || !strings.Contains(err.Error(), library+" is damaged") ||
			!strings.Contains(err.Error(), Command)) {
			t.Errorf("%v, want damaged: %v", err, damaged)
		}
	}
	check(false)
	if !exists(record(library)) {
		t.Fatal("no record")
	}
	info, err := os.Stat(library)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(fakeLibrary)
	flipped[20_000] ^= 1
	put(t, library, flipped)
	later := info.ModTime().Add(time.Second) // the write may have come within one tick of the file system's clock
	if err := os.Chtimes(library, later, later); err != nil {
		t.Fatal(err)
	}
	check(true)
	check(true)
	mustInstall(t, in)
	check(false)

	// The time of the change is lost: only a closer look finds the damage, and it is not forgotten.
	if info, err = os.Stat(library); err != nil {
		t.Fatal(err)
	}
	put(t, library, flipped)
	if err := os.Chtimes(library, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	check(false)
	if s := closeLook(in, library); s.OK {
		t.Error("Check finds nothing wrong")
	}
	check(true)
}

func closeLook(in *installation, library string) Status {
	return check([]Plugin{{library, CPU, FromCache}}, in.system, in.wheel)
}

// A record that cannot be written is no error.
func TestIntactWithoutRecord(t *testing.T) {
	in, _ := newFake(t)
	mustInstall(t, in)
	library := in.wheel.library(in.dir)
	put(t, record(library)+"/in the way", nil)
	if err := in.wheel.intact(library); err != nil {
		t.Error(err)
	}
}

// Verify judges our own plugin alone.
func TestVerify(t *testing.T) {
	home, cache := emptyHome(t)
	ours := cpuWheel.library(cache)
	put(t, ours, []byte("x"))
	if err := os.Truncate(ours, cpuWheel.librarySize); err != nil {
		t.Fatal(err)
	}
	if err := Verify(ours); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("zeros for a plugin: %v", err)
	}
	theirs := home + "/" + fileName(CPU)
	put(t, theirs, []byte("x"))
	if err := Verify(theirs); err != nil {
		t.Errorf("the user's own: %v", err)
	}
}

// A folder that holds the plugin need not be writable: others may have filled it for all users.
func TestFetchWhereNothingCanBeWritten(t *testing.T) {
	in, s := newFake(t)
	mustInstall(t, in)
	if err := os.Remove(in.wheel.lock(in.dir)); err != nil {
		t.Fatal(err)
	}
	put(t, in.wheel.lock(in.dir)+"/in the way", nil)
	if path, err := in.run(t.Context()); err != nil || path != in.wheel.library(in.dir) {
		t.Errorf("%q, %v", path, err)
	}
	if len(s.asked) != 1 {
		t.Errorf("%d downloads, want one", len(s.asked))
	}
}
