package outside

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program is what a user of mmlib writes: it takes part of the library that needs GoMLX and part that does not.
const program = `package main

import (
	"fmt"

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/task"
)

func main() {
	names, err := mnist.Classes(mnist.MNIST, "en")
	if err != nil {
		panic(err)
	}
	var batch task.Batch
	fmt.Println(names[7], len(batch.Inputs))
}
`

// TestImportFromOutside makes a module beside this one, joins the two by a workspace, and runs its program. A workspace reads the
// go.mod of every module that is named anywhere, which the go command fetches where a build of gomm alone has not needed it; once
// they are there, no network is asked for anything.
func TestImportFromOutside(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "mine")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	proxy := os.Getenv("GOPROXY")
	run := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		// A go.work or flags of the one who runs the tests must not help or disturb.
		cmd.Env = append(os.Environ(), "GOWORK=", "GOPROXY="+proxy, "GOFLAGS=", "GOTOOLCHAIN=local")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	gomm := filepath.Dir(run(".", "env", "GOMOD"))
	run(mine, "mod", "init", "example.com/mine")
	run(dir, "work", "init", gomm, "./mine")
	if err := os.WriteFile(filepath.Join(mine, "main.go"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	run(mine, "list", "-deps", ".") // fetches go.mod files that are not here yet
	proxy = "off"
	if got, want := run(mine, "run", "."), "seven 0"; got != want {
		t.Errorf("the program outside says %q, want %q", got, want)
	}
}
