package inspect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"kelisim/banner"
	"kelisim/consent/policy"
)

// calls makes the calls of the banner as a page would.
func (x *look) calls(ctx context.Context, s known) {
	origin := x.origin()
	if p := x.policyOf(s.id); p != nil {
		if p.Key().String() != s.editions[0] {
			x.bad("edition", "the collector asks for edition %s of %s; the policy here is %s", s.editions[0], s.id, p.Key())
		}
		if p.Mode != modeNamed(s.prefix) {
			x.bad("mode", "the policy here says %s for %s, the collector serves %s", p.Mode, s.id, modeNamed(s.prefix))
		}
		if origin != nil && !slices.Contains(p.Hosts, origin.Hostname()) {
			x.bad("hosts", "the policy of %s does not name %s: its pages may call nothing", s.id, origin.Hostname())
		}
	}
	x.banner(ctx, s, origin)
	if origin == nil {
		x.ok("cookies", "not looked at: give the address of a page")
		return
	}
	x.cookies(ctx, s, origin)
	x.foreign(ctx, s)
}

// headers are those that a browser adds for a page.
func (x *look) headers(origin *url.URL) map[string]string {
	if origin == nil {
		return nil
	}
	near := map[policy.Mode]string{policy.ModePath: "same-origin", policy.ModeSubdomain: "same-site", policy.ModeCrossOrigin: "cross-site"}
	return map[string]string{
		"Origin": origin.Scheme + "://" + origin.Host, "Referer": origin.Scheme + "://" + origin.Host + "/",
		"Sec-Fetch-Site": near[x.mode], "Sec-Fetch-Mode": "cors", "Content-Type": "text/plain;charset=UTF-8",
	}
}

// banner asks what to ask, without being counted.
func (x *look) banner(ctx context.Context, s known, origin *url.URL) {
	var doc struct{ Edition, Site string }
	a, err := x.fetch.get(ctx, x.base+"v1/banner?again=1&lang=kk&site="+url.QueryEscape(s.id), x.headers(origin))
	switch {
	case err != nil:
		x.bad("banner", "%s", err)
		return
	case a.status != http.StatusOK || json.Unmarshal(a.body, &doc) != nil:
		x.bad("banner", "of %s answers %d: nobody is asked", s.id, a.status)
		return
	case doc.Edition != s.editions[0]:
		x.bad("banner", "of %s is edition %s, and the loader says %s: one of them comes out of a cache", s.id, doc.Edition, s.editions[0])
	default:
		x.ok("banner", "%s, edition %s", s.id, doc.Edition)
	}
	if cache := a.header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
		x.bad("cache", "the banner's answer comes with Cache-Control %q: it depends on the visitor and must not be kept (no-store)", cache)
	}
	x.grant("banner", a, origin)
}

// grant looks whether the page may read an answer, and as it should.
func (x *look) grant(what string, a *answer, origin *url.URL) {
	if origin == nil {
		return
	}
	want, credentials := origin.Scheme+"://"+origin.Host, ""
	switch x.mode {
	case policy.ModePath:
		want = ""
	case policy.ModeSubdomain:
		credentials = "true"
	}
	got, with := a.header.Get("Access-Control-Allow-Origin"), a.header.Get("Access-Control-Allow-Credentials")
	if got != want || with != credentials {
		x.bad(what, "may be read by %q (with cookies: %q), want %q and %q in mode %s: a server in front changes the headers of CORS, or the policy does not name the host", got, with, want, credentials, x.mode)
	}
}

// withdrawal of no consent: it is answered as any decision is, and leaves no trace.
func withdrawal(s known) string {
	b, err := json.Marshal(map[string]any{"v": 1, "site": s.id, "edition": s.editions[0], "lang": "kk", "action": "withdraw", "key": uuid.NewString()})
	if err != nil {
		return "{}" // texts always encode
	}
	return string(b)
}

