package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of one request.
const (
	requestWithin = 10 * time.Second
	maxBody       = 2 << 20
	maxRedirects  = 5
)

// answer is what came back, whole.
type answer struct {
	url    *url.URL // after redirects within the host
	status int
	header http.Header
	body   []byte
}

type fetcher struct{ client *http.Client }

func newFetcher(transport http.RoundTripper) *fetcher {
	return &fetcher{&http.Client{Transport: transport, Timeout: requestWithin, CheckRedirect: within1Host}}
}

// within1Host lets a redirect be followed on the same host, unless it gives up TLS.
func within1Host(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return errors.New("redirects without end")
	case next.URL.Hostname() != first.Hostname(), first.Scheme == "https" && next.URL.Scheme != "https":
		return http.ErrUseLastResponse
	}
	return nil
}

func (f *fetcher) get(ctx context.Context, address string, header map[string]string) (*answer, error) {
	return f.do(ctx, http.MethodGet, address, "", header)
}

func (f *fetcher) do(ctx context.Context, method, address, body string, header map[string]string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	req.Header.Set("User-Agent", "kelisim-check")
	req.Header.Set("Accept-Encoding", "identity")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", address, err)
	case len(b) > maxBody:
		return nil, fmt.Errorf("%s: is larger than %d bytes", address, maxBody)
	}
	return &answer{url: res.Request.URL, status: res.StatusCode, header: res.Header, body: b}, nil
}
