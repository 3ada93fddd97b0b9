// Package xla opens the backend on which graphs are compiled and run: XLA where a PJRT plugin is installed, GoMLX's pure Go
// backend where none is.
//
//	backend, err := xla.Open()
//
// # Which backend
//
// [Open] follows the environment variable GOMLX_BACKEND if it is set:
//
//	GOMLX_BACKEND=xla              XLA with the best plugin that is installed
//	GOMLX_BACKEND=xla:cpu          XLA on the CPU; likewise xla:cuda and xla:tpu
//	GOMLX_BACKEND=xla:/a/file.so   XLA with the plugin in a file
//	GOMLX_BACKEND=go               the pure Go backend: slower, but with nothing to install
//
// Options follow after commas, as in xla:cuda,memory_fraction=0.5 or go:parallelism=2. Without the variable it takes the best
// plugin that package plugin finds (CUDA, then TPU, then CPU), and the Go backend when there is none, saying so in one line on
// [Notices]. It never fetches anything: go-xla's habit of installing plugins by itself is switched off, and
// `gomm data plugin` is the way to get one.
//
// Two settings are added unless the caller gives them: parallelism=-1 (as many workers as are needed) for the Go backend, because its
// default can deadlock in training, and preallocate=false for CUDA, because XLA else takes three quarters of the GPU's memory at start.
//
// # One backend a process
//
// A PJRT client owns thread pools, device memory and compiled programs, so Open makes one for each choice and gives the same one
// to everybody who asks again. Nobody needs to finalize it: it ends with the process. If somebody does, the
// next Open makes a new one.
//
// # Memory
//
// [TuneMemory], called first thing in main, makes XLA on a CPU up to one and a half times as fast on Linux, by sparing it the
// system's page faults; its comment says how. The gomm command does so, and the notebooks' kernel sets the variable [TunablesVar]
// for its cells. Elsewhere, set it before the process starts:
//
//	GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592:glibc.malloc.hugetlb=1
//
// # Without cgo
//
// The build tag noxla leaves XLA out, and so does building without cgo, which is what Go does where it finds no C compiler.
// Then only the Go backend is known; see [Built].
//
// # What became of gopjrt
//
// Older texts on XLA in Go speak of github.com/gomlx/gopjrt. Its author has deprecated it; github.com/gomlx/go-xla is the successor, with
// the same code under new names, and GoMLX 0.28 is built on it. So does this package. The names map like this:
//
//	gopjrt/pjrt                     go-xla/pjrt           plugins, clients, buffers, executables: the same API
//	gopjrt/dtypes                   compute/dtypes        types of elements
//	gopjrt/xlabuilder               go-xla/stablehlo      building programs, now as StableHLO text and without C++
//	gopjrt/cmd/gopjrt_installer     go-xla/installer      fetching plugins
//	gomlx/backends/xla              go-xla/compute/xla    GoMLX's XLA backend
//	gomlx/backends                  compute               the interface of backends
//	gomlx/backends/simplego         compute/gobackend     the pure Go backend
//	~/.local/lib/gomlx/pjrt         ~/.local/lib/go-xla   where plugins are installed
package xla