// cookies makes a call that sets cookies, and looks at them.
func (x *look) cookies(ctx context.Context, s known, origin *url.URL) {
	a, err := x.fetch.do(ctx, http.MethodPost, x.base+"v1/consent", withdrawal(s), x.headers(origin))
	if err != nil {
		x.bad("decisions", "%s", err)
		return
	}
	if a.status != http.StatusCreated {
		x.bad("decisions", "of %s are answered %d to a page of %s: %s", s.id, a.status, origin.Host, reason(a))
		return
	}
	x.grant("decisions", a, origin)
	set := (&http.Response{Header: a.header}).Cookies()
	if x.mode == policy.ModeCrossOrigin {
		var kept struct {
			Marker string
			MaxAge int `json:"max_age"`
		}
		switch {
		case len(set) > 0:
			x.bad("cookies", "the collector sets %s: in mode cross-origin it sets none", set[0].Name)
		case json.Unmarshal(a.body, &kept) != nil || kept.Marker == "" || kept.MaxAge <= 0:
			x.bad("cookies", "the answer holds no state for the browser to keep")
		default:
			x.ok("cookies", "none; the browser keeps the state for %d days", kept.MaxAge/86400)
		}
		return
	}
	prefix := ""
	if origin.Scheme == "https" {
		prefix = banner.Prefix(x.mode)
	}
	faults := append(x.cookie(set, prefix+"kelisim-state", false, origin), x.cookie(set, prefix+"kelisim", true, origin)...)
	for _, fault := range faults {
		x.bad("cookies", "%s", fault)
	}
	if len(faults) == 0 {
		x.ok("cookies", "%skelisim, HttpOnly, and %skelisim-state", prefix, prefix)
	}
}

const longest = 400 * 86400 // seconds that browsers keep a cookie

// cookie is what is wrong with a cookie that should be set, or taken away.
func (x *look) cookie(set []*http.Cookie, name string, hidden bool, origin *url.URL) (faults []string) {
	i := slices.IndexFunc(set, func(c *http.Cookie) bool { return c.Name == name })
	if i < 0 {
		var names []string
		for _, c := range set {
			names = append(names, c.Name)
		}
		return []string{name + " is not set, but " + strings.Join(names, ", ") + ": does a server in front take Origin and Referer away, or change Set-Cookie?"}
	}
	c := set[i]
	fault := func(is bool, text string) {
		if is {
			faults = append(faults, name+" "+text)
		}
	}
	fault(origin.Scheme == "https" && !c.Secure, "is not Secure")
	fault(c.Path != "/", "has the path "+c.Path+", not /")
	fault(c.SameSite != http.SameSiteLaxMode, "is not SameSite=Lax")
	fault(c.HttpOnly != hidden, map[bool]string{true: "is not HttpOnly: every script on the page could read it", false: "is HttpOnly: the loader cannot read it"}[hidden])
	fault(x.mode == policy.ModePath && c.Domain != "", "has a Domain: browsers refuse it under a __Host- name")
	fault(x.mode == policy.ModeSubdomain && (c.Domain == "" || !policy.Within(origin.Hostname(), c.Domain) || !policy.Within(hostname(x.base), c.Domain)), "has the Domain "+c.Domain+", which is no parent of both the page and the collector")
	fault(!hidden && (c.MaxAge <= 0 || c.MaxAge > longest), "has no life that browsers keep to")
	return faults
}

func hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// foreign looks whether a page of somebody else is refused.
func (x *look) foreign(ctx context.Context, s known) {
	stranger := &url.URL{Scheme: "https", Host: "stranger.invalid"}
	h := x.headers(stranger)
	h["Sec-Fetch-Site"] = "cross-site"
	a, err := x.fetch.do(ctx, http.MethodPost, x.base+"v1/consent", withdrawal(s), h)
	switch {
	case err != nil:
		x.bad("strangers", "%s", err)
	case a.status != http.StatusForbidden || a.header.Get("Access-Control-Allow-Origin") != "":
		x.bad("strangers", "a page of another site is answered %d, Access-Control-Allow-Origin %q: does a server in front set Origin or CORS?", a.status, a.header.Get("Access-Control-Allow-Origin"))
	default:
		x.ok("strangers", "pages of other sites are refused")
	}
}

// reason is the code of a refusal.
func reason(a *answer) string {
	var f struct {
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(a.body, &f) != nil || f.Error.Code == "" {
		return "it does not come from the collector"
	}
	return f.Error.Code
}
