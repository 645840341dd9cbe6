package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"kelisim/banner"
	"kelisim/pipeline/spool"
	"kelisim/storage/journal"
)

// TestShownText takes the hash that the banner gave, in the language it was asked
// in, and counts a banner once.
func TestShownText(t *testing.T) {
	e := newEdge(t, spool.Options{})
	for i, again := range []string{"", "&again=1"} {
		_, body := e.send("GET", "/v1/banner?site=demo&lang=ru"+again, "")
		var d banner.Document
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		call := strings.Replace(strings.TrimSuffix(e.decision("accept_all", fmt.Sprint(i)), "}"), `"kk"`, `"ru"`, 1) +
			`,"shown":{"variant":"bar-1","text_sha256":"` + d.TextSHA256 + `"}}`
		if res, got := e.send("POST", "/v1/consent", call); res.StatusCode != 201 {
			t.Errorf("%d %s", res.StatusCode, got)
		}
	}
	if err := e.journal.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	frames, _, err := e.spool.Read(ended, e.spool.Checkpoint(), 1<<20)
	if err != nil || len(frames) == 0 {
		t.Fatal(len(frames), err)
	}
	var counts []journal.Count
	if err := json.Unmarshal(frames[len(frames)-1].Payload(), &counts); err != nil || len(counts) != 1 || counts[0].N != 1 {
		t.Errorf("banners counted: %+v %v", counts, err)
	}
}

// TestReasons walks through the reasons for asking, with the clock moved.
func TestReasons(t *testing.T) {
	e := newEdge(t, spool.Options{})
	f := func(want banner.Reason, cookie string) {
		t.Helper()
		res, body := e.send("GET", "/v1/banner?site=demo&lang=ru", "", "Cookie", cookie)
		var d banner.Document
		if err := json.Unmarshal([]byte(body), &d); err != nil || d.Reason != want || d.Lang != "ru" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %s (%v), want %s", d.Reason, err, want)
		}
	}
	f(banner.First, "")
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	refused, _ := e.send("POST", "/v1/consent", e.decision("refuse_all", "2"))
	f(banner.Settings, jar(accepted))
	f(banner.Settings, jar(refused))
	f(banner.Material, "__Host-kelisim-state=1.0011223344556677.analytics.peg.99999.0.g")
	e.now = e.now.AddDate(0, 5, 0)
	f(banner.Settings, jar(refused))
	e.now = e.now.AddDate(0, 2, 0)
	f(banner.Again, jar(refused))
	f(banner.Expired, jar(accepted))
	if _, body := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(accepted)); body != `{"accepted":0,"dropped":{"expired":1}}` {
		t.Errorf("after the term: %s", body)
	}
}
