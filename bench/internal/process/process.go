// Package process runs a program that a benchmark asks for measurements: commands go in, one a line, and the program
// answers each with one line of JSON. What it says on stderr is passed on.
package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Process is a program that was started.
type Process struct {
	name    string // for messages
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	closed  bool
}

// Start starts a command. Name says in messages who it is, as in "the PyTorch peer".
func Start(name string, command *exec.Cmd) (*Process, error) {
	p := &Process{name: name, command: command}
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	return p, nil
}

// Ask sends a command and decodes the answer, see [Process.Answer].
func (p *Process) Ask(answer any, format string, args ...any) error {
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", p.name, err), p.Close())
	}
	return p.Answer(answer)
}

// Answer decodes the next line of the program. An answer with a text at "error" is an error, and so is the program's end.
func (p *Process) Answer(answer any) error {
	if !p.out.Scan() {
		return errors.Join(fmt.Errorf("%s ended without an answer; its own message, if it had one, is above", p.name), p.out.Err(), p.Close())
	}
	var failed struct {
		Error string `json:"error"`
	}
	err := json.Unmarshal(p.out.Bytes(), &failed)
	if err == nil {
		err = json.Unmarshal(p.out.Bytes(), answer)
	}
	if err != nil {
		return fmt.Errorf("%s said %q: %w", p.name, p.out.Text(), err)
	}
	if failed.Error != "" {
		return fmt.Errorf("%s: %s", p.name, failed.Error)
	}
	return nil
}

// Close ends the program, by the end of its stdin, and waits for it. A second call does nothing.
func (p *Process) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	err := p.in.Close()
	if waited := p.command.Wait(); waited != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", p.name, waited))
	}
	return err
}
