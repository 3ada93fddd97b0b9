// Package quiet keeps go-xla from complaining before main begins.
//
// When it is initialised, go-xla lists the folders in which it would look for plugins, and writes an error to the standard error
// output if there is no home folder (as in many containers and services) or no /etc/ld.so.conf (as on Alpine). Neither
// is a fault: gomm finds plugins by itself and names them by their paths. With PJRT_PLUGIN_LIBRARY_PATH set go-xla makes no list,
// so this package sets the variable for as long as that takes.
//
// Go initialises packages in the order of their paths, as soon as all that they import is initialised. This one imports only
// the standard library, and go-xla waits for k8s.io/klog, which comes after gomm/… in that order.
package quiet

import (
	"os"
	"runtime"
)

const variable = "PJRT_PLUGIN_LIBRARY_PATH"

var borrowed bool

func init() {
	_, given := os.LookupEnv(variable)
	_, homeless := os.UserHomeDir()
	_, unlisted := os.Stat("/etc/ld.so.conf")
	if given || homeless == nil && (runtime.GOOS != "linux" || unlisted == nil) {
		return
	}
	borrowed = os.Setenv(variable, "/usr/local/lib/go-xla:/usr/local/lib/go-xla/nvidia") == nil
}

// Restore takes the variable away again. Whoever imports go-xla calls it when it is initialised itself.
func Restore() {
	if borrowed {
		borrowed = false
		os.Unsetenv(variable)
	}
}
