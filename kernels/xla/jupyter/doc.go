// Package jupyter makes gomm's kernel known to Jupyter: "Go · gomm (XLA)", in whose cells import "gomm/mmlib/…" works and
// computes with XLA.
//
// A kernel is the program that runs a notebook's cells. Jupyter finds it by a folder, kernels/NAME, in one of the places
// where it looks ([Dirs]); the file kernel.json in it says how the program is started, with which environment. The program
// is GoNB (github.com/janpfeifer/gonb), which compiles each cell with the go command and runs it. What [Kernel.Install] adds:
//
//   - -go_work names gomm's folder, so that every notebook's go.work holds this very checkout of the module;
//   - GoNB's log is off; to see what it does, take the flags about it out of kernel.json;
//   - PATH begins with the folder of GoNB's helpers (goimports, gopls) and that of go, for Jupyter may be started
//     from a desktop, which knows neither;
//   - GOMLX_BACKEND names the backend, and the variables under which gomm itself is built and runs fastest are
//     set alike, so that cells find the build cache warm.
//
// [BuildTools] makes GoNB and its helpers, in the versions that go.mod names. `gomm kernel` is the command for all this.
//
// # Two checkouts side by side
//
// A virtual environment has kernels of its own, in share/jupyter: there each checkout's kernel can be called gomm. The kernels of a
// user share one folder; in it [Kernel.Install] does not replace the kernel of another checkout.
package jupyter
