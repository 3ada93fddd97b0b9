package report_test

import (
	"fmt"
	"os"
	"path/filepath"

	"gomm/mmlib/report"
)

// A report of a training run of three steps: its results, its curve, and a section for which nothing was measured.
func Example() {
	results, err := report.Results([]report.Accuracy{{Name: "zero-shot", Right: 9784, Total: 10000}})
	if err != nil {
		fmt.Println(err)
		return
	}
	page := report.Page{
		Title: "CLIP on MNIST",
		Sections: []report.Section{
			results,
			report.Curves(report.Training{
				Loss:  report.Series{Name: "training", X: []float64{1, 2, 3}, Y: []float64{5.5, 4.1, 3.4}},
				Floor: 3.26, FloorLabel: report.ContrastiveFloor(3.26),
			}),
			report.Confused(),
		},
	}
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := page.WriteFile(filepath.Join(dir, "report.html")); err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range page.Sections {
		fmt.Println(s.Title, len(s.Blocks))
	}

	page.Sections = []report.Section{{Title: "Broken", Blocks: []report.Block{report.Gallery{Title: "digits"}}}}
	_, err = page.HTML()
	fmt.Println(err)
	// Output:
	// Results 1
	// Training 1
	// Confusion matrix 0
	// section "Broken": report: gallery "digits" has no pictures; leave it out
}

func ExampleAccuracy_Wilson() {
	low, high, err := report.Accuracy{Name: "zero-shot", Right: 9784, Total: 10000}.Wilson()
	fmt.Printf("%.4f to %.4f, %v\n", low, high, err)
	// Output: 0.9754 to 0.9811, <nil>
}
