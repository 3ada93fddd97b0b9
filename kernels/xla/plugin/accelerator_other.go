//go:build !(linux && amd64)

package plugin

func hasTPU() bool { return false }

var installCUDA, installTPU func(goXLA string) error // go-xla has none here
