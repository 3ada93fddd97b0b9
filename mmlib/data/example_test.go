package data_test

import (
	"context"
	"fmt"
	"log"

	"gomm/mmlib/data"
)

// squares is a source of numbers: the smallest there can be.
type squares struct {
	Count int `json:"count"`
}

func (s *squares) String() string { return "squares" }

func (s *squares) Validate() error {
	if s.Count < 1 {
		return fmt.Errorf("count is %d: it must be at least 1", s.Count)
	}
	return nil
}

func (s *squares) Load(context.Context, data.Options) (map[string]data.Set, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("data.%w", err)
	}
	return map[string]data.Set{data.Train: numbers(s.Count)}, nil
}

type numbers int

func (n numbers) Len() int { return int(n) }

// Example loads the splits of a source.
func Example() {
	var source data.Source = &squares{Count: 3}
	splits, err := source.Load(context.Background(), data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(source, splits[data.Train].Len())
	_, err = (&squares{}).Load(context.Background(), data.Options{})
	fmt.Println(err)
	// Output:
	// squares 3
	// data.count is 0: it must be at least 1
}
