package dashboard_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"kelisim/dashboard"
	"kelisim/dashboard/report"
)

// broken panics with what it was asked.
type broken struct{ dashboard.Reader }

func (broken) Report(context.Context, uint32, report.Spec) (report.Result, error) {
	panic("what a person sent")
}

func TestErrorsRepeatNothing(t *testing.T) {
	var log bytes.Buffer
	b := open(t, dashboard.Options{Reader: broken{}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	b.login()
	log.Reset()
	for target, want := range map[string]int{
		"/secret?secret=1": http.StatusNotFound, "/api/secret": http.StatusNotFound, "/dashboard/secret": http.StatusNotFound,
		"/api/v1/report": http.StatusInternalServerError,
	} {
		p := b.get(target)
		if p.StatusCode != want || strings.Contains(p.text, "secret") || strings.Contains(p.text, "person") {
			t.Errorf("%s: status %d, want %d: %q", target, p.StatusCode, want, p.text)
		}
		if p.Header.Get("Content-Security-Policy") == "" || p.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: an answer without the headers of the others", target)
		}
	}
	if p := b.send("DELETE", "/login", nil); p.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("unknown method: status %d", p.StatusCode)
	}
	if s := log.String(); !strings.Contains(s, "a handler panicked") || !strings.Contains(s, "errors_test.go") || strings.Contains(s, "person sent") {
		t.Errorf("the log of a panic: %s", s)
	}
}
