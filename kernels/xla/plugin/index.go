package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"
)

// index is a Python package index: a server that lists the files of a project at ADDRESS/PROJECT/, as HTML (PEP 503) or JSON
// (PEP 691).
type index struct {
	address string
	from    string // the setting that named it, "" for the public one
}

// String is the index's server, and who chose it; the address itself may hold a password.
func (x index) String() string {
	host := x.address[strings.LastIndex(x.address, "@")+1:]
	if u, err := url.Parse(x.address); err == nil && u.Host != "" {
		host = u.Host
	}
	if x.from == "" {
		return "the package index " + host
	}
	return fmt.Sprintf("the package index %s of %s", host, x.from)
}

// find returns the address of a file of a project, or "" if the index has none of that name.
func (x index) find(ctx context.Context, client *http.Client, patience time.Duration, project, file string) (string, error) {
	page, err := url.Parse(strings.TrimRight(x.address, "/") + "/" + project + "/")
	if err != nil || page.Host == "" || page.Scheme != "https" && page.Scheme != "http" {
		return "", fmt.Errorf("%s is not an address such as %s", x, publicIndex)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s has not answered within %v", x, patience))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/vnd.pypi.simple.v1+json, text/html;q=0.1")
	response, err := client.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return "", nil
	default:
		return "", fmt.Errorf("%s answers %s for %s", x, response.Status, project)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, 64<<20)) // the longest pages of PyPI have a tenth of that
	if err != nil {
		return "", err
	}
	if page = response.Request.URL; page.User == nil && page.Host == request.URL.Host {
		page.User = request.URL.User // a redirection on the same server drops them
	}
	files, err := parseIndex(content, page)
	if err != nil {
		return "", fmt.Errorf("%s: %w", x, err)
	}
	return files[file], nil
}

var (
	// errPage is wrapped by the error for a page that is not an index's: a login page, say.
	errPage = errors.New("it answers with a page instead of a list of files")

	htmlTag  = regexp.MustCompile(`(?is)<(a|base)\s([^>]*)>`)
	htmlHref = regexp.MustCompile(`(?is)(?:^|\s)href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
)

// parseIndex returns the absolute address of each file that a page of an index lists, by its name. References are relative to the
// page, and the page's user and password hold for all files on its server.
func parseIndex(content []byte, page *url.URL) (map[string]string, error) {
	references, base, err := references(content)
	if err != nil {
		return nil, err
	}
	if page, err = page.Parse(base); err != nil {
		return nil, fmt.Errorf("a bad base address: %w", err)
	}
	files := map[string]string{}
	for _, r := range references {
		u, err := page.Parse(r)
		if err != nil || u.Host == "" {
			continue
		}
		if u.Host == page.Host && u.User == nil {
			u.User = page.User
		}
		u.Fragment = "" // PEP 503 puts the sum there; ours is in the source
		files[path.Base(u.Path)] = u.String()
	}
	return files, nil
}

// references returns what a page refers to, and what that is relative to where it is not the page itself.
func references(content []byte) (list []string, base string, err error) {
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		var answer struct{ Files []struct{ URL string } }
		if err := json.Unmarshal(content, &answer); err != nil {
			return nil, "", fmt.Errorf("%w: %w", errPage, err)
		}
		for _, f := range answer.Files {
			list = append(list, f.URL)
		}
		return list, "", nil
	}
	for _, tag := range htmlTag.FindAllSubmatch(content, -1) {
		href := htmlHref.FindSubmatch(tag[2])
		if href == nil {
			continue
		}
		address := html.UnescapeString(string(href[1]) + string(href[2]) + string(href[3]))
		if strings.EqualFold(string(tag[1]), "base") {
			base = address
		} else {
			list = append(list, address)
		}
	}
	if !bytes.Contains(content, []byte(".whl")) {
		err = errPage
	}
	return list, base, err
}
