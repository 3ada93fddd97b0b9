package mnist_test

import (
	"fmt"
	"log"

	"gomm/mmlib/data/mnist"
)

// Loads MNIST and draws its first training picture.
func Example() {
	train, test, err := mnist.Load(mnist.MNIST, mnist.Options{})
	if err != nil {
		log.Fatal(err)
	}
	names, err := mnist.Classes(mnist.MNIST, "en")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train.Len(), test.Len())
	fmt.Println("a", names[train.Class(0)])
	pixels := train.Image(0)
	for y := 5; y < 25; y++ {
		for x := 4; x < 24; x++ {
			fmt.Printf("%c", " .+#"[pixels[y*mnist.Side+x]/64])
		}
		fmt.Println("|")
	}
	// Output:
	// 60000 10000
	// a five
	//             .++ +##.|
	//       .++######+###.|
	//     ##########...   |
	//     #######+##      |
	//     .+.###   +      |
	//        +#.          |
	//        +#+          |
	//         +#.         |
	//          ##+.       |
	//          .###.      |
	//            +##+     |
	//             .##+    |
	//              ###.   |
	//            ++###    |
	//          +#####+    |
	//        .######.     |
	//      .######.       |
	//    +######.         |
	//  +######+           |
	// +####++             |
}

// Writes the captions of a class, two of each language.
func ExampleTemplates() {
	for _, lang := range mnist.Languages() {
		names, err := mnist.Classes(mnist.MNIST, lang)
		if err != nil {
			log.Fatal(err)
		}
		templates, err := mnist.Templates(mnist.MNIST, lang)
		if err != nil {
			log.Fatal(err)
		}
		for _, t := range templates[:2] {
			fmt.Printf(t+"\n", names[7])
		}
	}
	// Output:
	// a photo of the digit seven.
	// a photo of the number seven.
	// 一张数字七的照片
	// 数字七的图片
}
