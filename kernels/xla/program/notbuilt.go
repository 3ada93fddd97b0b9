//go:build !(cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)))

package program

import "errors"

func (a Attention) run(string, []float32, []float32, []float32) ([]float32, error) {
	return nil, errors.New("program: built without XLA, which Run needs; build it with a C compiler and without the tag noxla")
}
