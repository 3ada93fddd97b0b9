package report

import (
	"strings"
	"testing"

	"gonum.org/v1/plot/vg/draw"
)

// TestChartAxis: charts with the same Low and High have the same vertical axis, whatever they show, and refuse what it does
// not hold.
func TestChartAxis(t *testing.T) {
	chart := func(low, high float64, y ...float64) Chart {
		x := make([]float64, len(y))
		for i := range x {
			x[i] = float64(i)
		}
		return Chart{Title: "c", Series: []Series{{X: x, Y: y}}, Low: low, High: high}
	}
	for _, c := range []struct {
		name      string
		chart     Chart
		low, high float64
	}{
		{"given", chart(0, 1, 0.05, 0.07), 0, 1},
		{"given, other values", chart(0, 1, 0, 0.9), 0, 1},
		{"of the values", chart(0, 0, 2, 4), 1.92, 4.08},
	} {
		p, err := c.chart.plot()
		if err != nil {
			t.Fatal(err)
		}
		if p.Y.Min != c.low || p.Y.Max != c.high {
			t.Errorf("%s: the axis goes from %g to %g, want %g to %g", c.name, p.Y.Min, p.Y.Max, c.low, c.high)
		}
	}
	for _, c := range []struct {
		chart Chart
		want  string
	}{
		{chart(0, 1, 0.5, 1.5), "0.5 to 1.5, outside of the axis from 0 to 1"},
		{chart(1, 0, 0.5), "from 1 to 0; Low must be below High"},
	} {
		if _, err := c.chart.SVG(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// TestChartLegend: the legend stands beside a short title, and below one that leaves it no room: the curves begin lower then.
func TestChartLegend(t *testing.T) {
	strip := func(title string) (y float64) {
		c := Chart{Title: title, Series: []Series{{Name: "with the history", X: []float64{0, 1}, Y: []float64{0, 1}},
			{Name: "without the history", X: []float64{0, 1}, Y: []float64{1, 0}}}}
		_, err := drawSVG("c", chartWidth, chartHeight, func(canvas draw.Canvas) error {
			y = float64(c.drawTitle(canvas))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return y
	}
	long := "Answers that are right in each round of the dialogue, and the share of all rounds"
	if short, below := strip("Right answers"), strip(long); short != titleHeight || below != titleHeight+legendHeight {
		t.Errorf("the strips of a short and a long title are %g and %g high", short, below)
	}
}
