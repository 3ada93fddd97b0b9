package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func lessons(t *testing.T, language string) []lesson {
	t.Helper()
	all, err := readLessons(root, language)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("there are no lessons in %s", language)
	}
	return all
}

// TestLanguagesShareCells: the lessons of both languages have the same names and the same code, cell by cell.
func TestLanguagesShareCells(t *testing.T) {
	english, chinese := lessons(t, "en"), lessons(t, "zh")
	names := func(list []lesson) (names []string) {
		for _, l := range list {
			names = append(names, l.name)
		}
		return names
	}
	if !slices.Equal(names(english), names(chinese)) {
		t.Fatalf("lessons in English %v, in Chinese %v", names(english), names(chinese))
	}
	for i, l := range english {
		a, b := l.code(), chinese[i].code()
		for j := range max(len(a), len(b)) {
			if j >= len(a) || j >= len(b) || a[j] != b[j] {
				t.Errorf("%s: code cell %d differs between the languages", l.name, j+1)
				break
			}
		}
		if l.header != chinese[i].header {
			t.Errorf("%s: the headers differ", l.name)
		}
	}
}

// TestNotebooksAreTheLessons: every notebook is built from its lesson as it stands, and executed without a problem; and
// there are no others.
func TestNotebooksAreTheLessons(t *testing.T) {
	for _, language := range languages {
		var want []string
		for _, l := range lessons(t, language) {
			path := notebookPath(root, l)
			want = append(want, path)
			nb, err := readNotebook(path)
			if err != nil {
				t.Error(err)
				continue
			}
			if where := staleness(nb, l); where != "" {
				t.Errorf("%s is stale: %s; make notebooks rebuilds it", path, where)
			}
			for _, problem := range problems(nb) {
				t.Errorf("%s: %s", path, problem)
			}
		}
		have, err := filepath.Glob(filepath.Join(root, "notebooks", language, "*.ipynb"))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(have)
		if slices.Sort(want); !slices.Equal(have, want) {
			t.Errorf("notebooks %v, want %v", have, want)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:"]+)\)`)

// TestLinks: what a lesson links to is there, and so are the lessons of the table of contents, all of them.
func TestLinks(t *testing.T) {
	for _, language := range languages {
		folder := filepath.Join(root, "notebooks", language)
		contents, err := os.ReadFile(filepath.Join(folder, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{"README.md": string(contents)}
		for _, l := range lessons(t, language) {
			if !strings.Contains(string(contents), "("+l.name+".ipynb)") {
				t.Errorf("%s/README.md does not list %s", folder, l.name)
			}
			for _, c := range l.cells {
				if !c.code {
					texts[l.name] += c.source + "\n"
				}
			}
		}
		for name, text := range texts {
			for _, m := range link.FindAllStringSubmatch(text, -1) {
				if _, err := os.Stat(filepath.Join(folder, m[1])); err != nil {
					t.Errorf("%s: %s links to %s, which is not there", language, name, m[1])
				}
			}
		}
	}
}

// TestForm: every lesson has numbers to be held against, exercises, and answers that are hidden.
func TestForm(t *testing.T) {
	for language, words := range map[string][]string{"en": {"## Exercises", "<summary>Answers</summary>"},
		"zh": {"## 练习", "<summary>答案</summary>"}} {
		for _, l := range lessons(t, language) {
			var text strings.Builder
			expected := 0
			for _, c := range l.cells {
				if !c.code {
					text.WriteString(c.source)
					continue
				}
				list, err := expectations(c.source)
				if err != nil {
					t.Errorf("%s/%s: %v", language, l.name, err)
				}
				expected += len(list)
				if c.answer() && len(list) == 0 {
					t.Errorf("%s/%s: the answer %.12q states no range that it must print a number in", language, l.name, c.source)
				}
			}
			for _, word := range words {
				if !strings.Contains(text.String(), word) {
					t.Errorf("%s/%s has no %q", language, l.name, word)
				}
			}
			if expected < 3 {
				t.Errorf("%s/%s states %d ranges of numbers; at least 3 show that it still says what it says", language, l.name, expected)
			}
		}
	}
}
