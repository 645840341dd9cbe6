package collector

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"kelisim/pipeline/spool"
)

// proven reports whether a token that we signed stands in a header of cookies.
func (e *edge) proven(header string) bool {
	for cookie := range strings.SplitSeq(header, ";") {
		_, value, _ := strings.Cut(cookie, "__Host-kelisim=")
		if _, err := e.server.o.Keys.Verify(strings.Trim(value, " \""), e.clock()); err == nil {
			return true
		}
	}
	return false
}

// FuzzCookies sends any bytes as the two cookies. Nothing but a proven token
// stands for a consent, whatever the marker says.
func FuzzCookies(f *testing.F) {
	e := newEdge(f, spool.Options{})
	res, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	set := cookies(res)
	site, _ := e.server.site("demo")
	token, marker := set["__Host-kelisim"].Value, set["__Host-kelisim-state"].Value
	f.Add(token, marker)
	f.Add("", marker)
	f.Add(token[:len(token)-1], marker)
	f.Add(token+"=", strings.Replace(marker, ".g", ".r", 1))
	f.Add("a; __Host-kelisim="+token, "1....99999999999999999999..g")
	f.Add("\"\\\x00\xff,", "1.0011223344556677.a+b+.peg.-1.1.w")
	f.Fuzz(func(t *testing.T, a, b string) {
		c := e.app.AcquireCtx(&fasthttp.RequestCtx{})
		defer e.app.ReleaseCtx(c)
		c.Request().Header.SetHost("demo.example")
		c.Request().Header.Set("Cookie", "__Host-kelisim="+a+"; __Host-kelisim-state="+b)
		said := e.server.standingOf(c, site)
		reason, choices := e.server.reason(c, site)
		if (said.State.Permits() || len(choices) > 0) && !e.proven(string(c.Request().Header.Peek("Cookie"))) {
			t.Fatalf("%q and %q stand for %+v, asked because %s", a, b, said, reason)
		}
	})
}
