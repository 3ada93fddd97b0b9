package attention

// What the tests look at from the outside.
var (
	UsesLean = Options.lean
	RunsLean = runsLean
)
