package report

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// ticks places marks at round numbers and writes them for people: 2,500 and 0.97 and 3e-4, or 97 % for fractions.
type ticks struct {
	percent bool
	few     bool // half as many, where there is room for no more
}

// Ticks implements plot.Ticker.
func (t ticks) Ticks(low, high float64) []plot.Tick {
	step := niceStep(high - low)
	if t.few {
		step = niceStep(2 * (high - low))
	}
	var marks []plot.Tick
	for first, n := math.Ceil(low/step-1e-9), 0; n < 10; n++ {
		mark := plot.Tick{Value: (first + float64(n)) * step}
		if mark.Value > high+step*1e-9 {
			break
		}
		if t.percent {
			mark.Label = decimal(100*mark.Value, 100*step) + " %"
		} else {
			mark.Label = decimal(mark.Value, step)
		}
		marks = append(marks, mark)
	}
	return marks
}

// niceStep is the round number, 1, 2 or 5 times a power of ten, that divides a range into three to seven parts.
func niceStep(width float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(width)))
	switch parts := width / step; {
	case parts < 1.5:
		return step / 5
	case parts < 3:
		return step / 2
	case parts > 7:
		return step * 2
	}
	return step
}

// decimal writes v with as many digits as tell it from v+step.
func decimal(v, step float64) string {
	digits := 0
	for unit := math.Abs(step); digits <= 3 && math.Abs(unit-math.Round(unit)) > 1e-6*unit; unit *= 10 {
		digits++
	}
	if math.Abs(v) < math.Abs(step)/1e6 {
		return "0"
	}
	if digits > 3 {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 1, 64), "e")
		sign := strings.TrimPrefix(exponent[:1], "+")
		return strings.TrimSuffix(mantissa, ".0") + "e" + sign + strings.TrimLeft(exponent[1:], "0")
	}
	return thousands(strconv.FormatFloat(v, 'f', digits, 64))
}

// thousands sets commas between the thousands of a decimal number: 60000 becomes 60,000.
func thousands(number string) string {
	whole, fraction, hasFraction := strings.Cut(number, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasFraction {
		whole += "." + fraction
	}
	return sign + whole
}
