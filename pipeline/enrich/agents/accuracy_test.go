package agents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/goccy/go-yaml"

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
	t.Logf("%-28s %5d of %5d  %6.2f %%  at least %g %%  judged by %s", what, c.right, c.all, c.share(), least, judge)
	for i, m := range c.missed {
		if i == shown {
			t.Logf("    and %d more", len(c.missed)-shown)
			break
		}
		t.Logf("    missed: %.150s", m)
	}
	if c.all == 0 || c.share() < least {
		t.Errorf("%s: %.2f %%, at least %g %% is wanted", what, c.share(), least)
	}
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

// named is an entry of the lists of ua-parser.
type named struct {
	UserAgent string `yaml:"user_agent_string"`
	Family    string `yaml:"family"`
	Major     string `yaml:"major"`
}

// testData reads a list of public test data. Where there is none, the test is
// left out; the lists of npm judge all the same.
func testData(t *testing.T, name string) []named {
	t.Helper()
	dir := os.Getenv("KELISIM_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		t.Skipf("SKIPPED: the public test data are not here (KELISIM_TEST_DATA): %s", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Cases []named `yaml:"test_cases"`
	}
	if err := yaml.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all.Cases
}

// sample is an entry of npm's user-agents: browsers of real visitors.
type sample struct {
	UserAgent string  `json:"userAgent"`
	Device    string  `json:"deviceCategory"`
	Weight    float64 `json:"weight"`
}

