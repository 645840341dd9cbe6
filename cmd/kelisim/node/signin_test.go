package node_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const (
	login    = "tester"
	password = "a password for the test"
)

var formField = regexp.MustCompile(`name="form" value="([^"]+)"`)

// dashboard signs in with wrong names and passwords and asks for what there is not.
func (g *target) dashboard() {
	h := g.h
	base := g.n.AdminURL()
	for _, path := range []string{
		"/" + h.plant("unknown path of the dashboard") + "?q=" + h.plant("query at the dashboard"), "/dashboard/" + h.plant("unknown file of the dashboard"),
		"/login?lang=" + h.plant("unknown language") + "&expired=" + h.plant("query at the dashboard"), "/api/v1/report?site=" + h.plant("unknown site"),
		"/api/" + h.plant("unknown path of the dashboard"), "/?site=" + h.plant("unknown site"),
	} {
		g.send(call{method: http.MethodGet, url: base + path, cookies: map[string]string{"kelisim-dashboard": h.plant("session of the dashboard")}})
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		g.send(call{method: method, url: base + "/" + h.plant("unknown path of the dashboard"), body: h.plant("body of an unknown method")})
	}
	g.send(call{method: http.MethodPost, url: base + "/login", kind: "text/plain", body: strings.Repeat(h.plant("oversize body"), 9000), mayBreak: true})
	wrong := h.plant("wrong user name")
	h.except("wrong user name", "POST /login") // the form shows it again to who typed it
	g.signIn(wrong, h.plant("wrong password"), http.StatusUnauthorized)
	g.signIn(login, h.plant("wrong password"), http.StatusUnauthorized)
}

// signIn sends the login form and returns the cookies of the session.
func (g *target) signIn(name, secret string, want int) map[string]string {
	g.Helper()
	base := g.n.AdminURL()
	page := g.get(base, "/login")
	found := formField.FindSubmatch(page.body)
	if found == nil {
		g.Fatal("the login page has no form")
	}
	form := url.Values{"form": {string(found[1])}, "name": {name}, "password": {secret}, "more": {g.h.plant("form field")}}
	a := g.send(call{
		method: http.MethodPost, url: base + "/login", kind: "application/x-www-form-urlencoded", body: form.Encode(), cookies: page.cookies,
		headers: map[string]string{"Origin": base},
	})
	if a.status != want {
		g.Errorf("login: status %d, want %d", a.status, want)
	}
	return a.cookies
}

// look reads the reports, as marketing does.
func (g *target) look() {
	cookies := g.signIn(login, password, http.StatusSeeOther)
	secret := g.h.plant("query at the dashboard")
	for _, path := range []string{
		"/?from=" + secret + "&to=" + secret + "&show=" + secret, "/?days=7&lang=" + g.h.plant("unknown language"), "/api/v1/report?by=page&metrics=page_views",
		"/api/v1/report?filter=" + secret, "/api/v1/report?by=" + secret, "/api/v1/report?metrics=" + secret, "/api/v1/report?from=" + secret,
		"/api/v1/report?by=page&metrics=page_views&format=csv", "/api/v1/report?format=" + secret, "/" + g.h.plant("unknown path of the dashboard"),
	} {
		g.send(call{method: http.MethodGet, url: g.n.AdminURL() + path, cookies: cookies})
	}
}
