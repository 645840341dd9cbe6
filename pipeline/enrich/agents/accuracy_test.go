package agents

import (
	"fmt"
	"math"
	"testing"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
)

// tally counts how often something was right.
type tally struct {
	right, all int
	missed     []string
}

func (c *tally) add(right bool, what string) {
	c.all++
	if right {
		c.right++
	} else {
		c.missed = append(c.missed, what)
	}
}

func (c *tally) share() float64 {
	if c.all == 0 {
		return math.NaN()
	}
	return 100 * float64(c.right) / float64(c.all)
}

// shown is how many misses are printed; the strings are those of public lists.
const shown = 20

// report prints a line of the table and fails below a share.
func (c *tally) report(t *testing.T, what, judge string, least float64) {
	t.Helper()
	t.Logf("%-26s %5d of %5d  %6.2f %%  at least %4g %%  judged by %s", what, c.right, c.all, c.share(), least, judge)
	for i, m := range c.missed {
		if i == shown {
			t.Logf("    and %d more", len(c.missed)-shown)
			break
		}
		t.Logf("    missed: %.200s", m)
	}
	if c.all == 0 || c.share() < least {
		t.Errorf("%s: %.2f %%, at least %g %% is wanted", what, c.share(), least)
	}
}

// record prints a line of the table on which nothing depends.
func (c *tally) record(t *testing.T, what, judge string) {
	t.Helper()
	t.Logf("%-26s %5d of %5d  %6.2f %%  for the record    judged by %s", what, c.right, c.all, c.share(), judge)
}

func newRecogniser(t testing.TB) *Recogniser {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Recogniser) of(userAgent string) enrich.Agent {
	return r.Recognise(enrich.Headers{UserAgent: userAgent})
}

// plainly is what a User-Agent says of a browser, whether it is a crawler's or not.
func plainly(userAgent string) enrich.Agent {
	h := enrich.Headers{UserAgent: userAgent}
	bound(&h)
	return browser(h.UserAgent, hints{})
}

// TestAccuracyCrawlers: crawlers that the list was not made from.
func TestAccuracyCrawlers(t *testing.T) {
	r := newRecogniser(t)
	all := crawlerUserAgents(t)
	left, instances := 0, tally{}
	for _, l := range all {
		if !leftOut(l.Pattern) {
			continue
		}
		left++
		for _, ua := range l.Instances {
			instances.add(r.of(ua).Bot != outcome.None, ua)
		}
	}
	t.Logf("built from npm's isbot %s, whole, and %d of the %d patterns of npm's crawler-user-agents %s",
		version(t, "isbot"), len(all)-left, len(all), version(t, "crawler-user-agents"))
	instances.report(t, "crawlers left out", fmt.Sprintf("the instances of the %d patterns that are left out", left), 99)

	var byHand tally
	for _, c := range collection(t) {
		if c.program() {
			byHand.add(r.of(c.UserAgent).Bot != outcome.None, c.UserAgent)
		}
	}
	byHand.report(t, "crawlers, by hand", "npm's random-useragent, its folders of spiders and other programs", 99)
}

func TestAccuracyCrawlersOfOthers(t *testing.T) {
	r := newRecogniser(t)
	var c tally
	bots, _ := spiders(t, uap(t, "uap-test_ua.yaml"))
	for _, n := range bots {
		c.add(r.of(n.UserAgent).Bot != outcome.None, n.UserAgent)
	}
	c.report(t, "crawlers of other lists", "ua-parser's list, where node-device-detector sees a bot", 99)
}

// TestAccuracyPeople: browsers are not taken for crawlers.
func TestAccuracyPeople(t *testing.T) {
	r := newRecogniser(t)
	var real, different, byHand, rest tally
	seen := map[string]bool{}
	for _, s := range samples(t) {
		is := r.of(s.UserAgent).Bot == outcome.None
		real.add(is, s.UserAgent)
		if !seen[s.UserAgent] {
			different.add(is, s.UserAgent)
		}
		seen[s.UserAgent] = true
	}
	real.report(t, "people taken for people", "npm's user-agents "+version(t, "user-agents"), 99.5)
	different.report(t, "the same, no string twice", "npm's user-agents", 99.5)
	for _, c := range collection(t) {
		switch is := r.of(c.UserAgent).Bot == outcome.None; {
		case !c.browser():
		case marks[c.Browser] != "":
			byHand.add(is, c.UserAgent)
		default:
			rest.add(is, c.UserAgent)
		}
	}
	byHand.report(t, "browsers, by hand", "npm's random-useragent, families of one per cent and more", 99.5)
	rest.record(t, "all the rest, by hand", "npm's random-useragent, the other browsers and devices")
}

func TestAccuracyPeopleOfOthers(t *testing.T) {
	r := newRecogniser(t)
	var known, rest tally
	_, others := spiders(t, uap(t, "uap-test_ua.yaml"))
	for _, n := range others {
		switch is := r.of(n.UserAgent).Bot == outcome.None; {
		case !likeBrowser(n.UserAgent): // an application, or a library
		case families[n.Family] != "":
			known.add(is, n.UserAgent)
		default:
			rest.add(is, n.UserAgent)
		}
	}
	known.report(t, "browsers of other lists", "ua-parser's list, families of one per cent and more", 99.5)
	rest.record(t, "all the rest", "ua-parser's list, other families, tools and applications among them")
}

