package book_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"gomm/mmlib/data"
	"gomm/mmlib/data/book"
)

// Newton's Opticks comes with Go. Its last tenth is where a model is tested.
func Example() {
	splits, err := book.Default().Load(context.Background(), data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{data.Train, data.Validation, data.Test} {
		set := splits[name].(*book.Set)
		line, _, _ := strings.Cut(set.Text(), "\n")
		fmt.Printf("%-10s %6d characters: %s\n", name, set.Len(), line)
	}
	// Output:
	// train      453667 characters: Produced by Suzanne Lybarger, steve harris, Josephine
	// validation  56694 characters:           1-1/2.             |             0'012
	// test        56677 characters: Instinct in Animals? Is not the Sensory of Animals that place to which
}
