package collector

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"kelisim/pipeline/spool"
)

func TestFaults(t *testing.T) {
	e := newEdge(t, spool.Options{})
	const canary = "canary-d41d8cd98f"
	f := func(status int, code, method, path, body string, headers ...string) {
		t.Helper()
		res, got := e.send(method, path, body, headers...)
		var answer struct{ Error struct{ Code string } }
		if err := json.Unmarshal([]byte(got), &answer); err != nil || res.StatusCode != status || answer.Error.Code != code {
			t.Errorf("%s %s: %d %s; want %d %s", method, path, res.StatusCode, got, status, code)
		}
		if strings.Contains(got, canary) {
			t.Errorf("%s %s repeats what was sent: %s", method, path, got)
		}
		for name := range res.Header {
			if strings.EqualFold(name, "Accept-CH") || strings.EqualFold(name, "Server") {
				t.Errorf("%s %s sends %s", method, path, name)
			}
		}
	}
	f(400, "bad_request", "POST", "/v1/consent", canary)
	f(400, "bad_request", "POST", "/v1/events", `{"v":1,"site":"`+canary+`"`)
	f(404, "unknown_site", "GET", "/v1/banner?site="+canary, "")
	f(404, "unknown_site", "GET", "/privacy/"+canary, "")
	f(404, "unknown_site", "POST", "/v1/events", strings.Replace(fmt.Sprintf(pageview, 1), "demo", canary, 1))
	f(404, "not_found", "GET", "/"+canary+"?"+canary, "")
	f(404, "not_found", "GET", "/a/0123456789/"+canary, "")
	f(403, "origin", "POST", "/v1/consent", e.decision("accept_all", "1"), "Origin", "https://"+canary+".example")
	f(403, "origin", "POST", "/v1/consent", e.decision("accept_all", "1"), "Origin", "", "Sec-Fetch-Site", "cross-site")
	f(403, "origin", "POST", "/privacy/demo", "action=withdraw", "Origin", "https://evil.example", "Content-Type", "application/x-www-form-urlencoded")
	f(400, "bad_request", "POST", "/privacy/demo", "action="+canary, "Content-Type", "application/x-www-form-urlencoded")
	f(400, "bad_request", "POST", "/v1/consent", e.decision(canary, "9"))
	made := strings.TrimSuffix(e.decision("accept_all", "8"), "}") + `,"shown":{"variant":"bar-1","text_sha256":"` + strings.Repeat("0", 64) + `"}}`
	f(409, "text", "POST", "/v1/consent", made)
	f(409, "edition", "POST", "/v1/consent", strings.Replace(e.decision("accept_all", "1"), e.edition(), "0011223344556677", 1))
	f(400, "bad_request", "POST", "/v1/consent", strings.Replace(e.decision("accept_all", "1"), e.edition(), canary, 1))
}

// TestTooLarge goes through a real connection: the limit is kept while the body
// arrives.
func TestTooLarge(t *testing.T) {
	e := newEdge(t, spool.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.app.Listener(l) }) // ends with Shutdown
	t.Cleanup(func() {
		if err := e.app.Shutdown(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", maxBody+1)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 413 || !strings.Contains(string(body), "too_large") {
		t.Errorf("%d %s %v", res.StatusCode, body, err)
	}
}

func TestForeignOriginIsCountedAndNotStored(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	_, body := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(res), "Origin", "https://evil.example")
	if body != `{"accepted":0,"dropped":{"origin":1}}` {
		t.Errorf("got %s", body)
	}
}

func TestFullSpoolIs503(t *testing.T) {
	e := newEdge(t, spool.Options{MaxBytes: 40})
	for _, body := range []string{e.decision("accept_all", "1"), e.decision("refuse_all", "2")} {
		res, got := e.send("POST", "/v1/consent", body)
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || len(res.Cookies()) != 0 {
			t.Errorf("a decision without room: %d %s %v", res.StatusCode, got, res.Cookies())
		}
	}
	res, got := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1))
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("events without room: %d %s", res.StatusCode, got)
	}
}
