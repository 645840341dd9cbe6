package dashboard_test

import (
	"context"
	"errors"
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
		report.Dropped:   {report.ByReason: by("bot", "no_consent", "full")},
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
	app := fiber.New()
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

func TestAnonymous(t *testing.T) {
	b := open(t, dashboard.Options{})
	for _, target := range []string{"/", "/?site=shop", "/?days=7"} {
		if p := b.get(target); p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/login" {
			t.Errorf("%s: %d %s", target, p.StatusCode, p.Header.Get("Location"))
		}
	}
	p := b.get("/api/v1/report?site=shop")
	if p.StatusCode != http.StatusUnauthorized || !strings.Contains(p.text, `"code":"unauthorized"`) {
		t.Errorf("API: %d %s", p.StatusCode, p.text)
	}
	b.cookies["kelisim-dashboard"] = "made-up"
	if p := b.get("/"); p.Header.Get("Location") != "/login?expired=1" {
		t.Errorf("with a made-up cookie: %s", p.Header.Get("Location"))
	}
}

func TestHeaders(t *testing.T) {
	b := open(t, dashboard.Options{})
	b.login()
	for _, target := range []string{"/", "/login", "/api/v1/report", "/logout"} {
		h := b.get(target).Header
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "style-src 'self'", "base-uri 'none'"} {
			if target != "/logout" && !strings.Contains(csp, part) { // /logout answers only to POST
				t.Errorf("%s: policy %q lacks %q", target, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script-src") {
			t.Errorf("%s: policy %q", target, csp)
		}
		if target == "/logout" {
			continue
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"X-Frame-Options": "DENY",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", target, name, h.Get(name))
			}
		}
	}
	if p := b.get("/metrics"); p.text != "others" || p.Header.Get("Content-Security-Policy") != "" {
		t.Errorf("another route of the listener is touched: %q", p.text)
	}
	style := regexp.MustCompile(`href="(/dashboard/dashboard\.[0-9a-f]{16}\.css)"`).FindStringSubmatch(b.get("/").text)
	if style == nil {
		t.Fatal("no style sheet with a hash")
	}
	p := b.get(style[1])
	if p.StatusCode != 200 || !strings.Contains(p.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style sheet: %d %v", p.StatusCode, p.Header)
	}
	if p := b.get("/dashboard/dashboard.css"); p.StatusCode != 404 {
		t.Errorf("without hash: %d", p.StatusCode)
	}
}

func TestCookies(t *testing.T) {
	for _, secure := range []bool{false, true} {
		b := open(t, dashboard.Options{Secure: secure})
		form := b.get("/login").hidden(t, "form")
		p := b.send("POST", "/login", url.Values{"form": {form}, "name": {person}, "password": {password}})
		name := "kelisim-dashboard"
		if secure {
			name = "__Host-" + name
		}
		found := false
		for _, c := range p.Cookies() {
			if c.Name != name {
				continue
			}
			found = true
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != secure || c.Path != "/" || c.Domain != "" || c.MaxAge != 12*3600 {
				t.Errorf("secure %v: %+v", secure, c)
			}
		}
		if !found {
			t.Errorf("no cookie %s", name)
		}
	}
}

func TestWrongCredentialsLookAlike(t *testing.T) {
	b := open(t, dashboard.Options{})
	text := func(p page) string {
		return regexp.MustCompile(`value="[^"]*"`).ReplaceAllString(p.text, "")
	}
	unknown, wrong := b.tryLogin("nobody", password), b.tryLogin(person, "wrong password")
	if unknown.StatusCode != http.StatusUnauthorized || wrong.StatusCode != http.StatusUnauthorized || text(unknown) != text(wrong) {
		t.Error("an unknown name and a wrong password can be told apart")
	}
	for lang, want := range map[string]string{
		"en": "Wrong user name or password.", "ru": "Неверное имя пользователя или пароль.",
		"kk": "Пайдаланушы аты немесе құпиясөз дұрыс емес.",
	} {
		b.get("/login?lang=" + lang)
		if p := b.tryLogin("nobody", password); !strings.Contains(p.text, want) {
			t.Errorf("%s: no %q", lang, want)
		}
	}
}

