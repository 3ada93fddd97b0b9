package scenes

import (
	"errors"
	"fmt"
	"slices"
)

// posterior is what can be known of hidden words of English captions: Bayes' rule over everything that the generator might have
// written.
type posterior struct {
	set    *Set
	encode func(caption string) ([]int32, error)
	noise  func(shown, token int32, chosen bool) float64
	values [NumAttributes][]int32 // tokens of each attribute's values

	// What one who does not see the scene thinks of: all captions of two scenes that differ in every value.
	zero, one [][]int32
}

// Posterior returns two functions, which give for the chosen tokens of what is shown of a caption of scene i, in their order, the
// probability that the best guess is right: of one who sees the scene, and of one who knows only how captions are written. No model
// guesses better on average: they are the ceiling of masked language modelling.
//
// encode gives a caption the ids that a model reads, of one length; token gives the ids of a word, which must be one, as those of
// text.Words are in English. noise is the probability that a token is shown as another: chosen says that it is one of those to be
// guessed; otherwise that is not known.
func (s *Set) Posterior(encode, token func(string) ([]int32, error), noise func(shown, token int32, chosen bool) float64) (
	seeing, blind func(i int, shown []int32, chosen []bool) ([]float64, error), err error) {
	if !slices.Equal(s.source.Languages, []string{english.name}) {
		return nil, nil, fmt.Errorf("scenes: the posterior is worked out for English captions alone, not for languages %v", s.source.Languages)
	}
	if s.source.Grid > 2 && s.source.Shuffle {
		return nil, nil, fmt.Errorf("scenes: the posterior goes through all orders of cells, too many for a grid of %d", s.source.Grid)
	}
	p := &posterior{set: s, encode: encode, noise: noise}
	for a := range Attribute(NumAttributes) {
		for v := range a.Values() {
			ids, err := token(a.Value(v))
			if err != nil {
				return nil, nil, err
			}
			if len(ids) != 1 {
				return nil, nil, fmt.Errorf("scenes: %q has %d tokens: the posterior needs a tokenizer that makes one of it", a.Value(v), len(ids))
			}
			p.values[a] = append(p.values[a], ids[0])
		}
	}
	n := s.source.Grid * s.source.Grid
	if p.zero, err = p.captions(Scene{Grid: s.source.Grid, Cells: make([]Cell, n)}); err != nil {
		return nil, nil, err
	}
	if p.one, err = p.captions(Scene{Grid: s.source.Grid, Cells: slices.Repeat([]Cell{{1, 1, 1, 1}}, n)}); err != nil {
		return nil, nil, err
	}
	return p.seeing, p.blind, p.aligned()
}

// aligned refuses a tokenizer that gives a value another token in a caption than by itself, or several: byte-pair encoding tells " red"
// from "red".
func (p *posterior) aligned() error {
	for n, caption := range p.zero {
		for k, token := range caption {
			other := p.one[n][k]
			if token != other && !slices.ContainsFunc(p.values[:], func(v []int32) bool { return token == v[0] && other == v[1] }) {
				return errors.New("scenes: the posterior needs a tokenizer of words, which gives each one token wherever it stands")
			}
		}
	}
	return nil
}

// captions are all that may have been written of a scene.
func (p *posterior) captions(scene Scene) ([][]int32, error) {
	orders := [][]int{scene.reading()}
	if p.set.source.Shuffle {
		orders = permutations(len(scene.Cells))
	}
	var list [][]int32
	for _, number := range p.set.wordings {
		for _, order := range orders {
			ids, err := p.encode(english.caption(scene, number, order))
			if err != nil {
				return nil, err
			}
			list = append(list, ids)
		}
	}
	return list, nil
}

// seeing knows the scene.
func (p *posterior) seeing(i int, shown []int32, chosen []bool) ([]float64, error) {
	captions, err := p.captions(p.set.Scene(i))
	if err != nil {
		return nil, err
	}
	return p.best(shown, chosen, func(at int, votes map[int32]float64) {
		for _, ids := range captions {
			weight := 1.0
			for k, token := range ids {
				weight *= p.noise(shown[k], token, k == at)
			}
			votes[ids[at]] += weight
		}
	}), nil
}

// blind knows only that any value of an attribute is as probable as another.
func (p *posterior) blind(_ int, shown []int32, chosen []bool) ([]float64, error) {
	return p.best(shown, chosen, func(at int, votes map[int32]float64) {
		for n, caption := range p.zero {
			weight, own := 1.0, []int32{caption[at]}
			for k, token := range caption {
				if token == p.one[n][k] {
					weight *= p.noise(shown[k], token, k == at)
					continue
				}
				values := p.valuesWith(token)
				if k == at {
					own = values
					continue
				}
				sum := 0.0
				for _, v := range values {
					sum += p.noise(shown[k], v, false)
				}
				weight *= sum / float64(len(values))
			}
			for _, token := range own {
				likely := weight
				if len(own) > 1 {
					likely *= p.noise(shown[at], token, true) / float64(len(own))
				}
				votes[token] += likely
			}
		}
	}), nil
}

// valuesWith are the values of the attribute that has the token.
func (p *posterior) valuesWith(token int32) []int32 {
	for _, values := range p.values {
		if slices.Contains(values, token) {
			return values
		}
	}
	return []int32{token}
}

// best lets every hypothesis vote on each chosen token.
func (p *posterior) best(shown []int32, chosen []bool, vote func(at int, votes map[int32]float64)) []float64 {
	var list []float64
	for at := range shown {
		if !chosen[at] {
			continue
		}
		votes, sum, most := map[int32]float64{}, 0.0, 0.0
		vote(at, votes)
		for _, v := range votes {
			sum, most = sum+v, max(most, v)
		}
		list = append(list, most/sum)
	}
	return list
}

// permutations lists the orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var list [][]int
	for _, rest := range permutations(n - 1) {
		for at := range n {
			list = append(list, slices.Insert(slices.Clone(rest), at, n-1))
		}
	}
	return list
}
