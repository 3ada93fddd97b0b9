package models

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/text"
	"gomm/mmlib/run"
)

// words is everything a data set's captions say.
type words struct {
	captions  []string
	classes   []int // of each caption
	tokenizer *text.Words
	longest   int // caption, in tokens
}

// vocabulary writes the captions of a data set in the languages asked for: every class name in every template.
func vocabulary(d run.Data) (words, error) {
	var w words
	if len(d.Captions.Languages) == 0 {
		return w, fmt.Errorf("models: data.captions.languages is empty; there are %s", strings.Join(mnist.Languages(), ", "))
	}
	for _, language := range d.Captions.Languages {
		prompts, err := Prompts(d.Name, language)
		if err != nil {
			return w, err
		}
		for class, list := range prompts {
			for _, caption := range list {
				w.captions = append(w.captions, caption)
				w.classes = append(w.classes, class)
			}
		}
	}
	w.tokenizer = text.NewWords(w.captions)
	w.longest = text.MaxLength(w.captions)
	return w, nil
}

// Prompts writes a data set's zero-shot prompts in one language: for each class, its name in every template.
func Prompts(data, language string) ([][]string, error) {
	names, err := mnist.Classes(data, language)
	if err != nil {
		return nil, err
	}
	templates, err := mnist.Templates(data, language)
	if err != nil {
		return nil, err
	}
	prompts := make([][]string, len(names))
	for class, name := range names {
		for _, template := range templates {
			prompts[class] = append(prompts[class], fmt.Sprintf(template, name))
		}
	}
	return prompts, nil
}

// PromptIDs tokenises prompts for a model that reads `context` ids, class after class.
func PromptIDs(t text.Tokenizer, prompts [][]string, context int) ([][]int32, error) {
	var ids [][]int32
	for _, class := range prompts {
		for _, prompt := range class {
			row, err := t.Encode(prompt, context)
			if err != nil {
				return nil, err
			}
			ids = append(ids, row)
		}
	}
	return ids, nil
}

func readTokenizer(f *run.Folder) (*text.Words, error) {
	path := f.Path(TokenizerFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("models: the run's tokenizer: %w", err)
	}
	t := new(text.Words)
	if err := json.Unmarshal(data, t); err != nil {
		return nil, fmt.Errorf("models: %s: %w", path, err)
	}
	return t, nil
}

// Tokenizer is the tokenizer of a run's captions, to be kept in its folder as [TokenizerFile].
func Tokenizer(c run.Config) (*text.Words, error) {
	w, err := vocabulary(c.Data)
	return w.tokenizer, err
}
