//go:build cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64))

package xla

import (
	goxla "github.com/gomlx/go-xla/compute/xla" // also registers the backend "xla"

	"gomm/kernels/xla/internal/quiet"
)

// Built reports whether XLA is part of this program.
const Built = true

// go-xla would fetch plugins by itself whenever a backend is made; GOMLX_NO_AUTO_INSTALL would stop it too, but is read before
// we could set it.
func init() {
	quiet.Restore()
	goxla.EnableAutoInstall(false)
}
