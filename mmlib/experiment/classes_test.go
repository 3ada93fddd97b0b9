package experiment

import (
	"testing"

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
)

// TestAcceptsClasses: a classifier of digits takes digits, and refuses clothes by the names of both.
func TestAcceptsClasses(t *testing.T) {
	digits, clothes := &mnist.Set{Name: mnist.MNIST}, &mnist.Set{Name: mnist.Fashion}
	m := &models.Model{Classes: digits.Classes()}
	check.Must(t, acceptsClasses(m, digits))
	check.Error(t, acceptsClasses(m, clothes), "knows the classes zero, one,", "are of t-shirt, ", "has no other classes")
}
