// Package plugin finds, fetches and verifies PJRT plugins: the shared libraries with which XLA compiles and runs programs on
// a device.
//
// # What a plugin is
//
// PJRT is XLA's interface between a framework and a device. A plugin is one file, such as pjrt_c_api_cpu_plugin.so, with one
// exported function, GetPjrtApi, that gives a table of functions: compile this StableHLO program, move this buffer, run. A
// program opens the file when it starts, so gomm itself is built without XLA's sources and a plugin can come later.
//
// # Where one is looked for
//
// [Find] looks at the folders of PJRT_PLUGIN_LIBRARY_PATH first; if these hold a plugin, nothing else counts. Then come the
// folders into which go-xla installs (~/.local/lib/go-xla and /usr/local/lib/go-xla) and our own cache, [Dir]. Of several
// plugins the one for the fastest device wins: CUDA, then TPU, then CPU. A CUDA or TPU plugin counts only where such a device
// seems to be present.
//
// # Where one comes from
//
// [Fetch] gets a CPU plugin from a Python wheel, which is a zip file; no Python is needed. The wheel's name, size and SHA-256
// sum are constants of this package, and so are those of the library inside, so what is installed is what was tested. A
// download that is cut goes on where it stopped; nothing is ever visible under its final name before it is complete,
// verified and written to the disk; two processes that fetch at once make one download. [FetchCUDA] and [FetchTPU] leave the work
// to go-xla's installer.
//
// Where fetching fails, for want of a network, of room on the disk, of a C library that is new enough, the error says what to do,
// nothing half-installed stays behind, and gomm runs on the pure Go backend as before.
//
// The package needs no cgo and does not load any plugin: that is package xla's work.
package plugin