func TestForgedForms(t *testing.T) {
	b := open(t, dashboard.Options{})
	good := url.Values{"name": {person}, "password": {password}}
	forbidden := func(name string, p page) {
		t.Helper()
		if p.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, p.StatusCode)
		}
	}
	forbidden("no form token", b.send("POST", "/login", good))
	b.get("/login")
	good.Set("form", "another")
	forbidden("another form token", b.send("POST", "/login", good))
	forbidden("from another site", b.tryLogin(person, password, "Sec-Fetch-Site", "cross-site"))
	forbidden("from another origin", b.tryLogin(person, password, "Origin", "https://evil.example"))

	b.login()
	csrf := b.get("/").hidden(t, "csrf")
	forbidden("sign-out without token", b.send("POST", "/logout", url.Values{}))
	forbidden("sign-out from elsewhere", b.send("POST", "/logout", url.Values{"csrf": {csrf}}, "Sec-Fetch-Site", "same-site"))
	if p := b.get("/"); p.StatusCode != 200 {
		t.Fatalf("a forged sign-out worked: %d", p.StatusCode)
	}
	token := b.cookies["kelisim-dashboard"]
	if p := b.send("POST", "/logout", url.Values{"csrf": {csrf}}); p.StatusCode != http.StatusSeeOther {
		t.Errorf("sign-out: %d", p.StatusCode)
	}
	b.cookies["kelisim-dashboard"] = token // kept by somebody
	if p := b.get("/"); p.StatusCode != http.StatusSeeOther {
		t.Errorf("after sign-out: %d", p.StatusCode)
	}
}

func TestThrottle(t *testing.T) {
	c := &clock{at: now()}
	b := open(t, dashboard.Options{Now: c.now})
	for i := range 5 {
		if p := b.tryLogin(person, "wrong password"); p.StatusCode != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", i, p.StatusCode)
		}
	}
	p := b.tryLogin(person, password)
	if p.StatusCode != http.StatusTooManyRequests || p.Header.Get("Retry-After") != "30" {
		t.Errorf("sixth try: %d, Retry-After %q", p.StatusCode, p.Header.Get("Retry-After"))
	}
	if p := b.tryLogin("unknown", "wrong password"); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("another name: %d", p.StatusCode)
	}
	c.forward(30 * time.Second)
	b.login()
}

func TestSessionEnds(t *testing.T) {
	c := &clock{at: now()}
	a := people(t)
	b := open(t, dashboard.Options{Now: c.now, Accounts: a})
	in := func(want bool) {
		t.Helper()
		if got := b.get("/").StatusCode == 200; got != want {
			t.Errorf("signed in: %v, want %v", got, want)
		}
	}
	b.login()
	in(true)
	c.forward(29 * time.Minute)
	in(true)
	c.forward(31 * time.Minute)
	in(false)

	b.login()
	for range 24 {
		c.forward(29 * time.Minute)
		in(true)
	}
	c.forward(29 * time.Minute) // 12 hours have passed
	in(false)

	b.login()
	if err := a.Remove(context.Background(), person); err != nil {
		t.Fatal(err)
	}
	in(false)
}

func TestNewRefuses(t *testing.T) {
	good := dashboard.Options{Reader: full(), Accounts: people(t), Sites: []dashboard.Site{{ID: "shop"}}}
	f := func(name string, change func(*dashboard.Options)) {
		t.Helper()
		o := good
		change(&o)
		if _, err := dashboard.New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	f("no reader", func(o *dashboard.Options) { o.Reader = nil })
	f("no accounts", func(o *dashboard.Options) { o.Accounts = nil })
	f("no site", func(o *dashboard.Options) { o.Sites = nil })
	f("k = 4", func(o *dashboard.Options) { o.Sites = []dashboard.Site{{ID: "shop", K: 4}} })
	f("k = 4 under an override", func(o *dashboard.Options) { o.K, o.Sites = 1, []dashboard.Site{{ID: "shop", K: 4}} })
}

func TestKReachesTheReader(t *testing.T) {
	f := func(o dashboard.Options, target string, want uint32) {
		t.Helper()
		r := full()
		o.Reader = r
		b := open(t, o)
		b.login()
		b.get(target)
		if r.k != want {
			t.Errorf("%s: k is %d, want %d", target, r.k, want)
		}
	}
	f(dashboard.Options{}, "/", 10)
	f(dashboard.Options{}, "/?site=blog", 20)
	f(dashboard.Options{}, "/api/v1/report?site=blog&k=1", 20)
	f(dashboard.Options{K: 1}, "/", 1)
}

var errAway = errors.New("connection refused")
