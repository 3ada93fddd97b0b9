package mnist

import (
	"slices"

	"gomm/mmlib/data/captions"
)

// vocabularies holds what there is to say about each data set. The phrases are short, so that a small text encoder suffices,
// and each reads well with every class name; hence "the %s" for clothes, which fits "trousers" and "ankle boot" alike.
var vocabularies = map[string]captions.Classes{
	MNIST: {
		{
			Language: "en",
			Names:    []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
			Templates: []string{
				"a photo of the digit %s.", "a photo of the number %s.", "a handwritten %s", "a handwritten digit %s",
				"the digit %s", "the number %s", "a picture of a handwritten %s",
			},
		},
		{
			Language: "zh",
			Names:    []string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"},
			Templates: []string{
				"一张数字%s的照片", "数字%s的图片", "手写的%s", "手写数字%s", "数字%s", "一个手写的数字%s", "图中的数字是%s",
			},
		},
	},
	Fashion: {
		{
			Language: "en",
			Names:    []string{"t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
			Templates: []string{
				"a photo of the %s.", "a picture of the %s.", "a small grey photo of the %s", "the %s", "the %s in black and white",
				"a catalogue photo of the %s", "the photo shows the %s",
			},
		},
		{
			Language: "zh",
			Names:    []string{"T恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴"},
			Templates: []string{
				"一张%s的照片", "%s的图片", "%s的黑白照片", "%s", "这是%s", "%s的商品照片", "图中的商品是%s",
			},
		},
	},
}

// Languages lists the languages that [Classes] and [Templates] know.
func Languages() []string { return vocabularies[MNIST].Languages() }

// Classes returns the names of the ten classes of a data set, by label, in a language: "en" or "zh".
func Classes(name, language string) ([]string, error) {
	v, err := vocabulary(name, language)
	return slices.Clone(v.Names), err
}

// Templates returns phrases with one %s each, where the name of a class makes a caption of it, in a language: "en" or
// "zh". They say the same in other words: a model that has read them all depends less on the wording of a prompt.
func Templates(name, language string) ([]string, error) {
	v, err := vocabulary(name, language)
	return slices.Clone(v.Templates), err
}

// Prompts returns for each class of a data set its name in every template, in a language: "en" or "zh".
func Prompts(name, language string) ([][]string, error) {
	v, err := vocabulary(name, language)
	return v.Prompts(), err
}

func vocabulary(name, language string) (captions.Vocabulary, error) {
	if _, err := lookup(name); err != nil {
		return captions.Vocabulary{}, err
	}
	return vocabularies[name].In(language)
}
