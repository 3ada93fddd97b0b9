// The gomm command trains, measures and uses the models of mmlib. Run it without arguments to see what it can do.
//
// It ends with status 0 when all went well, 1 when something failed, 2 when it was called wrongly, and 130 when it was
// interrupted. Errors are written once, to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla"
)

const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as shells report a program that SIGINT ended
)

func main() {
	xla.TuneMemory()
	os.Exit(untilSignal(func(ctx context.Context) int {
		return runCommand(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	}))
}

// untilSignal runs work with a context that the first Ctrl-C (or SIGTERM) cancels, so that work can save and end. After
// that, signals do what they always do: the second one kills.
func untilSignal(work func(context.Context) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return work(ctx)
}

// runCommand is the whole command with everything it touches passed in, so that tests can call it. It returns the exit status.
func runCommand(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return execute(ctx, newRoot(), args, stdin, stdout, stderr)
}

// execute is runCommand with a root command of the caller's.
func execute(ctx context.Context, root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &checked{Writer: stdout}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	if ui.IsTerminal(stdout) { // what is drawn there depends on its being one
		root.SetOut(stdout)
	}
	root.SetErr(stderr)
	addCompletion(root) // it writes to what SetOut has set
	running := false
	markRunning(root, &running)

	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil && out.err == nil:
		return exitOK
	case err == nil:
		fmt.Fprintln(stderr, "gomm: writing the output:", out.err)
		return exitFailed
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "gomm: interrupted")
		return exitInterrupted
	case !running || errors.As(err, &usage):
		fmt.Fprintf(stderr, "gomm: %s\nRun '%s --help' for how to use it.\n", strings.TrimRight(err.Error(), "\n"), cmd.CommandPath())
		return exitUsage
	default:
		fmt.Fprintln(stderr, "gomm:", err)
		return exitFailed
	}
}

// checked remembers the first error of a writer: what could not be written must not end with status 0, whether a command
// looks at the error or not.
type checked struct {
	io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// usageError marks an error of the one who called: a wrong argument that cobra could not see.
type usageError struct{ error }

// Unwrap makes errors.Is and errors.As look inside.
func (e usageError) Unwrap() error { return e.error }

// usagef returns a usageError. Commands use it for arguments and flags that make no sense.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// markRunning makes every command below c set running when its own work begins. An error before that came from cobra: an
// unknown command or flag, or a wrong number of arguments.
func markRunning(c *cobra.Command, running *bool) {
	for _, sub := range c.Commands() {
		markRunning(sub, running)
	}
	if work := c.RunE; work != nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			*running = true
			return work(cmd, args)
		}
	}
}
