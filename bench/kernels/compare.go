package main

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
)

// tolerance is the largest difference that rounding explains, relative to the largest number of a tensor.
const tolerance = 1e-4

// compare compares the outputs of all with those of plain, or, where that takes too much memory, of PyTorch. When only one
// implementation is left there is nothing to compare it with, and its row has no difference.
func compare(entrants []*entrant) error {
	if len(entrants) < 2 {
		return nil
	}
	reference := entrants[0]
	if reference.job.Impl == leanly {
		reference = entrants[1]
	}
	var err error
	for _, e := range entrants {
		if e != reference {
			err = errors.Join(err, e.fail(e.compare(reference)))
		}
	}
	return err
}

func (e *entrant) compare(reference *entrant) error {
	worst, where := 0.0, ""
	for _, name := range e.job.outputs() {
		want, err := readFloats(filepath.Join(reference.job.Folder, name+".f32"))
		if err != nil {
			return err
		}
		got, err := readFloats(filepath.Join(e.job.Folder, name+".f32"))
		if err != nil {
			return err
		}
		d, err := difference(got, want)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if d >= worst {
			worst, where = d, name
		}
	}
	e.row.Difference, e.row.Against = &worst, reference.job.Impl
	if worst > tolerance {
		return fmt.Errorf("%s differs from %s by %.2g of its largest number; rounding explains no more than %g", where, reference.job.Impl,
			worst, tolerance)
	}
	return nil
}

// difference is the largest |got − want|, relative to the largest |want|.
func difference(got, want []float32) (float64, error) {
	if len(got) != len(want) || len(got) == 0 {
		return 0, fmt.Errorf("there are %d numbers to compare with %d", len(got), len(want))
	}
	var apart, largest float64
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return 0, fmt.Errorf("number %d is %g, and %g in what it is compared with", i, got[i], want[i])
		}
		apart, largest = max(apart, d), max(largest, math.Abs(float64(want[i])))
	}
	if apart == 0 {
		return 0, nil
	}
	return apart / max(largest, math.SmallestNonzeroFloat32), nil
}

// joined is errors.Join of a list and more.
func joined(list []error, more ...error) error { return errors.Join(append(list, more...)...) }
