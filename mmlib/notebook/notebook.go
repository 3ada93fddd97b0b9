// Package notebook is for cells of a Jupyter notebook with the kernel "Go · gomm": it shows what package report draws, and
// carries values from one cell to the next.
//
// GoNB, the kernel, compiles and runs each cell as a program of its own. What a cell declares, functions and types, the
// later cells have too; the values of its variables are gone when it ends. So a cell saves what it has computed, and a later
// cell loads it:
//
//	%%                                                  // a cell
//	vectors := nb.Must(eval.OnPictures(session, "image", pictures))
//	nb.Save("vectors", vectors)
//
//	%%                                                  // a later cell
//	vectors := nb.Load[eval.Matrix]("vectors")
//
// It is like a variable of the notebook: saving again replaces it, and it ends with the kernel. Files of any kind, such as a
// run folder, live in [Dir] in the same way.
//
// [Must] and [Check] end a cell on an error, with the error alone; a program that is not a notebook's handles its errors.
// The lessons import the package as nb. An import with a dot does not compile in cells that use nothing of it.
package notebook

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// Must returns the value, or ends the cell with the error.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

// Must2 is Must for two values.
func Must2[A, B any](a A, b B, err error) (A, B) {
	Check(err)
	return a, b
}

// Check ends the cell if there is an error.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", explain(err))
		exit(1)
	}
}

// explain adds what to do where something of this notebook's session is missing: a run that no cell has made yet.
func explain(err error) error {
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(err.Error(), sessionFolder()) {
		return fmt.Errorf("%w\nRun the cell above that makes it first: Run → Run All Above Selected Cell", err)
	}
	return err
}

// exit ends the program; tests put something else in its place.
var exit = func(status int) {
	gonbui.Sync() // what was shown before is not lost
	os.Exit(status)
}

// send hands data of several MIME types to the notebook; tests put something else in its place.
var send = func(data map[protocol.MIMEType]any) error {
	if os.Getenv(protocol.GONB_PIPE_ENV) == "" {
		return fmt.Errorf("notebook: this program is not a cell of a notebook, so that nothing can be shown; run it with the kernel \"Go · " +
			"gomm\"")
	}
	gonbui.SendData(&protocol.DisplayData{Data: data})
	gonbui.Sync() // what is printed afterwards comes below
	return gonbui.Error()
}
