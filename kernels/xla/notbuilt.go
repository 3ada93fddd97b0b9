//go:build !(cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)))

package xla

// Built reports whether XLA is part of this program.
const Built = false
