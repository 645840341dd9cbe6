package node_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kelisim/cmd/kelisim/node"
	"kelisim/consent"
	"kelisim/pipeline/outcome"
)

// drive does with a node all that visitors, crawlers, strangers and marketing
// do with one.
func (g *target) drive() {
	g.assets()
	g.refusals()
	g.accepted()
	g.wrongDecisions()
	g.wrongCalls()
	g.wrongTokens()
	g.wrongEvents()
	g.rights()
	g.wrongHTTP()
	g.dashboard()
	g.tooFast()
	g.metrics()
	for _, o := range outcome.All() {
		switch o {
		case outcome.Stored, outcome.Full:
			continue // not a drop; the disk is not full
		}
		if g.drops[o.String()] == 0 {
			g.Errorf("no event was dropped as %s: its way was not searched", o)
		}
	}
}

// tooFast calls from one address until the node has had enough of it.
func (g *target) tooFast() {
	b := g.browser(map[string]string{"X-Forwarded-For": flooding})
	body := `{"v":1,"site":"demo","session":{"id":"` + b.session + `","start":1},"events":[{"seq":1,"name":"` + g.h.plant("event that came too fast") + `"}]}`
	for range 5000 {
		a := g.send(call{method: http.MethodPost, url: g.n.PublicURL() + "/v1/events", body: body, headers: b.headers})
		switch a.status {
		case http.StatusAccepted:
			g.drops["no_consent"]++
			continue
		case http.StatusTooManyRequests:
			g.drops["rate"]++
			return
		}
		g.Fatalf("a flood is answered with status %d", a.status)
	}
	g.Fatal("a flood is never held back")
}

// metrics looks at the series, in both formats that Prometheus asks for.
func (g *target) metrics() {
	for _, kind := range []string{"", "application/openmetrics-text;version=1.0.0", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		a := g.send(call{method: http.MethodGet, url: g.n.AdminURL() + "/metrics?q=" + g.h.plant("query of the metrics"), headers: map[string]string{"Accept": kind, "Accept-Encoding": "identity"}})
		if a.status != http.StatusOK || !bytes.Contains(a.body, []byte("kelisim_events_answered_total")) {
			g.Errorf("metrics as %q: status %d, %d bytes", kind, a.status, len(a.body))
		}
	}
}

func (g *target) get(base, path string) answer {
	g.Helper()
	return g.send(call{method: http.MethodGet, url: base + path})
}

// assets asks for files, also for such as there are none.
func (g *target) assets() {
	secret := g.h.plant("query of a file")
	for _, path := range []string{
		"/k.js?v=" + secret, "/openapi.yaml?v=" + secret, "/livez?" + secret, "/readyz?" + secret, "/privacy/style.css?" + secret,
		"/k." + g.h.plant("hash of a loader") + ".js", "/a/" + g.h.plant("name of a folder") + "/" + g.h.plant("name of a file"), "/" + g.h.plant("unknown path"),
		"/v1/" + g.h.plant("unknown call") + "?q=" + secret, "/privacy/" + g.h.plant("unknown site"),
		"/v1/consent?site=" + g.h.plant("unknown site"), "/v1/banner?site=" + g.h.plant("unknown site"),
		"/v1/banner?site=demo&lang=" + g.h.plant("unknown language"), "/v1/consent?site=demo&q=" + secret,
		"/privacy/demo?lang=" + g.h.plant("unknown language") + "&done=registered&request=" + g.h.plant("number of a request"),
		"/privacy/demo?done=" + g.h.plant("what was done"), "/%2e%2e/" + g.h.plant("path out of the folder"),
	} {
		g.get(g.n.PublicURL(), path)
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch} {
		g.send(call{method: method, url: g.n.PublicURL() + "/v1/events?q=" + secret, body: g.h.plant("body of an unknown method")})
	}
}

