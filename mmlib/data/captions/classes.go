// Package captions gives pictures their texts, in the form in which CLIP learns from them.
//
// A data set of classes has no captions: they are written from the names of the classes and from templates, in several
// languages ([Classes], [ByClass]). Other data sets bring one or several captions for each picture ([Each]). Either way
// the result is [Pairs], which draws the texts of a batch.
package captions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Vocabulary is what there is to say about the classes of a data set in one language.
type Vocabulary struct {
	Language  string   `json:"language"`            // "en", "zh"
	Names     []string `json:"names"`               // of the classes, by label
	Templates []string `json:"templates,omitempty"` // phrases with one %s each, where a name makes a caption of it
}

// Prompts returns for each class its name in every template.
func (v Vocabulary) Prompts() [][]string {
	prompts := make([][]string, len(v.Names))
	for class, name := range v.Names {
		for _, template := range v.Templates {
			prompts[class] = append(prompts[class], strings.ReplaceAll(template, "%s", name))
		}
	}
	return prompts
}

// Classes are the names of classes in one or several languages: the file classes.json of a run.
type Classes []Vocabulary

// Read reads and checks a file that [Classes.File] wrote.
func Read(file []byte) (Classes, error) {
	var c Classes
	d := json.NewDecoder(bytes.NewReader(file))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("captions: not a file of class names: %w", err)
	}
	return c, c.Validate()
}

// File returns what [Read] reads.
func (c Classes) File() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(c)
	return b.Bytes(), err
}

// Validate names the language and the value at fault.
func (c Classes) Validate() error {
	if len(c) == 0 {
		return errors.New("captions: there are no class names in any language")
	}
	for i, v := range c {
		switch {
		case v.Language == "":
			return fmt.Errorf("captions: vocabulary %d has no language", i)
		case slices.ContainsFunc(c[:i], func(w Vocabulary) bool { return w.Language == v.Language }):
			return fmt.Errorf("captions: there are two vocabularies of the language %q", v.Language)
		case len(v.Names) != len(c[0].Names) || len(v.Names) == 0:
			return fmt.Errorf("captions: %d class names in the language %q, %d in %q", len(v.Names), v.Language, len(c[0].Names), c[0].Language)
		case slices.Contains(v.Names, ""):
			return fmt.Errorf("captions: a class has an empty name in the language %q", v.Language)
		}
		for _, t := range v.Templates {
			if err := CheckTemplate(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckTemplate reports why a phrase is not a template.
func CheckTemplate(t string) error {
	if strings.Count(t, "%s") != 1 {
		return fmt.Errorf("captions: the template %q must hold %%s once, where the name of a class goes", t)
	}
	return nil
}

// Languages lists the languages.
func (c Classes) Languages() []string {
	list := make([]string, len(c))
	for i, v := range c {
		list[i] = v.Language
	}
	return list
}

// In returns the vocabulary of one language.
func (c Classes) In(language string) (Vocabulary, error) {
	for _, v := range c {
		if v.Language == language {
			return v, nil
		}
	}
	return Vocabulary{}, fmt.Errorf("captions: no class names in the language %q; there are %s", language, strings.Join(c.Languages(), ", "))
}

// Select returns the vocabularies of the given languages, in their order.
func (c Classes) Select(languages []string) (Classes, error) {
	var chosen Classes
	for _, language := range languages {
		v, err := c.In(language)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, v)
	}
	return chosen, chosen.Validate()
}

// Names returns the names of the classes to show to people: in English if available, else in the first language.
func (c Classes) Names() []string {
	if v, err := c.In("en"); err == nil {
		return v.Names
	}
	if len(c) == 0 {
		return nil
	}
	return c[0].Names
}
