//go:build linux && amd64

package plugin

import (
	"path/filepath"

	"github.com/gomlx/go-xla/installer"
)

// hasTPU looks for what go-xla looks for, Google's library in a system folder, and for the devices of a TPU machine.
func hasTPU() bool {
	devices, err := filepath.Glob("/dev/accel[0-9]*")
	return installer.HasTPU() || (err == nil && len(devices) > 0)
}

func installCUDA(goXLA string) error {
	return installer.CudaInstall("cuda13", "latest", goXLA, true, installer.Normal)
}

func installTPU(goXLA string) error {
	return installer.TPUInstall("tpu", "latest", goXLA, true, installer.Normal)
}