// refusals leave a counter, and nothing of the person.
func (g *target) refusals() {
	b := g.browser(nil)
	if a := b.decide("refuse_all", nil, nil); a.status != http.StatusCreated {
		g.Fatalf("refusal: status %d", a.status)
	}
	b.events(b.event("pageview", "https://127.0.0.1/"+g.h.plant("path of a refuser"), nil))
	b.get(b.n.PublicURL(), "/privacy/demo")
}

// pageURL is an address of a page of which only the path, and the named tags of
// a campaign, may be kept.
func (g *target) pageURL() string {
	h := g.h
	return "https://" + h.plant("userinfo of a page") + ":" + h.plant("password of a page") + "@127.0.0.1/" + h.permit("path") +
		"?secret=" + h.plant("query of a page") + "&gclid=" + h.plant("gclid") + "&yclid=" + h.plant("yclid") + "&fbclid=" + h.plant("fbclid") +
		"&utm_source=" + h.permit("campaign") + "&utm_id=" + h.plant("utm key that is not named") +
		"&utm_medium=" + h.plant("address in a tag") + "@example.com#" + h.plant("fragment")
}

func (g *target) referrer() string {
	h := g.h
	return "https://" + h.plant("userinfo of a referrer") + "@ref.example.com/" + h.plant("path of a referrer") +
		"?q=" + h.plant("query of a referrer") + "#" + h.plant("fragment of a referrer")
}

// accepted sends what may be stored, with all that may not be, from addresses
// in every spelling.
func (g *target) accepted() {
	for _, forwarded := range []string{
		address4, address4 + ":51234", "::ffff:" + address4, "[::ffff:" + address4 + "]:443", "\"[" + address6 + "]:51234\"", address6, "[" + address6 + "]",
		address6 + "%eth0", sixToFour, translated, address6 + ", " + second4, second4 + ", 127.0.0.1", "for=" + address4, address4 + "." + g.h.plant("bad address"),
	} {
		b := g.browser(map[string]string{"X-Forwarded-For": forwarded})
		if a := b.decide("accept_all", nil, nil); a.status != http.StatusCreated || b.cookies[tokenCookie] == "" {
			g.Fatalf("acceptance: status %d", a.status)
		}
		page := b.event("pageview", g.pageURL(), map[string]any{"referrer": g.referrer()})
		before := g.taken
		b.events(page,
			map[string]any{"seq": page["seq"], "name": "engagement", "engaged": 4200},
			b.event("signup", "https://127.0.0.1/"+g.h.plantIn("path for the tables alone", inLog, inOutput)+"%3Fgclid="+g.h.plant("click id behind an encoded question mark")+"%23"+g.h.plant("encoded fragment"),
				map[string]any{"props": map[string]any{"plan": "basic"}}),
		)
		if g.taken != before+3 {
			g.Errorf("of 3 honest events %d were accepted", g.taken-before)
		}
		b.events(page) // a repeat
		b.get(b.n.PublicURL(), "/privacy/demo?lang=ru")
	}
	// What only one purpose licenses is not kept under the other.
	b := g.browser(nil)
	b.decide("custom", map[string]bool{"analytics": true}, nil)
	b.events(b.event("pageview", "https://127.0.0.1/plain?utm_source="+g.h.plant("campaign without consent to marketing"), nil))
}

// wrongDecisions are calls that decide nothing.
func (g *target) wrongDecisions() {
	b := g.browser(nil)
	for _, more := range []map[string]any{
		{"edition": g.h.plant("wrong edition")}, {"edition": randomHex(8)}, {"action": g.h.plant("wrong action")}, {"lang": g.h.plant("unknown language")},
		{"key": g.h.plant("wrong key")}, {"site": g.h.plant("unknown site")}, {"v": g.h.plant("wrong version")},
		{"action": "custom", "choices": map[string]bool{g.h.plant("unknown item"): true}},
		{"shown": map[string]any{"variant": g.h.plant("variant with a blank") + " x"}}, {"shown": map[string]any{"text_sha256": g.h.plant("wrong hash")}},
	} {
		b.decide("refuse_all", nil, more)
	}
	if a := b.decide("accept_all", nil, map[string]any{"shown": map[string]any{"text_sha256": g.h.plantHash("hash of a text that was never shown")}}); a.status != http.StatusConflict {
		g.Errorf("consent to a text that was never shown: status %d", a.status)
	}
	b.headers = map[string]string{"Origin": "https://" + g.h.plant("foreign origin") + ".example.com"}
	if a := b.decide("accept_all", nil, nil); a.status != http.StatusForbidden {
		g.Errorf("decision from a foreign origin: status %d", a.status)
	}
}