func samples(t *testing.T) (all []sample) {
	t.Helper()
	if err := json.Unmarshal(module(t, "user-agents", "dist", "user-agents.json"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// spiders tells the crawlers in a list by the definitions of another project,
// npm's node-device-detector, none of which are compiled in.
func spiders(t *testing.T) func(string) bool {
	t.Helper()
	if isSpider != nil {
		return isSpider
	}
	b := module(t, "node-device-detector", "regexes", "bots.js")
	b = bytes.TrimRight(bytes.TrimPrefix(b, []byte("module.exports = ")), ";\n ")
	var list []struct {
		Regex string `json:"regex"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	// As that project matches its list.
	const before = `(?i)(?:^|[^A-Z0-9\-_]|[^A-Z0-9\-]_|sprd-|MZ-)(?:`
	var plain []string
	var all []*regexp2.Regexp
	for _, l := range list {
		if _, err := syntax.Parse(l.Regex, syntax.Perl); err == nil {
			plain = append(plain, l.Regex)
			continue
		}
		all = append(all, regexp2.MustCompile(before+l.Regex+`)`, regexp2.None))
	}
	most := regexp.MustCompile(before + strings.Join(plain, "|") + `)`)
	known := map[string]bool{}
	isSpider = func(userAgent string) bool {
		is, seen := known[userAgent]
		if !seen {
			is = most.MatchString(userAgent) || slices.ContainsFunc(all, func(r *regexp2.Regexp) bool {
				is, err := r.MatchString(userAgent)
				return is && err == nil
			})
			known[userAgent] = is
		}
		return is
	}
	return isSpider
}

// isSpider answers for all tests, which run one after another.
var isSpider func(string) bool

const builtFrom = "built from isbot and four fifths of crawler-user-agents"

func TestAccuracyCrawlers(t *testing.T) {
	r := newRecogniser(t)
	var left tally
	patterns := 0
	for _, l := range crawlerUserAgents(t) {
		if !leftOut(l.Pattern) {
			continue
		}
		patterns++
		for _, ua := range l.Instances {
			left.add(r.of(ua).Bot != outcome.None, ua)
		}
	}
	left.report(t, "crawlers left out", fmt.Sprintf("the fifth of crawler-user-agents that is left out, %d patterns; %s", patterns, builtFrom), 99)

	is := spiders(t)
	var others tally
	for _, c := range testData(t, "uap-test_ua.yaml") {
		if is(c.UserAgent) {
			others.add(r.of(c.UserAgent).Bot != outcome.None, c.UserAgent)
		}
	}
	others.report(t, "crawlers of another list", "what node-device-detector calls a bot in ua-parser's list; "+builtFrom, 99)
}

// families are those of at least one per cent of npm's user-agents 2.1.198, which
// is drawn from visits to real sites, and Yandex Browser, which has more than
// that in Kazakhstan; by the names of ua-parser.
var families = map[string]string{
	"Chrome": chrome, "Chrome Mobile": chrome, "Chrome Mobile iOS": chrome,
	"Safari": safari, "Mobile Safari": safari,
	"Edge": edge, "Edge Mobile": edge,
	"Firefox": firefox, "Firefox Mobile": firefox, "Firefox iOS": firefox,
	"Samsung Internet": samsung, "Opera": opera, "Opera Mobile": opera, "Yandex Browser": yandex,
	"Google": google,
}

// plainly is what a User-Agent says of a browser, whether it is a crawler's or not.
func plainly(userAgent string) enrich.Agent {
	return browser(bounded(enrich.Headers{UserAgent: userAgent}).UserAgent, hints{})
}

func TestAccuracyFalsePositives(t *testing.T) {
	r := newRecogniser(t)
	var real tally
	for _, s := range samples(t) {
		real.add(r.of(s.UserAgent).Bot == outcome.None, s.UserAgent)
	}
	real.report(t, "people taken for people", "npm's user-agents", 99.5)
	is := spiders(t)
	for _, c := range testData(t, "uap-test_ua.yaml") {
		if families[c.Family] != "" && !is(c.UserAgent) {
			real.add(r.of(c.UserAgent).Bot == outcome.None, c.UserAgent)
		}
	}
	real.report(t, "people taken for people", "npm's user-agents and the browsers of ua-parser's list", 99.5)
}

func TestAccuracyBrowsers(t *testing.T) {
	var family, major tally
	is := spiders(t)
	for _, c := range testData(t, "uap-test_ua.yaml") {
		want := families[c.Family]
		if want == "" || is(c.UserAgent) {
			continue
		}
		a := plainly(c.UserAgent)
		family.add(a.Browser == want, fmt.Sprintf("%s is not %s: %s", a.Browser, want, c.UserAgent))
		if a.Browser == want && c.Major != "" {
			major.add(a.Version == c.Major, fmt.Sprintf("%s is not %s: %s", a.Version, c.Major, c.UserAgent))
		}
	}
	family.report(t, "browser", "ua-parser's list, families of one per cent and more", 97)
	major.report(t, "major version", "ua-parser's list, families of one per cent and more", 97)
}

// systemNames are the systems of those families, by the names of ua-parser.
var systemNames = map[string]string{
	"Windows": "Windows", "Mac OS X": "macOS", "iOS": "iOS", "Android": "Android", "Linux": "Linux", "Ubuntu": "Linux",
	"Chrome OS": "ChromeOS",
}

func TestAccuracySystems(t *testing.T) {
	var c tally
	is := spiders(t)
	for _, n := range testData(t, "uap-test_os.yaml") {
		want := systemNames[n.Family]
		if want == "" || is(n.UserAgent) || !strings.HasPrefix(n.UserAgent, "Mozilla/") {
			continue
		}
		a := plainly(n.UserAgent)
		c.add(a.OS == want, fmt.Sprintf("%s is not %s: %s", a.OS, want, n.UserAgent))
	}
	c.report(t, "system", "ua-parser's list of systems, browsers only", 97)
}

func TestAccuracyDevices(t *testing.T) {
	var plain tally
	var right, all float64
	for _, s := range samples(t) {
		a := plainly(s.UserAgent)
		plain.add(a.Device == s.Device, fmt.Sprintf("%s is not %s: %s", a.Device, s.Device, s.UserAgent))
		all += s.Weight
		if a.Device == s.Device {
			right += s.Weight
		}
	}
	plain.report(t, "device class", fmt.Sprintf("npm's user-agents, deviceCategory; weighted by their visits %.2f %%", 100*right/all), 97)
}
