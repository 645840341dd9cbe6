package collector

import (
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const head = `{"v":1,"site":"shop","now":1000,"session":{"id":"00112233445566778899aabbccddeeff","start":400},"events":`

func TestDecodeEvents(t *testing.T) {
	f := func(events string, good int, malformed uint32) {
		t.Helper()
		d, fault := decodeEvents([]byte(head+events+"}"), at)
		if fault != nil {
			t.Errorf("%s: %s", events, fault.Message)
			return
		}
		if len(d.events) != good || d.malformed != malformed {
			t.Errorf("%s: %d good, %d malformed; want %d, %d", events, len(d.events), d.malformed, good, malformed)
		}
	}
	f(`[{"seq":1,"name":"pageview","url":"https://example.com/"}]`, 1, 0)
	f(`[{"seq":1,"name":"pageview","url":"https://example.com/","ip":"203.0.113.7"}]`, 0, 1)
	f(`[{"seq":1,"name":"pageview","url":7}]`, 0, 1)
	f(`[{"seq":-1,"name":"pageview"}]`, 0, 1)
	f(`[{"seq":1,"name":"signup","props":{"plan":"free","n":3,"yes":true}}]`, 1, 0)
	f(`[{"seq":1,"name":"signup","props":{"plan":{"deep":1}}}]`, 0, 1)
	f(`[{"seq":1,"name":"signup","props":{"plan":null}}]`, 0, 1)
	f(`[{"seq":1,"name":"a","url":"u"},7,{"seq":2,"name":"b","url":"u"}]`, 2, 1)
}

func TestDecodeEventsRefusesTheEnvelope(t *testing.T) {
	f := func(body, field string) {
		t.Helper()
		_, fault := decodeEvents([]byte(body), at)
		if fault == nil || fault.status != 400 || fault.Field != field {
			t.Errorf("%s: got %+v, want a fault in %q", body, fault, field)
		}
	}
	f(`nonsense`, "")
	f(`{"v":2}`, "v")
	f(`{"v":1}`, "site")
	f(`{"v":1,"site":"shop"}`, "events")
	f(`{"v":1,"site":"shop","events":[{}]}`, "session.id")
	f(`{"v":1,"site":"shop","events":[{}],"session":{"id":"zz112233445566778899aabbccddeeff"}}`, "session.id")
	f(head+"["+strings.Repeat("{},", maxEvents)+"{}]}", "events")
	if d, fault := decodeEvents([]byte(head+`[{"seq":1,"name":"a"}],"future_key":{"a":1}}`), at); fault != nil || len(d.events) != 1 {
		t.Error("an unknown key of the envelope lost an honest event")
	}
}

// TestOwnedValues overwrites the body after decoding, as the server does with
// the next request.
func TestOwnedValues(t *testing.T) {
	body := []byte(head + `[{"seq":1,"name":"pageview","url":"https://example.com/a","props":{"p":"v","n":12345}}]}`)
	d, fault := decodeEvents(body, at)
	if fault != nil {
		t.Fatal(fault.Message)
	}
	for i := range body {
		body[i] = 'X'
	}
	e := d.events[0]
	if d.site != "shop" || e.URL != "https://example.com/a" || e.Name != "pageview" || e.Props["p"] != "v" || e.Props["n"] != "12345" {
		t.Errorf("what was decoded changed with the buffer: %+v", e)
	}
}

// TestBrowserClock shows that only the difference of the browser's own times is
// read.
func TestBrowserClock(t *testing.T) {
	for _, now := range []string{"0", "1000", "4102444800000", "-5"} {
		body := strings.Replace(head, `"now":1000`, `"now":`+now, 1) + `[{"seq":1,"name":"a","url":"u"}]}`
		if _, fault := decodeEvents([]byte(body), at); fault != nil {
			t.Errorf("now=%s: %s", now, fault.Message)
		}
	}
	d, _ := decodeEvents([]byte(head+`[{"seq":1,"name":"a"}]}`), at)
	if d.session.Age != 600*time.Millisecond {
		t.Errorf("age %s, want 600ms", d.session.Age)
	}
}

func TestOrigin(t *testing.T) {
	hosts := []string{"shop.example", "localhost"}
	f := func(origin, fetchSite string, want bool) {
		t.Helper()
		if got := sameOrigin(origin, fetchSite, hosts); got != want {
			t.Errorf("Origin %q, Sec-Fetch-Site %q: got %v", origin, fetchSite, got)
		}
	}
	f("https://shop.example", "same-origin", true)
	f("https://SHOP.example", "", true)
	f("https://shop.example:8443", "", true)
	f("http://localhost:8080", "", true)
	f("http://shop.example", "", false) // without TLS
	f("https://shop.example.evil.example", "", false)
	f("https://evil.example", "cross-site", false)
	f("null", "", false)
	f("null", "cross-site", false)
	f("null", "same-origin", true)
	f("file://", "", false)
	f("", "", true)
	f("", "same-origin", true)
	f("", "same-site", true)
	f("", "none", true)
	f("", "cross-site", false)
}

func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte(head + `[{"seq":1,"name":"pageview","url":"https://example.com/","ago":1e300}]}`))
	f.Add([]byte(head + `[{"seq":1,"name":"signup","props":{"a":"b"}}]}`))
	f.Add([]byte(`{"v":1,"session":{"start":-9e99}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, fault := decodeEvents(body, at)
		if fault != nil && (len(d.events) > 0 || d.token != "") {
			t.Fatal("a refused call yields something")
		}
		if len(d.events) > maxEvents {
			t.Fatal("more events than allowed")
		}
	})
}

func FuzzDecodeConsent(f *testing.F) {
	f.Add([]byte(`{"v":1,"site":"shop","key":"00000000-0000-4000-8000-000000000000","action":"custom","choices":{"a":true}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, fault := decodeConsent(body); fault == nil && (c.Site == "" || len(c.Key) != 36) {
			t.Fatal("an incomplete decision was taken")
		}
	})
}