// wrongCalls are bodies that cannot be read.
func (g *target) wrongCalls() {
	cut := `{"v":1,"site":"demo","events":[{"url":"https://x/` + g.h.plant("cut JSON")
	for _, path := range []string{"/v1/events", "/v1/consent"} {
		for _, c := range []call{
			{body: cut}, {body: g.h.plant("no JSON")}, {body: `{"v":"` + g.h.plant("wrong type") + `"}`}, {body: "[\"" + g.h.plant("a list") + "\"]"},
			{body: `{"v":1,"site":"demo","session":{"id":"` + g.h.plant("short session") + `"},"events":[{}]}`},
			{body: strings.Repeat(g.h.plant("oversize body")+" ", 5000), mayBreak: true},
			{body: zipped(`{"v":1,"x":"` + g.h.plant("compressed body") + `"}`), headers: map[string]string{"Content-Encoding": "gzip"}},
			{body: g.h.plant("no gzip"), headers: map[string]string{"Content-Encoding": "gzip, " + g.h.plant("content-encoding")}},
			{body: "a=" + g.h.plant("form field"), kind: "application/x-www-form-urlencoded"},
			{body: "{}", kind: "application/" + g.h.plant("content type")},
		} {
			c.method, c.url = http.MethodPost, g.n.PublicURL()+path
			if a := g.send(c); a.status < 400 && !c.mayBreak {
				g.Errorf("a wrong body of %s: status %d", path, a.status)
			}
		}
	}
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // into memory
	_ = w.Close()
	return b.String()
}

// wrongTokens send events that no token licenses.
func (g *target) wrongTokens() {
	b := g.browser(nil)
	b.decide("accept_all", nil, nil)
	token := b.cookies[tokenCookie]
	flipped := []byte(token)
	flipped[len(flipped)-3] ^= 1
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		g.Fatal(err)
	}
	raw[9] ^= 1 // another consent under the same signature
	forged := base64.RawURLEncoding.EncodeToString(raw)
	g.h.forbid("forged token", tokenForms(forged))
	expired, edition, site := g.licensed()
	want := map[string]string{
		"": "no_consent", token[:len(token)-1]: "bad_token", token[:len(token)/2]: "bad_token", token + "AAAA": "bad_token", string(flipped): "bad_token",
		forged: "bad_token", g.h.plant("made-up token"): "bad_token", strings.ToUpper(token): "bad_token",
		expired: "expired", edition: "edition", site: "bad_token",
	}
	for one, reason := range want {
		for _, cookie := range []bool{true, false} {
			b.cookies = map[string]string{stateCookie: "1." + g.h.plant("marker") + ".x"}
			more := map[string]any{}
			if cookie && one != "" {
				b.cookies[tokenCookie] = one
			} else if one != "" {
				more["token"] = one
			}
			got := b.envelope(more, b.event("pageview", "https://127.0.0.1/"+g.h.plant("path without a licence"), nil))
			if got[reason] != 1 {
				g.Errorf("an event was dropped as %v, want %s", got, reason)
			}
			b.get(b.n.PublicURL(), "/privacy/demo")
		}
	}
	// The token where it does not belong.
	b.cookies = map[string]string{}
	b.headers = map[string]string{"Authorization": "Bearer " + token}
	b.events(b.event("pageview", "https://127.0.0.1/"+g.h.plant("path without a licence")+"?token="+token, nil))
	b.cookies = map[string]string{tokenCookie: token}
	b.headers = nil
	b.events(b.event("pageview", "https://127.0.0.1/"+g.h.permit("path")+"?token="+token, map[string]any{"referrer": "https://ref.example.com/" + token}))
	g.send(call{method: http.MethodGet, url: g.n.PublicURL() + "/v1/consent?site=demo&token=" + token, cookies: b.cookies})
}

