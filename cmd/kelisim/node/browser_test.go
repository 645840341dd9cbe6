package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"kelisim/cmd/kelisim/node"
)

// Names of the cookies on plain http on the machine itself.
const (
	tokenCookie = "kelisim"
	stateCookie = "kelisim-state"
)

// target is a running node and the hunt that watches its answers.
type target struct {
	*testing.T
	h      *hunt
	n      *node.Node
	keys   string // folder of its keys
	client *http.Client
	drops  map[string]uint32 // what the node said it dropped, by reason
	taken  uint32            // what it said it accepted
	status map[int]int       // answers by status
}

func newTarget(t *testing.T, h *hunt, n *node.Node, root string) *target {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &target{
		T: t, h: h, n: n, keys: filepath.Join(root, "data", "keys"), drops: map[string]uint32{}, status: map[int]int{},
		client: &http.Client{
			Transport: transport, Timeout: 30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// call is one request. Every call carries canaries where browsers and proxies
// put what concerns a person.
type call struct {
	method, url string
	body        string
	kind        string // content type
	headers     map[string]string
	cookies     map[string]string
	mayBreak    bool // the connection may be cut before there is an answer
}

// answer is what came back.
type answer struct {
	status  int
	body    []byte
	cookies map[string]string
	to      string // Location
}

// send makes a call, searches its answer and returns it.
func (g *target) send(c call) answer {
	g.Helper()
	req, err := http.NewRequestWithContext(g.Context(), c.method, c.url, strings.NewReader(c.body))
	if err != nil {
		g.Fatal(err)
	}
	g.dress(req, c)
	res, err := g.client.Do(req)
	if err != nil && c.mayBreak {
		return answer{}
	}
	if err != nil {
		g.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		g.Fatal(err)
	}
	a := answer{status: res.StatusCode, body: body, cookies: map[string]string{}, to: res.Header.Get("Location")}
	g.status[a.status]++
	for _, one := range res.Cookies() {
		a.cookies[one.Name] = one.Value
		if one.Name == tokenCookie && one.Value != "" {
			g.h.forbid("token "+one.Value[len(one.Value)-8:], tokenForms(one.Value))
		}
	}
	g.searchAnswer(c, res, body)
	return a
}

// dress puts canaries into the headers of a request.
func (g *target) dress(req *http.Request, c call) {
	h := g.h
	for name, value := range map[string]string{
		"User-Agent":      agent(h),
		"X-Forwarded-For": address4,
		"X-Real-IP":       address6, "Forwarded": "for=" + address4, "CF-Connecting-IP": address4, "True-Client-IP": address4,
		"Authorization": "Bearer " + h.plant("authorization header"), "Proxy-Authorization": "Basic " + h.plant("proxy authorization"),
		"Referer": "http://" + h.plant("userinfo in referer") + "@127.0.0.1/" + h.plant("path of the referer header") +
			"?q=" + h.plant("query of the referer header"),
		"Accept-Language": "en;q=0.5," + h.plant("accept-language"), "X-Request-Id": h.plant("request id"), "Traceparent": h.plant("trace id"),
		"Cookie": "tracking=" + h.plant("foreign cookie"), "Origin": "http://127.0.0.1",
	} {
		req.Header.Set(name, value)
	}
	if c.kind != "" {
		req.Header.Set("Content-Type", c.kind)
	}
	for name, value := range c.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for name, value := range c.headers {
		if value == "" {
			req.Header.Del(name)
		} else {
			req.Header.Set(name, value)
		}
	}
}

// searchAnswer searches an answer whole, but for the cookie that carries the
// token to the browser it belongs to.
func (g *target) searchAnswer(c call, res *http.Response, body []byte) {
	var all bytes.Buffer
	fmt.Fprintln(&all, res.Proto, res.Status)
	for name, values := range res.Header {
		for _, value := range values {
			if name == "Set-Cookie" && strings.HasPrefix(value, tokenCookie+"=") {
				_, value, _ = strings.Cut(value, ";")
			}
			fmt.Fprintf(&all, "%s: %s\n", name, value)
		}
	}
	all.Write(body)
	g.h.search(inAnswer, c.method+" "+res.Request.URL.Path, all.Bytes())
}

// raw sends bytes that need not be HTTP, and searches what comes back.
func (g *target) raw(base, name, text string) {
	g.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(g.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		g.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		g.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return // it was cut off before all was sent
	}
	if half, ok := conn.(*net.TCPConn); ok {
		_ = half.CloseWrite() // it may be cut off already
	}
	got, _ := io.ReadAll(conn) // until the server or the deadline ends it
	g.h.search(inAnswer, name, got)
}

// browser is one visitor.
type browser struct {
	*target
	cookies map[string]string
	edition string
	session string
	seq     uint32
	headers map[string]string
}

func (g *target) browser(headers map[string]string) *browser {
	site, _ := g.n.Catalogue().Site("demo")
	b := &browser{target: g, cookies: map[string]string{}, edition: site.Edition().Key().String(), headers: headers}
	b.session = randomHex(16)
	forms := textForms(b.session)
	forms["with dashes"] = []byte(uuid.MustParse(b.session).String())
	g.h.forbid("session id "+b.session, forms, inLog, inOutput)
	return b
}

// post sends JSON as this browser.
func (b *browser) post(path string, body any) answer {
	b.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	a := b.send(call{
		method: http.MethodPost, url: b.n.PublicURL() + path + "?key=" + b.h.plant("query of a call"), kind: "text/plain",
		body: string(raw), headers: b.headers, cookies: b.cookies,
	})
	b.keep(a)
	return a
}

func (b *browser) keep(a answer) {
	for name, value := range a.cookies {
		if value == "" {
			delete(b.cookies, name)
		} else {
			b.cookies[name] = value
		}
	}
}

// decide sends a decision; more is added to its body.
func (b *browser) decide(action string, choices map[string]bool, more map[string]any) answer {
	b.Helper()
	text := "" // a grant is taken only with a text that was shown, or none
	if action == "refuse_all" || action == "withdraw" {
		text = b.h.plantHash("hash of a text that was never shown")
	}
	body := map[string]any{
		"v": 1, "site": "demo", "edition": b.edition, "lang": "kk", "action": action, "key": randomUUID(),
		"shown": map[string]any{
			"variant": b.h.plant("variant"), "text_sha256": text, "unknown": b.h.plant("unknown key of shown"),
		},
		"unknown": b.h.plant("unknown key of a decision"), b.h.plant("name of an unknown key"): 1,
	}
	if choices != nil {
		body["choices"] = choices
	}
	for k, v := range more {
		body[k] = v
	}
	a := b.post("/v1/consent", body)
	var said struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(a.body, &said) == nil && said.ID != "" {
		b.h.forbid("consent id "+said.ID, textForms(said.ID), inLog, inOutput)
	}
	return a
}

// events sends events in an envelope with unknown keys, and keeps account of
// what the node says became of them.
func (b *browser) events(events ...map[string]any) (drops map[string]uint32) {
	b.Helper()
	return b.envelope(nil, events...)
}

func (b *browser) envelope(more map[string]any, events ...map[string]any) (drops map[string]uint32) {
	b.Helper()
	a := b.post("/v1/events", b.body(more, events...))
	var said struct {
		Accepted uint32            `json:"accepted"`
		Dropped  map[string]uint32 `json:"dropped"`
	}
	if err := json.Unmarshal(a.body, &said); err != nil || a.status != http.StatusAccepted {
		b.Fatalf("events: status %d", a.status)
	}
	b.taken += said.Accepted
	for reason, n := range said.Dropped {
		b.drops[reason] += n
	}
	return said.Dropped
}

// body is an envelope with events.
func (b *browser) body(more map[string]any, events ...map[string]any) map[string]any {
	now := time.Now().UnixMilli()
	body := map[string]any{
		"v": 1, "site": "demo", "now": now, "session": map[string]any{"id": b.session, "start": now - 1000}, "events": events,
		"unknown": b.h.plant("unknown key of the envelope"), "user": map[string]string{"email": b.h.plant("unknown value of the envelope")},
	}
	for k, v := range more {
		body[k] = v
	}
	return body
}

// event makes an event with the next number. A key without a value is left out.
func (b *browser) event(name, url string, more map[string]any) map[string]any {
	b.seq++
	e := map[string]any{"seq": b.seq, "name": name, "url": url}
	for k, v := range more {
		e[k] = v
		if v == nil {
			delete(e, k)
		}
	}
	return e
}
