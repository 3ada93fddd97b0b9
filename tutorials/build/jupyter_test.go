//go:build jupyter

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// These tests do what a reader does, with the real kernel, in real front ends: `make check-jupyter`. They need .venv with the
// kernel, and Chromium.

var screenshot = flag.String("screenshot", "", "write a picture of JupyterLab with the attention over a digit to this `file`")

// TestBrokenLessons: with the real kernel, a cell that does not compile, a cell that fails, and a number that left its range each
// make checking fail, and the same lesson without them is well.
func TestBrokenLessons(t *testing.T) {
	for name, c := range map[string]struct{ cell, want string }{
		"well":           {`fmt.Println("accuracy", 98)`, ""},
		"not compiled":   {`fmt.Println("accuracy", 98, undefinedName)`, "undefined: undefinedName"},
		"failed":         {`fmt.Println("accuracy", 98); os.Exit(3)`, "exit status 3"},
		"panic":          {`fmt.Println("accuracy", 98); panic("broken on purpose")`, "broken on purpose"},
		"out of range":   {`fmt.Println("accuracy", 96)`, "accuracy is 96, outside of 97 to 99"},
		"nothing to say": {`fmt.Println("done")`, `it prints no number after "accuracy"`},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			source := "---\n\n---\n# A lesson\n\n```go\n%%\n// expect accuracy: 97 to 99\n" + c.cell + "\n```\n"
			for path, content := range map[string]string{"tutorials/en/00-sample.md": source, "notebooks/en/README.md": ""} {
				path = filepath.Join(folder, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			o := options{root: folder, python: program(t, "python"), languages: []string{"en"}, execute: true, timeout: 2 * time.Minute}
			var said bytes.Buffer
			err := run(t.Context(), o, &said)
			if (err == nil) != (c.want == "") || !strings.Contains(said.String(), c.want) {
				t.Errorf("building says %s, error %v; want %q", &said, err, c.want)
			}
			if _, missing := os.Stat(filepath.Join(folder, "notebooks/en/00-sample.ipynb")); (missing == nil) != (err == nil) {
				t.Errorf("building ends with %v, and the notebook is there: %t", err, missing == nil)
			}
		})
	}
}

// TestConsole: the kernel works in jupyter console, and knows the library there.
func TestConsole(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), program(t, "jupyter"), "console", "--kernel", "gomm", "--simple-prompt",
		"--ZMQTerminalInteractiveShell.kernel_timeout=120")
	cmd.Stdin = strings.NewReader("!*go doc gomm/mmlib/loss.CLIP\nexit\n")
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "func CLIP(logits, targets *Node) *Node") {
		t.Errorf("the console says %s, error %v", out, err)
	}
}

// TestLab opens lesson 3 in JupyterLab, runs all cells from the menu, saves, and finds the attention over a digit on the page.
func TestLab(t *testing.T) {
	page := openLesson(t, "lab", "en", "03-attention")
	page.runAll()
	var width float64
	page.do("finding the attention over a digit", chromedp.Poll(attentionPicture, &width, chromedp.WithPollingInterval(200*time.Millisecond),
		chromedp.WithPollingTimeout(time.Minute)))
	if width < 200 {
		t.Errorf("the picture is %g pixels wide", width)
	}
	if *screenshot != "" {
		// Without the list of files, and once more to the picture, for what is laid out on the way moves it.
		page.do("making room", chromedp.KeyEvent("b", chromedp.KeyModifiers(input.ModifierCtrl)), chromedp.Sleep(time.Second),
			chromedp.Evaluate(attentionPicture, nil), chromedp.Sleep(time.Second), chromedp.Evaluate(attentionPicture, nil))
		page.shoot(*screenshot)
	}
}