// licensed makes tokens that the node's own keys sign and that license nothing:
// one whose term is over, one of an unknown edition, one of another site.
func (g *target) licensed() (expired, edition, site string) {
	g.Helper()
	folder, err := node.OpenKeys(node.KeysOptions{Dir: g.keys, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Random: rand.Reader})
	if err != nil {
		g.Fatal(err)
	}
	keys := folder.Ring()
	known, _ := g.n.Catalogue().Site("demo")
	sign := func(e *consent.Edition, at time.Time) string {
		v, err := consent.Decide(consent.Choice{Action: consent.AcceptAll}, e, consent.Decision{}, nil, at, rand.Reader)
		if err != nil {
			g.Fatal(err)
		}
		token, err := keys.Sign(v.Decision)
		if err != nil {
			g.Fatal(err)
		}
		g.h.forbid("token "+token[len(token)-8:], tokenForms(token))
		return token
	}
	other := func(site string) *consent.Edition {
		e, err := consent.NewEdition(consent.EditionOptions{
			Site: site, Hash: [32]byte{1}, Number: 1, Items: known.Edition().Items(), TermMonths: 6,
		})
		if err != nil {
			g.Fatal(err)
		}
		return e
	}
	now := time.Now()
	return sign(known.Edition(), now.AddDate(0, -8, 0)), sign(other("demo"), now), sign(other("elsewhere"), now)
}

// wrongEvents are events that a live consent does not license.
func (g *target) wrongEvents() {
	h := g.h
	page := "https://127.0.0.1/" + h.plant("path of a wrong event")
	b := g.browser(nil)
	b.decide("accept_all", nil, nil)
	for _, e := range []map[string]any{
		b.event(h.plant("undeclared event"), page, nil), b.event("Not A Name "+h.plant("wrong name"), page, nil),
		b.event("signup", page, map[string]any{"props": map[string]any{h.plant("undeclared property"): "1"}}),
		b.event("signup", page, map[string]any{"props": map[string]any{"plan": "a", "email": h.plant("value of an undeclared property")}}),
		b.event("signup", page, map[string]any{"props": map[string]any{"plan": map[string]any{"deep": h.plant("value in depth")}}}),
		b.event("signup", page, map[string]any{"props": map[string]any{"plan": strings.Repeat(h.plant("long value"), 20)}}),
		b.event("pageview", page, map[string]any{"ip": h.plant("value of an unknown key of an event")}),
		b.event("pageview", page, map[string]any{"props": map[string]any{"plan": h.plant("property of a page view")}}),
		b.event("pageview", "ftp://x/"+h.plant("address of another scheme"), nil), b.event("pageview", h.plant("no address"), nil),
		b.event("pageview", page+strings.Repeat("/"+h.plant("long path"), 200), nil), b.event("pageview", page+"\x00", nil),
		b.event("pageview", page, map[string]any{"seq": h.plant("wrong number")}),
		b.event("pageview", page, map[string]any{"referrer": h.plant("referrer with a control sign") + "\x07"}),
	} {
		if got := b.events(e); got["invalid"] != 1 {
			g.Errorf("a wrong event was dropped as %v, want invalid", got)
		}
	}
	for name, c := range map[string]struct {
		headers map[string]string
		reason  string
	}{
		"crawler":  {map[string]string{"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; " + h.plant("user-agent of a crawler") + ")"}, "bot"},
		"no agent": {map[string]string{"User-Agent": "curl/8.5 " + h.plant("user-agent of a crawler")}, "bot"},
		"origin":   {map[string]string{"Origin": "https://" + h.plant("foreign origin") + ".example.com"}, "origin"},
	} {
		b.headers = c.headers
		if got := b.events(b.event("pageview", page, nil)); got[c.reason] != 1 {
			g.Errorf("%s: dropped as %v, want %s", name, got, c.reason)
		}
	}
	narrow := g.browser(nil)
	narrow.decide("custom", map[string]bool{"third_party": true}, nil)
	if got := narrow.events(narrow.event("pageview", page, nil)); got["purpose"] != 1 {
		g.Errorf("an event without a purpose was dropped as %v", got)
	}
}

