package dashboard_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"kelisim/dashboard"
)

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
