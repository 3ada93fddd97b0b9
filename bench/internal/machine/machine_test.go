package machine

import (
	"strings"
	"testing"
)

func TestThis(t *testing.T) {
	if m := This(); m.Cores < 1 || m.CPU == "" || m.OS == "" || m.Arch == "" {
		t.Errorf("incomplete: %+v", m)
	}
	if v := Versions(); !strings.HasPrefix(v["go"], "go1") && !strings.HasPrefix(v["go"], "devel") {
		t.Errorf("the version of Go is %q", v["go"])
	}
}
