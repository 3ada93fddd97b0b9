// Package house holds only a test: that files keep the sizes which CONTRIBUTING.md's house rules name.
package house