// families are those with at least one per cent of the visits: by npm's user-agents
// 2.1.198 (November 2026; TestFamilies counts it), and by StatCounter as in npm's
// caniuse-lite 1.0.30001826 of 11 November 2026, in the world (Chrome 69.0, Safari
// 16.1, Edge 5.1, Firefox 2.5, Opera 2.1, Samsung 1.9 per cent) and in Kazakhstan
// (Chrome 73.8, Safari 8.4, Edge 4.3, Firefox 3.7, Opera 1.9). Yandex Browser, which
// that source does not count, is judged too. The names are ua-parser's.
var families = map[string]string{
	"Chrome": chrome, "Chrome Mobile": chrome, "Chrome Mobile iOS": chrome,
	"Safari": safari, "Mobile Safari": safari,
	"Edge": edge, "Edge Mobile": edge,
	"Firefox": firefox, "Firefox Mobile": firefox, "Firefox iOS": firefox,
	"Samsung Internet": samsung, "Opera": opera, "Opera Mobile": opera, "Yandex Browser": yandex,
	"Google": google, // the search application on iPhones
}

func TestAccuracyBrowsers(t *testing.T) {
	var family, major tally
	_, others := spiders(t, uap(t, "uap-test_ua.yaml"))
	for _, n := range others {
		want := families[n.Family]
		if want == "" || !likeBrowser(n.UserAgent) {
			continue
		}
		a := plainly(n.UserAgent)
		family.add(a.Browser == want, fmt.Sprintf("%s is not %s: %s", a.Browser, want, n.UserAgent))
		major.add(a.Version == n.Major, fmt.Sprintf("%s is not %s: %s", a.Version, n.Major, n.UserAgent))
	}
	family.report(t, "browser", "ua-parser's list, families of one per cent and more", 97)
	major.report(t, "major version", "ua-parser's list, families of one per cent and more", 97)
}

// marks are the same families by the names of ua-parser-js.
var marks = map[string]string{
	"Chrome": chrome, "Safari": safari, "Mobile Safari": safari, "Edge": edge, "Firefox": firefox, "Samsung Browser": samsung,
	"Opera": opera, "Opera Mobi": opera, "Yandex": yandex, "GSA": google,
}

// TestAccuracyByHand: the same on another list, by the marks of another program.
func TestAccuracyByHand(t *testing.T) {
	systems := map[string]string{"Windows": "Windows", "Mac OS": "macOS", "iOS": "iOS", "Android": "Android", "Linux": "Linux", "Ubuntu": "Linux", "Fedora": "Linux", "Chromium OS": "ChromeOS"}
	var family, major, system tally
	for _, c := range collection(t) {
		want, os := marks[c.Browser], systems[c.System]
		if want == "" || os == "" || !c.browser() {
			continue
		}
		a := plainly(c.UserAgent)
		family.add(a.Browser == want, fmt.Sprintf("%s is not %s: %s", a.Browser, want, c.UserAgent))
		major.add(a.Version == c.Major, fmt.Sprintf("%s is not %s: %s", a.Version, c.Major, c.UserAgent))
		system.add(a.OS == os, fmt.Sprintf("%s is not %s: %s", a.OS, os, c.UserAgent))
	}
	const judge = "npm's random-useragent, marked by ua-parser-js, the same families and systems"
	family.report(t, "browser, by hand", judge, 97)
	major.report(t, "major version, by hand", judge, 97)
	system.report(t, "system, by hand", judge, 97)
}

// systemNames are the systems of those families, by the names of ua-parser.
var systemNames = map[string]string{
	"Windows": "Windows", "Mac OS X": "macOS", "iOS": "iOS", "Android": "Android", "Linux": "Linux", "Ubuntu": "Linux",
	"Chrome OS": "ChromeOS",
}

func TestAccuracySystems(t *testing.T) {
	var c tally
	_, others := spiders(t, uap(t, "uap-test_os.yaml"))
	for _, n := range others {
		want := systemNames[n.Family]
		if want == "" || !likeBrowser(n.UserAgent) {
			continue
		}
		a := plainly(n.UserAgent)
		c.add(a.OS == want, fmt.Sprintf("%s is not %s: %s", a.OS, want, n.UserAgent))
	}
	c.report(t, "system", "ua-parser's list of systems, strings that begin as a browser's do", 97)
}

func TestAccuracyDevices(t *testing.T) {
	var plain, different tally
	var right, all float64
	seen := map[string]bool{}
	for _, s := range samples(t) {
		a := plainly(s.UserAgent)
		what := fmt.Sprintf("%s is not %s: %s", a.Device, s.Device, s.UserAgent)
		plain.add(a.Device == s.Device, what)
		if !seen[s.UserAgent+s.Device] {
			different.add(a.Device == s.Device, what)
		}
		seen[s.UserAgent+s.Device] = true
		all += s.Weight
		if a.Device == s.Device {
			right += s.Weight
		}
	}
	plain.report(t, "device class", fmt.Sprintf("npm's user-agents, deviceCategory; by their share of visits %.2f %%", 100*right/all), 97)
	different.report(t, "the same, no string twice", "npm's user-agents, deviceCategory", 97)
}
