package scenes_test

import (
	"context"
	"fmt"
	"strings"

	"gomm/mmlib/data"
	"gomm/mmlib/data/scenes"
)

// A scene is drawn from a seed and a number; what is said of it, too.
func Example() {
	splits, err := scenes.Default().Load(context.Background(), data.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	test := splits[data.Test].(*scenes.Set)
	fmt.Println(test.Scene(1))
	for _, part := range strings.Split(test.Caption(1, nil), "; ") {
		fmt.Println(part)
	}
	for _, q := range test.Questions(1, 3, nil) {
		fmt.Println(q.Text, q.Answer)
	}
	// Output:
	// 9 green/white/stroke, 3 purple/yellow/flat, 1 purple/white/flat, 0 blue/cyan/flat
	// a stroke green 9 on white at the top left
	// a flat purple 3 on yellow at the top right
	// a flat purple 1 on white at the bottom left
	// a flat blue 0 on cyan at the bottom right
	// how many digits are stroke? 1
	// are the digits at the top left and at the top right of the same color? no
	// is there a flat digit on yellow? yes
}

func ExampleParseCaption() {
	for _, f := range scenes.ParseCaption("top right: 7, red on cyan", 2) {
		fmt.Println(f.Cell, f.Attribute, f.Attribute.Value(f.Value))
	}
	// Output:
	// 1 digit 7
	// 1 color red
	// 1 background cyan
}
