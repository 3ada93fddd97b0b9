package plugin

// Status is what [Check] found, for people and for `gomm doctor`.
type Status struct {
	Plugin          // what Find finds; empty if nothing is installed
	OK       bool   // installed, and intact as far as can be known
	Verified bool   // the library is the pinned one, byte for byte
	Problem  string // why OK is false
	Remedy   string // what to do about it: a command, or a sentence where no command helps
}

// Check is [Find] with a closer look: a plugin in our cache is compared with its SHA-256 sum, which takes a second or
// less. Plugins from elsewhere have no sum that we know.
func Check() Status {
	return check(search(places(), present), thisSystem(), cpuWheel)
}

func check(installed []Plugin, s system, w wheel) Status {
	if len(installed) == 0 {
		if err := s.supports(w); err != nil {
			return Status{Problem: err.Error(), Remedy: "none is needed: gomm runs on the pure Go backend"}
		}
		return Status{Problem: "no XLA plugin is installed", Remedy: Command}
	}
	status := Status{Plugin: installed[0], OK: true}
	if status.From == FromCache {
		if err := w.examine(status.Path); err != nil {
			return Status{Plugin: installed[0], Problem: err.Error(), Remedy: Command}
		}
		status.Verified = true
	}
	return status
}
