package collector

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"kelisim/consent"
	"kelisim/pipeline/spool"
	"kelisim/storage/rights"
)

// broken panics with what it was asked.
type broken struct{}

func (broken) Held(context.Context, string, consent.ID) (rights.Held, error) {
	panic("what a person sent")
}

func TestPanicRepeatsNothing(t *testing.T) {
	e := newEdge(t, spool.Options{})
	var log bytes.Buffer
	e.server.o.Held, e.server.o.Logger = broken{}, slog.New(slog.NewTextHandler(&log, nil))
	res, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	res, body := e.send("GET", "/privacy/demo", "", "Cookie", "__Host-kelisim="+res.Cookies()[1].Value)
	if res.StatusCode != 500 || strings.Contains(body, "person") {
		t.Errorf("status %d: %s", res.StatusCode, body)
	}
	if s := log.String(); !strings.Contains(s, "a handler panicked") || !strings.Contains(s, "quiet_test.go") || strings.Contains(s, "person") {
		t.Errorf("the log of a panic: %s", s)
	}
	if res, _ := e.send("GET", "/livez", ""); res.StatusCode != 200 {
		t.Errorf("after a panic: status %d", res.StatusCode)
	}
}

// A refusal leaves a counter; nobody may put a name of their own into it.
func TestVariantsAreKnownOnes(t *testing.T) {
	e := newEdge(t, spool.Options{})
	known, ok := e.server.site("demo")
	if !ok {
		t.Fatal("there is no site demo")
	}
	for given, want := range map[string]string{"": "", "bar-1": "bar-1", "api": "api", "privacy-page": "privacy-page", "of-one-person": "other"} {
		if got := variant(known, given); got != want {
			t.Errorf("variant %q is kept as %q, want %q", given, got, want)
		}
	}
	body := strings.Replace(e.decision("refuse_all", "1"), `"v":1`, `"v":1,"shown":{"variant":"of-one-person"}`, 1)
	if res, got := e.send("POST", "/v1/consent", body); res.StatusCode != 201 {
		t.Fatalf("refusal: status %d: %s", res.StatusCode, got)
	}
	frames, _, err := e.spool.Read(t.Context(), e.spool.Checkpoint(), 1<<20)
	if err != nil || len(frames) != 1 {
		t.Fatalf("spool: %d frames, %v", len(frames), err)
	}
	if b := frames[0].Payload(); bytes.Contains(b, []byte("of-one-person")) || !bytes.Contains(b, []byte("other")) {
		t.Errorf("spool: %s", b)
	}
}

// A body is taken as it came: a small one could unpack to any size.
func TestCompressedBodiesAreNotUnpacked(t *testing.T) {
	e := newEdge(t, spool.Options{})
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, e.decision("accept_all", "1")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/consent", "/v1/events"} {
		if res, got := e.send("POST", path, packed.String(), "Content-Encoding", "gzip"); res.StatusCode != 400 {
			t.Errorf("%s: status %d: %s", path, res.StatusCode, got)
		}
	}
}
