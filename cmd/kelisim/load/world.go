package load

import (
	"math"
	"net/netip"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"sync/atomic"

	"kelisim/pipeline/validate"
)

// Names of events, as the ledger has them.
const (
	pageview   = validate.Pageview
	engagement = validate.Engagement
)

// world is what all visitors share. It does not change, but for the edition that
// the last banner named.
type world struct {
	o        Options
	target   *url.URL
	browsers []browser
	crawlers []browser
	pages    []string  // the most wanted first
	wanted   []float64 // how many of all views are of a page or one before it
	names    []string  // page views, declared events, engaged time
	props    [][]string
	base     []string // items that license page views
	more     []string // all other items
	edition  atomic.Pointer[string]
}

const (
	howManyPages = 1000
	declared     = maxNames - 2 // events that are played of those that the policy declares
)

func newWorld(o Options, target *url.URL) (*world, error) {
	browsers, crawlers, err := readBrowsers()
	if err != nil {
		return nil, err
	}
	w := &world{o: o, target: target, browsers: browsers, crawlers: crawlers, names: []string{pageview}, props: [][]string{nil}}
	w.base, w.more = o.purposes()
	var events []string
	for name := range o.Policy.Events {
		if name != engagement && name != pageview {
			events = append(events, name)
		}
	}
	slices.Sort(events)
	for _, name := range events[:min(len(events), declared)] {
		w.names = append(w.names, name)
		w.props = append(w.props, o.Policy.Events[name])
	}
	w.names = append(w.names, engagement)
	w.build()
	return w, nil
}

// sections are the first words of paths.
var sections = [...]string{"catalog", "news", "help", "stores", "guides", "offers", "plans", "reviews"}

// build makes the pages, wanted by the law of Zipf: the n-th most wanted page is
// opened 1/n times as often as the first.
func (w *world) build() {
	sum := 0.0
	for i := range howManyPages {
		path := "/"
		switch {
		case i > 0 && i <= len(sections):
			path = "/" + sections[i-1]
		case i > 0:
			path = "/" + sections[i%len(sections)] + "/" + strconv.Itoa(1000+i*7919%9000)
		}
		w.pages = append(w.pages, w.o.Origin+path)
		sum += 1 / float64(i+1)
		w.wanted = append(w.wanted, sum)
	}
	for i := range w.wanted {
		w.wanted[i] /= sum
	}
}

// page draws a page.
func (w *world) page(v *visitor) string {
	return w.pages[min(sort.SearchFloat64s(w.wanted, v.float()), len(w.pages)-1)]
}

// Where visitors come from. Most views have no referrer, or the page before.
var (
	referrers = [...]string{
		"", "", "", "https://www.google.com/", "https://www.google.com/", "https://www.google.com/", "https://yandex.kz/", "https://www.bing.com/",
		"https://chatgpt.com/", "https://www.instagram.com/", "https://t.me/", "https://www.youtube.com/", "https://news.example.com/", "https://blog.example.org/",
	}
	campaigns = [...]string{
		"utm_source=newsletter&utm_medium=email&utm_campaign=autumn", "utm_source=newsletter&utm_medium=email&utm_campaign=winter",
		"utm_source=google&utm_medium=cpc&utm_campaign=brand&utm_content=a", "utm_source=instagram&utm_medium=social&utm_campaign=launch",
		"utm_source=poster&utm_medium=offline&utm_campaign=metro", "utm_source=yandex&utm_medium=cpc&utm_campaign=generic&utm_term=price",
	}
	values = [...]string{"basic", "family", "guide", "price-list", "pro", "team", "summer", "map"}
)

// tongue is a language with the header that browsers send for it.
type tongue struct{ lang, header string }

var tongues = [...]tongue{
	{"kk", "kk-KZ,kk;q=0.9,ru;q=0.8,en;q=0.7"}, {"ru", "ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7"}, {"ru", "ru,kk;q=0.8,en;q=0.6"}, {"en", "en-US,en;q=0.9"},
}

// networks are those that addresses are drawn from, of several countries; the
// last one is reserved for documentation. They are only written in a header.
var networks = [...]netip.Prefix{
	netip.MustParsePrefix("2.75.0.0/16"), netip.MustParsePrefix("95.56.0.0/14"), netip.MustParsePrefix("92.46.0.0/15"),
	netip.MustParsePrefix("178.88.0.0/14"), netip.MustParsePrefix("95.24.0.0/13"), netip.MustParsePrefix("213.230.64.0/18"),
	netip.MustParsePrefix("88.198.0.0/16"), netip.MustParsePrefix("78.160.0.0/11"), netip.MustParsePrefix("2001:db8::/32"),
}

// address draws an address.
func (v *visitor) address() netip.Addr {
	p := networks[int(v.float()*v.float()*float64(len(networks)))]
	if v.chance(0.15) {
		p = networks[len(networks)-1]
	}
	raw, random := p.Addr().As16(), v.rng.Uint64()
	first, bits := 0, p.Bits()
	if p.Addr().Is4() {
		first, bits = 12, bits+96
	}
	for i := first; i < len(raw); i++ {
		keep := min(max(bits-8*i, 0), 8)
		raw[i] |= byte(random) & byte(0xff>>keep)
		random = random>>8 | random<<56
	}
	raw[15] |= 1 // not the network itself
	return netip.AddrFrom16(raw).Unmap()
}

// float draws from 0 to 1, 1 not among them.
func (v *visitor) float() float64 { return float64(v.rng.Uint64()>>11) / (1 << 53) }

// chance is true for a share of the draws.
func (v *visitor) chance(share float64) bool { return v.float() < share }

// draw draws from 0 to n, n not among them.
func (v *visitor) draw(n int) int { return int(v.float() * float64(n)) }

// many draws a whole number from 1 on with a mean, most of them small.
func (v *visitor) many(mean float64, most int) int {
	if mean <= 1 {
		return 1
	}
	n := 1 + math.Log(1-v.float())/math.Log(1-1/mean)
	return int(min(n, float64(most)))
}
