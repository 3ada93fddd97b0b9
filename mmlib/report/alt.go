package report

import "strings"

// AltText is what the chart says, for those who cannot see it.
func (c Chart) AltText() string { return either(c.Alt, c.summary()) }

// AltText is what the matrix says, for those who cannot see it.
func (m Matrix) AltText() string { return either(m.Alt, m.Title) }

// AltText is what the confusion says, for those who cannot see it.
func (c Confusion) AltText() string { return either(c.Alt, c.Title+": "+c.summary()) }

// AltText is what the scatter says, for those who cannot see it.
func (s Scatter) AltText() string { return either(s.Alt, s.Title) }

// AltText is the title and what is said of each picture, for those who cannot see them.
func (g Gallery) AltText() string {
	var said []string
	for _, p := range g.Pictures {
		if text := either(p.Alt, strings.Join(strings.Fields(p.Caption+" "+p.Note), " ")); text != "" {
			said = append(said, text)
		}
	}
	list := strings.Join(said, "; ")
	if g.Title == "" || list == "" {
		return g.Title + list
	}
	return g.Title + ": " + list
}

// SameScale returns the matrices with one colour scale, from the smallest value in any of them to the largest, so that a
// colour means the same number in all: before and after, for example.
func SameScale(list ...Matrix) []Matrix {
	var low, high float64
	first := true
	for _, m := range list {
		for _, row := range m.Values {
			for _, v := range row {
				if first {
					low, high, first = v, v, false
				}
				low, high = min(low, v), max(high, v)
			}
		}
	}
	scaled := make([]Matrix, len(list))
	for i, m := range list {
		m.Low, m.High = low, high
		scaled[i] = m
	}
	return scaled
}
