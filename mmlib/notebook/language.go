package notebook

import (
	"os"
	"path/filepath"
)

// LanguageVariable is the environment variable that sets the language of a notebook's figures, "en" or "zh".
const LanguageVariable = "GOMM_LANGUAGE"

// Language is the language of the notebook, "en" or "zh": that of [LanguageVariable], or else of the folder that the
// notebook is in. The lessons share their cells; what a reader sees in a figure is in the reader's language by [T].
func Language() string {
	if language := os.Getenv(LanguageVariable); language == "en" || language == "zh" {
		return language
	}
	if dir, err := os.Getwd(); err == nil && filepath.Base(dir) == "zh" {
		return "zh"
	}
	return "en"
}

// T is the text in the language of the notebook.
func T(en, zh string) string {
	if Language() == "zh" {
		return zh
	}
	return en
}