// TestSlider runs lesson 4 in Chinese and moves its slider: another drawing shows.
func TestSlider(t *testing.T) {
	page := openLesson(t, "lab", "zh", "05-contrastive")
	page.runAll()
	var moved bool
	page.do("moving the slider", chromedp.Poll(`(() => {
		const box = document.querySelector('.gomm-slider');
		if (!box) {
			`+scrollOn+`
			return false;
		}
		const figures = [...box.querySelectorAll('figure')], input = box.querySelector('input');
		input.value = 0;
		input.dispatchEvent(new Event('input'));
		return figures.every((f, i) => (f.style.display == 'block') == (i == 0)) && box.querySelector('output').textContent == 'τ = 2';
	})()`, &moved, chromedp.WithPollingInterval(200*time.Millisecond), chromedp.WithPollingTimeout(time.Minute)))
}

// TestClassic does the same with lesson 0 in the classic Notebook.
func TestClassic(t *testing.T) {
	openLesson(t, "notebook", "en", "00-environment").runAll()
}

// scrollOn goes half a page down, and at the end back to the top: JupyterLab makes outputs that are far away only when they come near.
const scrollOn = `
	const scroller = document.querySelector('.jp-WindowedPanel-outer');
	const end = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2;
	scroller.scrollTop = end ? 0 : scroller.scrollTop + scroller.clientHeight / 2;`

// attentionPicture scrolls until the drawing is there, and says how wide it is on the screen.
const attentionPicture = `(() => {
	const titled = e => (e.src ? decodeURIComponent(e.src) : e.textContent).includes('the left digit [');
	const picture = [...document.querySelectorAll('.jp-OutputArea-output img, .jp-OutputArea-output svg')].find(titled);
	if (!picture) {
		` + scrollOn + `
		return 0;
	}
	picture.scrollIntoView({block: 'center'});
	if (picture.src && !(picture.complete && picture.naturalWidth)) return 0;
	return picture.getBoundingClientRect().width;
})()`

func unexecuted(nb notebook) (count int) {
	for _, c := range nb.Cells {
		if c.CellType == "code" && c.ExecutionCount == nil {
			count++
		}
	}
	return count
}

const token = "a-token-for-this-test"

// serve starts Jupyter on a folder, with settings of its own, and returns its address.
func serve(t *testing.T, app, folder string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	settings := filepath.Join(own, "settings", "@jupyterlab", "apputils-extension")
	if err := os.MkdirAll(settings, 0o755); err != nil {
		t.Fatal(err)
	}
	// Nobody is asked whether news shall be fetched.
	if err := os.WriteFile(filepath.Join(settings, "notification.jupyterlab-settings"),
		[]byte(`{"fetchNews": "false", "checkForUpdates": false}`), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program(t, "jupyter"), app, "--no-browser", "--allow-root", "--ServerApp.port="+port,
		"--ServerApp.port_retries=0",
		"--ServerApp.root_dir="+folder)
	cmd.Env = append(os.Environ(), "JUPYTER_TOKEN="+token, "JUPYTER_CONFIG_DIR="+own, "JUPYTER_RUNTIME_DIR="+filepath.Join(own, "runtime"),
		"JUPYTERLAB_SETTINGS_DIR="+filepath.Join(own, "settings"), "JUPYTERLAB_WORKSPACES_DIR="+filepath.Join(own, "workspaces"), "TMPDIR="+own)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // by which it ends its kernels; of SIGINT it asks whether to
	cmd.WaitDelay = 20 * time.Second
	log, err := os.Create(filepath.Join(own, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was interrupted
		_ = log.Close()
		if t.Failed() {
			said, err := os.ReadFile(log.Name())
			t.Logf("Jupyter said (error %v):\n%s", err, said)
		}
	})
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(100 * time.Millisecond) {
		answer, err := http.Get("http://" + address + "/api")
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return "http://" + address
		}
	}
	t.Fatal("Jupyter does not answer")
	return ""
}

// program is one of .venv.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, ".venv", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(fmt.Errorf("%w; make kernel makes it", err))
	}
	return path
}

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("none of %s is installed: apt-get install chromium", strings.Join(names, ", "))
	return ""
}
