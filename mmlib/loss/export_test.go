package loss

// RunsLean is runsLean, for the tests.
var RunsLean = runsLean
