//go:build jupyter

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// page is a notebook in a browser.
type page struct {
	*testing.T
	ctx  context.Context
	file string
}

// openLesson starts Jupyter on a copy of a lesson without its outputs, and a Chromium that shows it.
func openLesson(t *testing.T, app, language, lesson string) page {
	t.Helper()
	nb, err := readNotebook(filepath.Join(root, "notebooks", language, lesson+".ipynb"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range nb.Cells {
		nb.Cells[i].ExecutionCount, nb.Cells[i].Outputs = nil, nil
	}
	data, err := nb.bytes()
	if err != nil {
		t.Fatal(err)
	}
	p := page{T: t, file: filepath.Join(t.TempDir(), lesson+".ipynb")}
	if err := os.WriteFile(p.file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	address := serve(t, app, filepath.Dir(p.file))

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.WindowSize(1280, 1000),
		chromedp.Flag("disable-quic", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	p.ctx, cancel = chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Run(p.ctx); err != nil { // the browser lives as long as this context
		t.Fatal(err)
	}

	folder := map[string]string{"lab": "/lab/tree/", "notebook": "/notebooks/"}[app]
	p.do("opening the lesson", chromedp.Navigate(address+folder+lesson+".ipynb?token="+token),
		chromedp.WaitVisible(".jp-Notebook", chromedp.ByQuery))
	var kernel string
	p.do("waiting for the kernel", chromedp.Poll(
		`document.querySelector('.jp-Toolbar-kernelName, .jp-KernelName')?.textContent.match(/Go.*/)?.[0]`, &kernel,
		chromedp.WithPollingTimeout(2*time.Minute)))
	if !strings.Contains(kernel, "Go · gomm (XLA)") {
		t.Errorf("the kernel is %q", kernel)
	}
	return p
}

// do acts in the browser; where that fails, a picture of the page is kept to be looked at.
func (p page) do(what string, actions ...chromedp.Action) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 2*time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.giveUp(fmt.Errorf("%s: %w", what, err))
	}
}

func (p page) giveUp(err error) {
	p.Helper()
	path := filepath.Join(os.TempDir(), p.Name()+".png")
	p.shoot(path)
	p.Fatalf("%v; the page is in %s", err, path)
}

// shoot writes a picture of the page.
func (p page) shoot(path string) {
	p.Helper()
	var picture []byte
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.Sleep(time.Second), chromedp.CaptureScreenshot(&picture)); err != nil {
		p.Errorf("the page cannot be pictured: %v", err)
		return
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		p.Error(err)
	}
}

// runAll runs all cells from the menu, saves until all have ended, and holds what the browser saved against the lesson's ranges.
func (p page) runAll() {
	p.Helper()
	for started, attempt := false, 0; !started; attempt++ {
		if attempt == 5 {
			p.giveUp(errors.New("no cell runs"))
		}
		p.chooseRunAll() // until the page is connected to the kernel nothing comes of it
		err := chromedp.Run(p.ctx, chromedp.Poll(`[...document.querySelectorAll('.jp-InputPrompt')].some(e => /\[[*\d]/.test(e.textContent))`,
			&started, chromedp.WithPollingTimeout(5*time.Second)))
		if err != nil && !errors.Is(err, chromedp.ErrPollingTimeout) {
			p.giveUp(err)
		}
	}
	for begun := time.Now(); ; {
		if time.Since(begun) > 5*time.Minute {
			p.giveUp(errors.New("some cells have not ended after five minutes"))
		}
		p.do("saving", chromedp.Sleep(2*time.Second), chromedp.KeyEvent("s", chromedp.KeyModifiers(input.ModifierCtrl)))
		nb, err := readNotebook(p.file)
		if err != nil {
			continue // it is being written
		}
		if waiting := unexecuted(nb); waiting > 0 {
			continue
		}
		for _, problem := range problems(nb) {
			p.Error(problem)
		}
		return
	}
}

// chooseRunAll moves the mouse as one does: the menu wants to be pointed at before it is clicked.
func (p page) chooseRunAll() {
	p.Helper()
	const item = `li[data-command="runmenu:run-all"]`
	var middle []float64
	p.do("opening the menu Run", chromedp.Click(`//div[contains(@class, "lm-MenuBar-itemLabel") and text()="Run"]`, chromedp.BySearch),
		chromedp.WaitVisible(item, chromedp.ByQuery),
		chromedp.Evaluate("(r => [r.x + r.width/2, r.y + r.height/2])(document.querySelector('"+item+"').getBoundingClientRect())", &middle))
	p.do("Run All Cells", chromedp.MouseEvent(input.MouseMoved, middle[0], middle[1]), chromedp.MouseClickXY(middle[0], middle[1]))
}
