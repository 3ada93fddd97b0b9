package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// attempts is how often a download that is cut, or a server that is busy, is tried again.
const attempts = 4

// download brings the wheel into the file part, which may hold its beginning from an earlier run, and verifies it. After a cut download
// its beginning is left for the next run; after any other failure nothing is.
func (in *installation) download(ctx context.Context, part string) error {
	had := size(part)
	missing := in.wheel.size - had
	if missing < 0 { // more than all of it: not the beginning of this wheel
		missing = in.wheel.size
	}
	if err := in.room(missing + in.wheel.librarySize); err != nil {
		return errors.Join(err, in.remove(part))
	}
	err := in.transfer(ctx, part)
	if errors.Is(err, errDamaged) && had > 0 {
		fmt.Fprintf(in.progress, "the unfinished download in %s is of no use; starting again\n", part)
		if err = in.remove(part); err == nil {
			err = in.transfer(ctx, part)
		}
	}
	if errors.Is(err, errDamaged) {
		err = fmt.Errorf("%w. What the server sends is not the file that this gomm knows; try later or from another network, or %s",
			err, in.wheel.byHand(in.dir))
	}
	var cut *cutError
	if err == nil || ctx.Err() != nil || errors.As(err, &cut) {
		return err
	}
	return errors.Join(err, in.remove(part))
}

// transfer gets all bytes of the wheel, however often the connection is cut, and verifies them.
func (in *installation) transfer(ctx context.Context, part string) error {
	if size(part) != in.wheel.size { // else it is complete: the last run was stopped before it was unpacked
		address, err := in.address(ctx)
		if err != nil {
			return err
		}
		if err := in.insist(ctx, address, part); err != nil {
			return err
		}
	}
	return verify(part, in.wheel.size, in.wheel.sum)
}

// insist makes attempts until one is not cut.
func (in *installation) insist(ctx context.Context, address, part string) error {
	for try := 1; ; try++ {
		err := in.attempt(ctx, address, part)
		var cut *cutError
		if !errors.As(err, &cut) {
			return err
		}
		if try == attempts {
			return fmt.Errorf("%w, %d times in a row; run %s again later, it goes on where it stopped", err, attempts, Command)
		}
		fmt.Fprintf(in.progress, "%v; trying again\n", cut)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * in.pause):
		}
	}
}

// address asks the package indexes where the wheel lies.
func (in *installation) address(ctx context.Context) (string, error) {
	var failures []error
	for _, x := range in.indexes {
		address, err := x.find(ctx, in.client, in.patience, in.wheel.project, in.wheel.file)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err == nil && address != "" {
			return address, nil
		}
		failures = append(failures, in.indexError(x, err))
	}
	return "", errors.Join(failures...)
}

// indexError explains why an index does not give the address: it cannot be reached, answers something else, or lacks the file.
func (in *installation) indexError(x index, err error) error {
	var unreachable *url.Error
	switch {
	case err == nil:
		return fmt.Errorf("%s does not list %s of %s %s; it may have been withdrawn, or be missing from a mirror. If you can get the file "+
			"elsewhere, put it into %s and run %s again",
			x, in.wheel.file, in.wheel.project, in.wheel.version, in.dir, Command)
	case errors.Is(err, errPage):
		return in.pageError(x.String())
	case errors.As(err, &unreachable):
		return in.networkError(err)
	}
	return fmt.Errorf("%w; try again later, or %s", err, in.wheel.byHand(in.dir))
}

// attempt makes one request for what is missing and appends it to the part.
func (in *installation) attempt(ctx context.Context, address, part string) (err error) {
	out, err := in.disk.Open(part, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return in.diskError(err)
	}
	defer func() {
		if e := out.Close(); err == nil && e != nil {
			err = in.diskError(e)
		}
	}()
	have, err := out.Seek(0, io.SeekEnd)
	if err == nil && have > in.wheel.size {
		have, err = 0, restart(out)
	}
	if err != nil {
		return in.diskError(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := in.request(ctx, address, have)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusPartialContent { // the server sends all of it
		if have, err = 0, restart(out); err != nil {
			return in.diskError(err)
		}
	}
	return in.receive(ctx, cancel, response, out, have)
}

func restart(f file) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// request asks for the file from byte have on, and refuses an answer that is not the file.
func (in *installation) request(ctx context.Context, address string, have int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("the package index gives a bad address: %w", err)
	}
	request.Header.Set("Accept-Encoding", "identity") // sizes and ranges are those of the file itself
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	response, err := in.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, in.networkError(err)
	}
	if err := in.acceptable(response, have); err != nil {
		response.Body.Close()
		return nil, err
	}
	return response, nil
}

