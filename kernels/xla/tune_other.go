//go:build !linux

package xla

// TuneMemory does nothing here: the settings are those of Linux's C library.
func TuneMemory() {}
