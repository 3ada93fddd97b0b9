package mnist

import (
	"fmt"
	"slices"
)

// vocabulary is what there is to say about the pictures of a data set in one language.
type vocabulary struct{ classes, templates []string }

// words holds the vocabularies: data set, then language. The phrases are short, so that a small text encoder suffices,
// and each reads well with every class name; hence "the %s" for clothes, which fits "trousers" and "ankle boot" alike.
var words = map[string]map[string]vocabulary{
	MNIST: {
		"en": {
			classes: []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
			templates: []string{
				"a photo of the digit %s.", "a photo of the number %s.", "a handwritten %s", "a handwritten digit %s",
				"the digit %s", "the number %s", "a picture of a handwritten %s",
			},
		},
		"zh": {
			classes: []string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"},
			templates: []string{
				"一张数字%s的照片", "数字%s的图片", "手写的%s", "手写数字%s", "数字%s", "一个手写的数字%s", "图中的数字是%s",
			},
		},
	},
	Fashion: {
		"en": {
			classes: []string{"t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"},
			templates: []string{
				"a photo of the %s.", "a picture of the %s.", "a small grey photo of the %s", "the %s", "the %s in black and white",
				"a catalogue photo of the %s", "the photo shows the %s",
			},
		},
		"zh": {
			classes: []string{"T恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴"},
			templates: []string{
				"一张%s的照片", "%s的图片", "%s的黑白照片", "%s", "这是%s", "%s的商品照片", "图中的商品是%s",
			},
		},
	},
}

// Languages lists the languages that [Classes] and [Templates] know.
func Languages() []string { return []string{"en", "zh"} }

// Classes returns the names of the ten classes of a data set, by label, in a language: "en" or "zh".
func Classes(name, lang string) ([]string, error) {
	v, err := vocabularyOf(name, lang)
	return slices.Clone(v.classes), err
}

// Templates returns phrases with one %s each, where the name of a class makes a caption of it, in a language: "en" or
// "zh". They say the same in other words: a model that has read them all depends less on the wording of a prompt.
func Templates(name, lang string) ([]string, error) {
	v, err := vocabularyOf(name, lang)
	return slices.Clone(v.templates), err
}

func vocabularyOf(name, lang string) (vocabulary, error) {
	if _, err := lookup(name); err != nil {
		return vocabulary{}, err
	}
	v, ok := words[name][lang]
	if !ok {
		return v, fmt.Errorf("mnist: no captions of %s in the language %q; there are %v", name, lang, Languages())
	}
	return v, nil
}
