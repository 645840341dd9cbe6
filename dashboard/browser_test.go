package dashboard_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/crypto/bcrypt"

	"kelisim/dashboard"
	"kelisim/dashboard/accounts"
	"kelisim/dashboard/report"
)

const (
	person   = "aigerim"
	password = "correct horse battery"
)

// reader answers from what a test put into it.
type reader struct {
	mu       sync.Mutex
	series   map[report.Metric]map[report.Dimension]report.Series
	presence report.Presence
	err      error
	asked    []report.Spec
	k        uint32
}

func (r *reader) Report(ctx context.Context, k uint32, spec report.Spec) (report.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.k = append(r.asked, spec), k
	if r.err != nil {
		return report.Result{}, r.err
	}
	if err := ctx.Err(); err != nil {
		return report.Result{}, err
	}
	result := report.Result{AsOf: now()}
	for _, m := range spec.Metrics {
		s := r.series[m][spec.By]
		s.Metric = m
		result.Series = append(result.Series, s)
	}
	return result, nil
}

func (r *reader) Presence(context.Context, report.Spec) (report.Presence, error) {
	return r.presence, r.err
}

func now() time.Time { return time.Date(2027, 5, 22, 9, 5, 0, 0, time.UTC) }

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// full is a reader with something in every part of the page.
func full() *reader {
	day := report.DayFrom(2027, 5, 20)
	byDay := func(total uint64) report.Series {
		return report.Series{
			Total: report.Figure{Value: total, Known: true},
			Rows:  []report.Row{{First: day - 2, Last: day - 1, Value: 24}, {First: day, Last: day, Value: total}},
		}
	}
	by := func(labels ...string) report.Series {
		s := report.Series{Total: report.Figure{Value: 900, Known: true}, Withheld: true}
		for i, label := range labels {
			s.Rows = append(s.Rows, report.Row{Label: label, Value: uint64(600 - 100*i), Joined: i == 1})
		}
		return s
	}
	visitors := byDay(1230)
	visitors.Rounded = true
	return &reader{series: map[report.Metric]map[report.Dimension]report.Series{
		report.Visitors:    {report.ByDay: visitors},
		report.EngagedTime: {report.ByDay: byDay(75)},
		report.Sessions: {
			report.ByDay: byDay(2345), report.BySource: by("", "<script>alert(1)</script>"),
			report.ByCountry: by("KZ", "RU", ""), report.ByBrowser: by("Chrome"), report.ByDevice: by("mobile", "desktop", "tablet"),
		},
		report.PageViews: {report.ByDay: byDay(1234567), report.ByPage: by("/", "/=formula")},
		report.Banner: {report.ByDay: byDay(5000), report.ByChoice: report.Series{
			Total: report.Figure{Value: 5000, Known: true},
			Rows:  []report.Row{{Label: "accepted", Value: 2135}, {Label: "refused", Value: 1500}, {Label: "ignored", Value: 1365}},
		}},
		report.Withdrawn: {report.ByDay: byDay(31)},
		report.Dropped: {report.ByDetail: report.Series{
			Total: report.Figure{Value: 2160, Known: true}, Withheld: true,
			Rows: []report.Row{
				{Label: "full/full", Value: 600}, {Label: "bot/crawler", Value: 500}, {Label: "bot/headers", Value: 450},
				{Label: "no_consent/no_token", Value: 400}, {Label: "bad_token/forged", Value: 110}, {Label: "bot/", Value: 60}, {Label: "bot/of_a_newer_node", Value: 40},
			},
		}},
	}}
}

// browser is a client of one dashboard with cookies of its own.
type browser struct {
	t       *testing.T
	app     *fiber.App
	cookies map[string]string
}

type page struct {
	*http.Response
	text string
}

func open(t *testing.T, o dashboard.Options) *browser {
	t.Helper()
	if o.Accounts == nil {
		o.Accounts = people(t)
	}
	if o.Reader == nil {
		o.Reader = full()
	}
	if o.Now == nil {
		o.Now = now
	}
	if o.Sites == nil {
		almaty, err := time.LoadLocation("Asia/Almaty")
		if err != nil {
			t.Fatal(err)
		}
		o.Sites = []dashboard.Site{
			{ID: "shop", Zone: almaty, Names: map[string]string{"kk": "Мысал дүкені", "ru": "Магазин", "en": "Example shop"}},
			{ID: "blog", K: 20},
		}
	}
	d, err := dashboard.New(o)
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New(fiber.Config{ErrorHandler: d.HandleError})
	d.Register(app)
	app.Get("/metrics", func(c *fiber.Ctx) error { return c.SendString("others") })
	return &browser{t: t, app: app, cookies: map[string]string{}}
}

func people(t *testing.T) *accounts.Accounts {
	t.Helper()
	a, err := accounts.Open(accounts.Options{Path: filepath.Join(t.TempDir(), "accounts.json"), Cost: bcrypt.MinCost})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Add(context.Background(), person, accounts.Marketing, password); err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *browser) send(method, target string, form url.Values, headers ...string) page {
	b.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := b.app.Test(r, -1)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return page{resp, string(body)}
}

func (b *browser) get(target string, headers ...string) page {
	b.t.Helper()
	return b.send("GET", target, nil, headers...)
}

// hidden is the value of a hidden field of a page.
func (p page) hidden(t *testing.T, name string) string {
	t.Helper()
	match := regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindStringSubmatch(p.text)
	if match == nil {
		t.Fatalf("no field %s in the page", name)
	}
	return match[1]
}

func (b *browser) tryLogin(name, pass string, headers ...string) page {
	b.t.Helper()
	form := b.get("/login").hidden(b.t, "form")
	return b.send("POST", "/login", url.Values{"form": {form}, "name": {name}, "password": {pass}}, headers...)
}

func (b *browser) login() {
	b.t.Helper()
	if p := b.tryLogin(person, password); p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/" {
		b.t.Fatalf("sign-in: %d %s", p.StatusCode, p.Header.Get("Location"))
	}
}
