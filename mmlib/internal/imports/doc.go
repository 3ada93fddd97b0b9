// Package imports holds only a test: that our packages import each other in one direction, and what else they may import.
//
// The rules are the table in rules_test.go, one row a package or a group of them. A package without a row fails the test,
// so whoever adds one says where in the house it belongs. The example is the standard library's go/build/deps_test.go.
package imports
