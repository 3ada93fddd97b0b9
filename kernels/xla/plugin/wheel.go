package plugin

import (
	"fmt"
	"os"
	"path/filepath"
)

// wheel is a Python wheel (a zip file) that holds a plugin. Everything that can be checked is written down here.
type wheel struct {
	project string // as the package index knows it
	version string
	file    string // the wheel's name
	size    int64
	sum     string // SHA-256

	member      string // the library's name inside
	librarySize int64
	librarySum  string

	os, arch     string // where it runs
	major, minor int    // the oldest glibc that it runs with
}

// cpuWheel is the CPU plugin that gomm is tested with: the XLA of jaxlib 0.11.2, PJRT API 0.115.
var cpuWheel = wheel{
	project: "lammps-jax-pjrt-cpu",
	version: "0.11.2",
	file:    "lammps_jax_pjrt_cpu-0.11.2-py3-none-manylinux_2_27_x86_64.whl",
	size:    62_711_338,
	sum:     "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",

	member:      "lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so",
	librarySize: 201_600_336,
	librarySum:  "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2",

	os: "linux", arch: "amd64",
	major: 2, minor: 27,
}

// Dir is the folder of our own plugins: gomm/pjrt in the user's cache folder (os.UserCacheDir).
func Dir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for plugins: %w; set HOME or XDG_CACHE_HOME (on Windows LocalAppData) to a folder", err)
	}
	return filepath.Join(base, "gomm", "pjrt"), nil
}

// library is the path of the installed library: a folder for each version, so that two versions of gomm do not
// disturb one another.
func (w wheel) library(dir string) string {
	return filepath.Join(dir, w.project+"-"+w.version, "pjrt_c_api_cpu_plugin.so")
}

// part is where the download lies until it is complete and unpacked, given where a wheel fetched by hand may be put, and lock
// keeps two processes apart.
func (w wheel) part(dir string) string  { return filepath.Join(dir, w.file+".part") }
func (w wheel) given(dir string) string { return filepath.Join(dir, w.file) }
func (w wheel) lock(dir string) string  { return filepath.Join(dir, w.file+".lock") }

// byHand says how to install a wheel without a network.
func (w wheel) byHand(dir string) string {
	return fmt.Sprintf("on another machine run: pip download --no-deps --only-binary :all: --platform manylinux_2_27_x86_64 %s==%s; "+
		"put %s into %s and run %s again", w.project, w.version, w.file, dir, Command)
}
