package load

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func readAnswer(raw string) (answer, error) {
	c := connection{r: bufio.NewReaderSize(strings.NewReader(raw), bufferSize)}
	return c.read()
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want answer
	}{
		"accepted":      {"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nabcdef", answer{status: 202, body: []byte("abc")}},
		"no content":    {"HTTP/1.1 204 No Content\r\n\r\nHTTP", answer{status: 204}},
		"other case":    {"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", answer{status: 200, body: []byte("x")}},
		"wait and end":  {"HTTP/1.1 503 No\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", answer{status: 503, retry: 7 * time.Second, closes: true}},
		"a date":        {"HTTP/1.1 503 No\r\nRetry-After: Mon, 02 Jan 2006\r\nContent-Length: 0\r\n\r\n", answer{status: 503}},
		"chunks":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", answer{status: 200, body: []byte("abc")}},
		"cookies":       {"HTTP/1.1 201 C\r\nSet-Cookie: a=b; Path=/; Max-Age=9\r\nSet-Cookie: c=d; max-age=-1\r\nContent-Length: 0\r\n\r\n", answer{status: 201, cookies: []cookie{{"a", "b"}, {"c", ""}}}},
		"an old cookie": {"HTTP/1.1 201 C\r\nSet-Cookie: a=; expires=Thu, 01 Jan 1970 00:00:01 GMT\r\nContent-Length: 0\r\n\r\n", answer{status: 201, cookies: []cookie{{"a", ""}}}},
	} {
		got, err := readAnswer(c.raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(answer{}, cookie{})); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
	}
	for _, raw := range []string{
		"", "HTTP/1.1", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	} {
		if a, err := readAnswer(raw); err == nil {
			t.Errorf("%q is an answer: %+v", raw, a)
		}
	}
}

// FuzzAnswer: whatever comes, reading ends, and takes no more of the connection
// than the answer has.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nSet-Cookie: a=b; max-age=\r\n\r\nabc"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := connection{r: bufio.NewReaderSize(bytes.NewReader(raw), bufferSize)}
		a, err := c.read()
		if err == nil && (len(a.body) > len(raw) || a.status < 0) {
			t.Errorf("status %d and %d bytes out of %d", a.status, len(a.body), len(raw))
		}
		v := visitor{}
		v.put(a.cookies)
	})
}

// TestPut: a browser keeps the newest of a name, and forgets what is taken away.
func TestPut(t *testing.T) {
	var v visitor
	v.put([]cookie{{"marker", "m"}, {"token", "t"}})
	v.put([]cookie{{"token", "u"}})
	if want := [2]cookie{{"marker", "m"}, {"token", "u"}}; v.cookies != want {
		t.Errorf("cookies %v", v.cookies)
	}
	v.put([]cookie{{"marker", "w"}, {"token", ""}})
	if v.cookies[0] != (cookie{"marker", "w"}) || v.cookies[1].value != "" {
		t.Errorf("cookies %v", v.cookies)
	}
	v.put([]cookie{{"marker", ""}})
	if v.cookies[0].value != "" || v.cookies[1].value != "" {
		t.Errorf("cookies %v", v.cookies)
	}
}
