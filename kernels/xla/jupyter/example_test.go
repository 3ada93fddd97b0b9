package jupyter_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gomm/kernels/xla/jupyter"
)

// Installs a kernel for the Jupyter of a virtual environment.
func ExampleKernel_Install() {
	venv, err := os.MkdirTemp("", "venv")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(venv)
	k := jupyter.Kernel{Name: "gomm", Display: "Go · gomm (XLA)", Module: "/src/gomm", Bin: "/src/gomm/bin"}
	dir, err := k.Install(jupyter.EnvironmentDir(venv), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	rel, _ := filepath.Rel(venv, dir)
	fmt.Println(rel)
	fmt.Println(jupyter.List(jupyter.EnvironmentDir(venv))[0].Display)
	// Output:
	// share/jupyter/kernels/gomm
	// Go · gomm (XLA)
}
