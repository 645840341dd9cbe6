// Package visitor plays one honest browser against a collector: it asks for the
// banner, decides, and sends events only as long as its own consent permits. It
// speaks the public HTTP interface and nothing else.
package visitor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Options say who the visitor is.
type Options struct {
	Base       string // of the collector, without a slash at the end
	Site       string
	Origin     string // of the pages, such as http://localhost:8088
	Address    string // sent as X-Forwarded-For; empty sends none
	UserAgent  string
	Lang       string
	Client     *http.Client
	Now        func() time.Time
	PatientFor time.Duration // how long a call is repeated while the collector is away; default 60 s
}

// Visitor is one browser. It is not safe for concurrent use.
type Visitor struct {
	o       Options
	edition string
	cookies map[string]string
	session string
	start   time.Time
	seq     int
}

// New makes a browser that has never seen the site.
func New(o Options) *Visitor {
	if o.PatientFor == 0 {
		o.PatientFor = time.Minute
	}
	v := &Visitor{o: o, cookies: map[string]string{}}
	v.NewSession()
	return v
}

// Answer is what became of the events of one call.
type Answer struct {
	Accepted int            `json:"accepted"`
	Dropped  map[string]int `json:"dropped"`
}

// Event is one event of the wire format.
type Event struct {
	Seq      int               `json:"seq"`
	Name     string            `json:"name"`
	URL      string            `json:"url,omitempty"`
	Referrer string            `json:"referrer,omitempty"`
	Engaged  int64             `json:"engaged,omitempty"` // milliseconds
	Props    map[string]string `json:"props,omitempty"`
}

// See asks for the banner, as a browser without a choice does.
func (v *Visitor) See(ctx context.Context) error {
	var b struct {
		Edition string `json:"edition"`
	}
	err := v.call(ctx, http.MethodGet, "/v1/banner?site="+v.o.Site+"&lang="+v.o.Lang, nil, &b)
	v.edition = b.Edition
	return err
}

// Decide sends a decision: accept_all, refuse_all, custom or withdraw.
func (v *Visitor) Decide(ctx context.Context, action string, choices map[string]bool) error {
	if v.edition == "" {
		if err := v.See(ctx); err != nil {
			return err
		}
	}
	body := map[string]any{
		"v": 1, "site": v.o.Site, "edition": v.edition, "lang": v.o.Lang, "action": action,
		"key": uuid.NewString(), "shown": map[string]string{"variant": "bar-1"},
	}
	if choices != nil {
		body["choices"] = choices
	}
	return v.call(ctx, http.MethodPost, "/v1/consent", []any{body}, nil)
}

// NewSession begins a visit.
func (v *Visitor) NewSession() {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	v.session, v.start, v.seq = hex.EncodeToString(id[:]), v.o.Now(), 0
}

// Pageview makes the event of a page; Send sends it.
func (v *Visitor) Pageview(url, referrer string) Event {
	v.seq++
	return Event{Seq: v.seq, Name: "pageview", URL: url, Referrer: referrer}
}

// Custom makes a declared event.
func (v *Visitor) Custom(name, url string, props map[string]string) Event {
	v.seq++
	return Event{Seq: v.seq, Name: name, URL: url, Props: props}
}

// Engaged makes the engaged time of an earlier page view.
func (v *Visitor) Engaged(page Event, d time.Duration) Event {
	return Event{Seq: page.Seq, Name: "engagement", Engaged: d.Milliseconds()}
}

// Send sends events and repeats the call until it is acknowledged.
func (v *Visitor) Send(ctx context.Context, events ...Event) (Answer, error) {
	body := map[string]any{
		"v": 1, "site": v.o.Site, "now": v.o.Now().UnixMilli(),
		"session": map[string]any{"id": v.session, "start": v.start.UnixMilli()}, "events": events,
	}
	repeat := maps.Clone(body)
	repeat["again"] = true
	var a Answer
	err := v.call(ctx, http.MethodPost, "/v1/events", []any{body, repeat}, &a)
	return a, err
}

// Session is the id of the visit, as 32 hexadecimal digits.
func (v *Visitor) Session() string { return v.session }

// Token is the token that the collector set, for tests of what must be refused.
func (v *Visitor) Token() string { return v.cookies["kelisim"] }

// call makes one call, and makes it again while the collector is away or full.
// The first body is that of the first attempt, the last that of all others: the
// same each time, so that a repeat is told from a new call.
func (v *Visitor) call(ctx context.Context, method, path string, bodies []any, into any) error {
	raw := [][]byte{nil}
	for i, body := range bodies {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("visitor: encode: %w", err)
		}
		raw = append(raw[:i], b)
	}
	ctx, cancel := context.WithTimeout(ctx, v.o.PatientFor)
	defer cancel()
	pause := 50 * time.Millisecond
	for {
		err := v.once(ctx, method, path, raw[0], into)
		var again *againError
		if err == nil || !errors.As(err, &again) {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
		pause, raw = min(2*pause, time.Second), raw[len(raw)-1:]
	}
}

// againError is a failure after which the same call may succeed.
type againError struct{ err error }

func (e *againError) Error() string {
	return "visitor: the collector does not answer: " + e.err.Error()
}
func (e *againError) Unwrap() error { return e.err }

func (v *Visitor) once(ctx context.Context, method, path string, raw []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, v.o.Base+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("visitor: %w", err)
	}
	req.Header.Set("User-Agent", v.o.UserAgent)
	req.Header.Set("Origin", v.o.Origin)
	req.Header.Set("Content-Type", "text/plain")
	if v.o.Address != "" {
		req.Header.Set("X-Forwarded-For", v.o.Address)
	}
	for name, value := range v.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := v.o.Client.Do(req)
	if err != nil {
		return &againError{err}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return &againError{err}
	}
	if res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusBadGateway {
		return &againError{fmt.Errorf("status %d", res.StatusCode)}
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("visitor: %s %s: status %d: %s", method, strings.SplitN(path, "?", 2)[0], res.StatusCode, answer)
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(v.cookies, c.Name)
		} else {
			v.cookies[c.Name] = c.Value
		}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("visitor: answer of %s: %w", strings.SplitN(path, "?", 2)[0], err)
	}
	return nil
}