// acceptable checks an answer's status, kind and size.
func (in *installation) acceptable(r *http.Response, have int64) error {
	host := r.Request.URL.Host
	switch {
	case r.StatusCode == http.StatusPartialContent && strings.HasPrefix(r.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case r.StatusCode == http.StatusPartialContent, r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%s does not send the rest of the file: %w (%s, range %q)", host, errDamaged, r.Status, r.Header.Get("Content-Range"))
	case r.StatusCode == http.StatusTooManyRequests || r.StatusCode >= 500:
		return &cutError{fmt.Errorf("%s answers %s", host, r.Status)}
	case r.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answers %s for %s; try again later, or %s", host, r.Status, in.wheel.file, in.wheel.byHand(in.dir))
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		return in.pageError(host)
	}
	if r.StatusCode == http.StatusOK {
		have = 0
	}
	if r.ContentLength >= 0 && have+r.ContentLength != in.wheel.size {
		return fmt.Errorf("%s announces a file that is %w: %d bytes, not %d", host, errDamaged, have+r.ContentLength, in.wheel.size)
	}
	return nil
}

// receive writes an answer's body to the part. Nothing for a minute counts as a cut.
func (in *installation) receive(ctx context.Context, cancel context.CancelCauseFunc, r *http.Response, out file, have int64) error {
	bar := newProgress(in.progress, "fetching the XLA CPU plugin", have, in.wheel.size)
	defer bar.Finish()
	stalled := fmt.Errorf("nothing came for %v", in.patience)
	watch := time.AfterFunc(in.patience, func() { cancel(stalled) })
	defer watch.Stop()
	body := &watched{Reader: io.LimitReader(r.Body, in.wheel.size-have), alive: func() { watch.Reset(in.patience) }}
	content := bufio.NewReader(body)
	if head, _ := content.Peek(4); have == 0 && len(head) == 4 && string(head) != "PK\x03\x04" { // as every zip file begins
		return in.pageError(r.Request.URL.Host)
	}
	n, err := io.Copy(io.MultiWriter(out, bar), content)
	if body.err == nil && err == nil {
		err = out.Sync()
	}
	switch cause := context.Cause(ctx); {
	case cause != nil && cause != stalled:
		return cause
	case cause == stalled:
		body.err = stalled
	case body.err == nil && err != nil: // reading went well, so writing did not
		return in.diskError(fmt.Errorf("writing the download: %w", err))
	case have+n == in.wheel.size:
		return nil
	}
	if body.err == nil {
		body.err = io.ErrUnexpectedEOF
	}
	return &cutError{fmt.Errorf("the download from %s was cut after %s of %s: %w",
		r.Request.URL.Host, megabytes(have+n), megabytes(in.wheel.size), body.err)}
}

// watched remembers how reading ended, and reports progress.
type watched struct {
	io.Reader
	alive func()
	err   error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.alive()
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// cutError is a failure that may pass: the download is tried again, and what has arrived is kept.
type cutError struct{ reason error }

func (e *cutError) Error() string { return e.reason.Error() }
func (e *cutError) Unwrap() error { return e.reason }

func (in *installation) pageError(server string) error {
	return fmt.Errorf("%s answers with a page instead of the file; a login page or a proxy of your network may stand in between: open a "+
		"browser and log in, set HTTPS_PROXY, or %s",
		server, in.wheel.byHand(in.dir))
}

func (in *installation) networkError(err error) error {
	var u *url.Error
	if errors.As(err, &u) { // its text holds the method and the whole address
		if parsed, e := url.Parse(u.URL); e == nil {
			err = fmt.Errorf("%s: %w", parsed.Host, u.Err)
		}
	}
	return fmt.Errorf("no connection to %w; check the network or set HTTPS_PROXY; without a network, %s", err, in.wheel.byHand(in.dir))
}

func size(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.Size()
}
