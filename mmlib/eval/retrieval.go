package eval

import (
	"fmt"
	"slices"
)

// Ranks are the places, from 1, at which queries find what belongs to them among all items.
type Ranks []int

// Retrieval ranks the items for each query by the dot product, the cosine for rows of length 1. Item i is the one that belongs to
// query i. Among equals it comes last, so that a model to which all is the same finds nothing.
func Retrieval(queries, items Matrix) (Ranks, error) {
	if queries.Rows != items.Rows {
		return nil, fmt.Errorf("eval: %d queries and %d items do not belong together one by one", queries.Rows, items.Rows)
	}
	s, err := Similarity(queries, items)
	if err != nil {
		return nil, err
	}
	ranks := make(Ranks, s.Rows)
	for i := range ranks {
		own := s.Data[i*s.Width+i]
		for _, x := range s.Row(i) {
			if !(x < own) { // its own, too
				ranks[i]++
			}
		}
	}
	return ranks, nil
}

// Within counts the queries that find what belongs to them among the first k: R@k is its share.
func (r Ranks) Within(k int) int {
	n := 0
	for _, rank := range r {
		if rank <= k {
			n++
		}
	}
	return n
}

// Median is the median rank, the mean of the two in the middle of an even number; 0 for none.
func (r Ranks) Median() float64 {
	if len(r) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r))
	return float64(sorted[(len(sorted)-1)/2]+sorted[len(sorted)/2]) / 2
}