// rights withdraws and erases, through the interface and on the privacy page.
func (g *target) rights() {
	h := g.h
	b := g.browser(nil)
	b.decide("accept_all", nil, nil)
	old := b.cookies[tokenCookie]
	b.events(b.event("pageview", g.pageURL(), nil))
	if a := b.decide("withdraw", nil, nil); a.status != http.StatusCreated {
		g.Fatalf("withdrawal: status %d", a.status)
	}
	b.cookies[tokenCookie] = old
	if got := b.events(b.event("pageview", "https://127.0.0.1/"+h.plant("path after a withdrawal"), nil)); got["withdrawn"] != 1 {
		g.Errorf("an event after the withdrawal was dropped as %v", got)
	}
	for _, action := range []string{"erase", "withdraw", h.plant("unknown action")} {
		b := g.browser(nil)
		b.decide("accept_all", nil, nil)
		b.events(b.event("pageview", "https://127.0.0.1/"+h.permit("erased path"), nil))
		form := url.Values{"action": {action}, "reason": {h.plant("form field")}, "email": {h.plant("form field") + "@example.com"}}
		a := g.send(call{
			method: http.MethodPost, url: g.n.PublicURL() + "/privacy/demo?lang=kk&q=" + h.plant("query of a form"),
			kind: "application/x-www-form-urlencoded", body: form.Encode(), cookies: b.cookies,
		})
		if a.to != "" {
			b.get(g.n.PublicURL(), "/privacy/"+a.to)
		}
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.WriteField("action", h.plant("unknown action")) // into memory
	file, _ := w.CreateFormFile(h.plant("name of a form field"), h.plant("name of a sent file"))
	_, _ = file.Write([]byte(strings.Repeat(h.plant("content of a sent file"), 1000)))
	_ = w.Close()
	g.send(call{method: http.MethodPost, url: g.n.PublicURL() + "/privacy/demo", kind: w.FormDataContentType(), body: body.String()})
}

// wrongHTTP is what is no HTTP, or too much of it.
func (g *target) wrongHTTP() {
	for base, name := range map[string]string{g.n.PublicURL(): "public", g.n.AdminURL(): "admin"} {
		for what, text := range map[string]string{
			"no version":     "GET /" + g.h.plant("first line of no HTTP") + "\r\n\r\n",
			"no method":      g.h.plant("first line of no HTTP") + "\r\n\r\n",
			"header":         "GET / HTTP/1.1\r\nHost: localhost\r\n" + g.h.plant("header without a colon") + "\r\n\r\n",
			"length":         "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + g.h.plant("wrong length") + "\r\n\r\n",
			"chunk":          "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + g.h.plant("wrong chunk") + "\r\n",
			"host":           "GET /v1/consent?site=demo HTTP/1.1\r\nHost: [" + g.h.plant("wrong host") + "\r\nConnection: close\r\n\r\n",
			"large header":   "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat(g.h.plant("large header"), 2000) + "\r\n\r\n",
			"wrong cookie":   "GET /v1/consent?site=demo HTTP/1.1\r\nHost: localhost\r\nCookie: kelisim=%zz" + g.h.plant("wrong cookie") + ";=;\r\nConnection: close\r\n\r\n",
			"wrong escape":   "GET /privacy/%zz" + g.h.plant("wrong escape") + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			"cut connection": "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" + g.h.plant("cut body"),
		} {
			g.raw(base, name+" "+what, text)
		}
	}
}
