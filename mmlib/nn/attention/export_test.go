package attention

// UsesLean is Options.lean, for the tests.
var UsesLean = Options.lean
