package collector

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"kelisim/pipeline/spool"
)

// lines sends the same header on several lines.
func (e *edge) lines(method, path, body, cookie string, signal []string) string {
	e.t.Helper()
	r := e.request(method, path, body, "Cookie", cookie)
	for _, v := range signal {
		r.Header.Add("Sec-GPC", v)
	}
	_, answer := e.do(r)
	return answer
}

// TestSignal: the signal is on when a line of the header is exactly "1", in both
// calls alike.
func TestSignal(t *testing.T) {
	e := newEdge(t, spool.Options{})
	// Marketing alone: the policy of the demo lowers it under the signal.
	body := strings.Replace(e.decision("custom", "1"), `"v":1`, `"v":1,"choices":{"marketing":true}`, 1)
	res, got := e.send("POST", "/v1/consent", body)
	if res.StatusCode != 201 {
		t.Fatal(got)
	}
	marketing, key := jar(res), 100
	for _, test := range []struct {
		lines []string
		on    bool
	}{
		{nil, false},
		{[]string{"1"}, true},
		{[]string{"1", "1"}, true},
		{[]string{"0", "1"}, true},
		{[]string{"1, 1"}, false},
		{[]string{"true"}, false},
		{[]string{"10"}, false},
		{[]string{"01"}, false},
		{[]string{"0"}, false},
		{[]string{"?1"}, false},
		{[]string{`"1"`}, false},
		{[]string{"1;a"}, false},
		{[]string{" 1 "}, true}, // space around a value is not part of it
	} {
		key++
		answer := e.lines("POST", "/v1/consent", e.decision("accept_all", fmt.Sprint(key)), "", test.lines)
		if lowered := !strings.Contains(answer, `"marketing"`); lowered != test.on || !strings.Contains(answer, `"analytics"`) {
			t.Errorf("%q: accepting everything is answered %s", test.lines, answer)
		}
		answer = e.lines("POST", "/v1/events", fmt.Sprintf(pageview, key), marketing, test.lines)
		if !strings.Contains(answer, `"purpose":1`) {
			t.Errorf("%q: a page view under marketing alone: %s", test.lines, answer)
		}
	}
}

// TestSignalInTheBody is navigator.globalPrivacyControl, which scripts see.
func TestSignalInTheBody(t *testing.T) {
	e := newEdge(t, spool.Options{})
	_, answer := e.send("POST", "/v1/consent", strings.Replace(e.decision("accept_all", "1"), `"v":1`, `"v":1,"gpc":true`, 1))
	if strings.Contains(answer, `"marketing"`) || !strings.Contains(answer, `"analytics"`) {
		t.Errorf("accepting everything is answered %s", answer)
	}
}

func TestSupportOfTheSignal(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, body := e.send("GET", "/.well-known/gpc.json", "")
	var said map[string]any
	if err := json.Unmarshal([]byte(body), &said); err != nil || len(said) != 2 || said["gpc"] != true {
		t.Errorf("%s %v", body, err)
	}
	since, err := time.Parse(time.DateOnly, fmt.Sprint(said["lastUpdate"]))
	if err != nil || since.Year() < 2026 {
		t.Errorf("the day of the statement: %v", said["lastUpdate"])
	}
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != "application/json" || !strings.HasPrefix(res.Header.Get("Cache-Control"), "public, max-age=") {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}
