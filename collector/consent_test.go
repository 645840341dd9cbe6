package collector

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"kelisim/pipeline/spool"
)

func TestDecisionCookiesAndWithdrawal(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, body := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	if res.StatusCode != 201 || !strings.Contains(body, `"state":"ConsentGiven"`) || strings.Contains(body, "token") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	set := cookies(res)
	token, marker := set["__Host-kelisim"], set["__Host-kelisim-state"]
	if token == nil || marker == nil {
		t.Fatalf("cookies %v", res.Header["Set-Cookie"])
	}
	if !token.HttpOnly || !token.Secure || token.Path != "/" || token.SameSite != http.SameSiteLaxMode || token.Domain != "" {
		t.Errorf("token cookie: %v", token)
	}
	if marker.HttpOnly || !marker.Secure || marker.Path != "/" || marker.SameSite != http.SameSiteLaxMode || strings.Contains(marker.Value, "-") {
		t.Errorf("state cookie: %v", marker)
	}
	want := int(time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC).Sub(e.clock()) / time.Second)
	if token.MaxAge != want || marker.MaxAge != want {
		t.Errorf("Max-Age %d and %d, want %d", token.MaxAge, marker.MaxAge, want)
	}
	given := jar(res)
	res, body = e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", given)
	if res.StatusCode != 202 || body != `{"accepted":1,"dropped":{}}` {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	// The answer of a page view sets no cookie: a consent is never renewed silently.
	if len(res.Cookies()) != 0 {
		t.Errorf("an event set %v", res.Cookies())
	}
	res, body = e.send("POST", "/v1/consent", e.decision("withdraw", "2"), "Cookie", given)
	if res.StatusCode != 201 || !strings.Contains(body, "ConsentWithdrawn") || strings.Contains(body, `"id"`) {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if c := cookies(res)["__Host-kelisim"]; c == nil || c.Value != "" || !c.Expires.Before(e.clock()) {
		t.Errorf("the token cookie is not taken away: %v", c)
	}
	if _, body = e.send("POST", "/v1/events", fmt.Sprintf(pageview, 2), "Cookie", given); body != `{"accepted":0,"dropped":{"withdrawn":1}}` {
		t.Errorf("after the withdrawal the old token: %s", body)
	}
	if _, body = e.send("GET", "/v1/consent?site=demo", "", "Cookie", given); !strings.Contains(body, "ConsentWithdrawn") {
		t.Errorf("the state is %s", body)
	}
}

func TestPlainCookiesOnLoopbackOnly(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"), "Origin", "http://localhost:8088")
	if set := cookies(res); set["kelisim"] == nil || set["kelisim"].Secure || set["kelisim-state"] == nil {
		t.Errorf("plain http on the machine: %v", res.Header["Set-Cookie"])
	}
	if res, body := e.send("POST", "/v1/consent", e.decision("accept_all", "2"), "Origin", "http://example.com"); res.StatusCode != 403 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestRefusalNamesNobody(t *testing.T) {
	e := newEdge(t, spool.Options{})
	one, body := e.send("POST", "/v1/consent", e.decision("refuse_all", "1"))
	if strings.Contains(body, `"id"`) {
		t.Errorf("a refusal has an id: %s", body)
	}
	e.now = e.now.Add(5 * time.Hour)
	two, _ := e.send("POST", "/v1/consent", e.decision("refuse_all", "2"))
	a, b := cookies(one)["__Host-kelisim-state"], cookies(two)["__Host-kelisim-state"]
	if a == nil || b == nil || a.Value != b.Value {
		t.Errorf("two refusals of one day differ: %v, %v", a, b)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	frames, _, err := e.spool.Read(ended, e.spool.Checkpoint(), 1<<20)
	if err != nil || len(frames) != 2 {
		t.Fatal(len(frames), err)
	}
	for _, f := range frames {
		if f.Kind() != spool.Counts || bytes.Contains(f.Payload(), []byte("00000000-0000-4000")) {
			t.Errorf("a refusal left more than a counter: %s", f.Payload())
		}
	}
}

func TestIdempotentDecisions(t *testing.T) {
	e := newEdge(t, spool.Options{})
	body := e.decision("accept_all", "1")
	var wg sync.WaitGroup
	answers := make([]string, 20)
	for i := range answers {
		wg.Go(func() { _, answers[i] = e.send("POST", "/v1/consent", body) })
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || a == "" {
			t.Fatalf("the same call got different answers: %s, %s", a, answers[0])
		}
	}
	if res, got := e.send("POST", "/v1/consent", e.decision("refuse_all", "1")); res.StatusCode != 409 || !strings.Contains(got, "key_reused") {
		t.Errorf("another body under the same key: %d %s", res.StatusCode, got)
	}
	e.now = e.now.Add(replayFor + time.Second)
	if _, got := e.send("POST", "/v1/consent", body); got == answers[0] {
		t.Error("after ten minutes the answer is still remembered")
	}
}
