package captions_test

import (
	"fmt"
	"log"

	"gomm/mmlib/data/captions"
)

// The names of classes and templates make captions; as a file they lie in a run's folder.
func Example() {
	classes := captions.Classes{
		{Language: "en", Names: []string{"cat", "dog"}, Templates: []string{"a photo of a %s", "one %s"}},
		{Language: "zh", Names: []string{"猫", "狗"}, Templates: []string{"一只%s"}},
	}
	for _, v := range classes {
		fmt.Println(v.Language, v.Prompts())
	}
	file, err := classes[1:].File()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", file)
	// Output:
	// en [[a photo of a cat one cat] [a photo of a dog one dog]]
	// zh [[一只猫] [一只狗]]
	// [
	//   {
	//     "language": "zh",
	//     "names": [
	//       "猫",
	//       "狗"
	//     ],
	//     "templates": [
	//       "一只%s"
	//     ]
	//   }
	// ]
}
