package xla

import (
	"fmt"

	"github.com/gomlx/compute"

	"gomm/kernels/xla/plugin"
)

// goBackendName is what the Go backend calls itself; people select it as "go".
const goBackendName = "Go Backend"

// Describe names a backend in a few words for people: "xla:cpu (4 devices)", "go".
func Describe(b compute.Backend) string {
	if b == nil || b.IsFinalized() {
		return "no backend"
	}
	if b.Name() == goBackendName {
		return "go"
	}
	name := b.Name()
	if p, ok := b.(interface{ PluginName() string }); ok {
		kind, known := plugin.KindOf(p.PluginName())
		if !known {
			kind = plugin.Kind(p.PluginName())
		}
		name += ":" + string(kind)
	}
	if n := b.NumDevices(); n != 1 {
		return fmt.Sprintf("%s (%d devices)", name, n)
	}
	return name + " (1 device)"
}
