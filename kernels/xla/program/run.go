//go:build cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64))

package program

import (
	"errors"
	"fmt"

	"github.com/gomlx/go-xla/pjrt"

	"gomm/kernels/xla/internal/quiet"
	"gomm/kernels/xla/plugin"
)

func init() { quiet.Restore() }

// run does what a.Run says, with inputs of the right length.
func (a Attention) run(text string, q, k, v []float32) (z []float32, err error) {
	path, kind, ok := plugin.Find()
	if !ok {
		return nil, fmt.Errorf("program: no XLA plugin is installed; get one with: %s", plugin.Command)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
		if err != nil {
			z, err = nil, fmt.Errorf("program: the %s plugin %s: %w", kind, path, err)
		}
	}()

	if err := plugin.Verify(path); err != nil {
		return nil, err
	}
	// The plugin is XLA for one kind of device, a shared library; it stays loaded. The client holds the devices.
	xla, err := pjrt.GetPlugin(path)
	if err != nil {
		return nil, err
	}
	options := pjrt.NamedValuesMap{}
	if kind == plugin.CUDA {
		options["preallocate"] = false // else the client takes three quarters of the GPU's memory
	}
	client, err := xla.NewClient(options)
	if err != nil {
		return nil, err
	}
	defer destroy(client, &err)

	// From text to machine code. This is the slow part; an executable can run many times.
	executable, err := client.Compile().WithStableHLO([]byte(text)).Done()
	if err != nil {
		return nil, err
	}
	defer destroy(executable, &err)

	// To the device, run, and back.
	inputs := make([]*pjrt.Buffer, 3)
	for i, values := range [][]float32{q, k, v} {
		if inputs[i], err = pjrt.ArrayToBuffer(client, values, len(values)/a.K, a.K); err != nil {
			return nil, err
		}
		defer destroy(inputs[i], &err)
	}
	outputs, err := executable.Execute(inputs...).Done()
	if err != nil {
		return nil, err
	}
	defer destroy(outputs[0], &err)
	z, _, err = pjrt.BufferToArray[float32](outputs[0])
	return z, err
}

// destroy gives back what Go's garbage collector does not see.
func destroy(x interface{ Destroy() error }, err *error) { *err = errors.Join(*err, x.Destroy()) }
