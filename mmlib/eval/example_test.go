package eval_test

import (
	"fmt"

	"gomm/mmlib/eval"
)

// digits are the true classes of some examples.
type digits []int

func (d digits) Len() int        { return len(d) }
func (d digits) Class(i int) int { return d[i] }

// Zero-shot classification: each class is the mean of its prompts, and a picture is of the class that lies nearest.
func Example() {
	prompts := eval.Matrix{Rows: 4, Width: 2, Data: []float32{1, 0, 0.8, 0.6, 0, 1, -0.6, 0.8}} // two of each of two classes
	classes, err := eval.Ensemble(prompts, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	pictures := eval.Matrix{Rows: 3, Width: 2, Data: []float32{0.8, 0.6, 0, 1, 0.6, 0.8}}
	similarity, err := eval.Similarity(pictures, classes)
	if err != nil {
		fmt.Println(err)
		return
	}
	predictions, err := eval.Predict(eval.Softmax(similarity, 10), digits{0, 1, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("accuracy %.3f\n", eval.Accuracy(predictions))
	for _, x := range eval.Mistakes(predictions, 1) {
		fmt.Printf("example %d is a %d and taken for a %d, probability %.2f\n", x.Example, x.True, x.Predicted, x.Probability)
	}
	// Output:
	// accuracy 0.667
	// example 2 is a 1 and taken for a 0, probability 0.93
}

func ExampleConfusion() {
	counts, err := eval.Confusion([]eval.Prediction{{True: 0, Predicted: 0}, {True: 1, Predicted: 0}, {True: 1, Predicted: 1}}, 2)
	fmt.Println(counts, err)
	// Output:
	// [[1 0] [1 1]] <nil>
}

// Points in space that lie near a line: the first component is the line, and says where on it each point is.
func ExampleNewPCA() {
	points := eval.Matrix{Rows: 4, Width: 3, Data: []float32{1, 1, 0, 2, 2, 0.1, 3, 3, 0, 4, 4, 0.1}}
	pca, err := eval.NewPCA(points, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	along, err := pca.Project(points)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f %% of the variance; along the line %.2f\n", 100*pca.Variance[0]/pca.Total, along.Data)
	// Output: 99.9 % of the variance; along the line [-2.12 -0.71 0.71 2.12]
}
