package agents

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
)

const windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"

func TestRecognise(t *testing.T) {
	u := newRecogniser(t)
	type agent struct {
		Browser, Version, OS, Device string
		Bot                          outcome.Outcome
	}
	for _, test := range []struct {
		userAgent string
		want      agent
	}{
		{windows, agent{"Chrome", "130", "Windows", "desktop", outcome.None}},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0", agent{"Firefox", "132", "Windows", "desktop", outcome.None}},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", agent{"Safari", "18", "macOS", "desktop", outcome.None}},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", agent{"Safari", "18", "iOS", "mobile", outcome.None}},
		{"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1", agent{"Safari", "12", "iOS", "tablet", outcome.None}},
		{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36", agent{"Chrome", "130", "Android", "mobile", outcome.None}},
		{"Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", agent{"Chrome", "130", "Android", "tablet", outcome.None}},
		{"Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36", agent{"Chrome", "130", "Android", "mobile", outcome.None}},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", agent{"Chrome", "130", "ChromeOS", "desktop", outcome.None}},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", agent{"Edge", "130", "Linux", "desktop", outcome.None}},
		{"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", agent{"Internet Explorer", "11", "Windows", "desktop", outcome.None}},

		{"", agent{Bot: outcome.BotNameless}},
		{" ", agent{Bot: outcome.BotNameless}},
		{"-", agent{Bot: outcome.BotCrawler}},
		{"curl/8.5.0", agent{Bot: outcome.BotTool}},
		{"Go-http-client/2.0", agent{Bot: outcome.BotTool}},
		{"python-requests/2.32", agent{Bot: outcome.BotTool}},
		{strings.Replace(windows, "Chrome/", "HeadlessChrome/", 1), agent{Bot: outcome.BotHeadless}},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/130.0.0.0 Safari/537.36", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", agent{Bot: outcome.BotCrawler}},
		{"Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.com)", agent{Bot: outcome.BotCrawler}},
		{"FeedBurner/1.0 (http://www.FeedBurner.com)", agent{Bot: outcome.BotCrawler}},
		{strings.Repeat("x", 1<<16) + windows, agent{Bot: outcome.BotCrawler}},
	} {
		for range 2 { // the second answer comes from the cache
			got := u.of(test.userAgent)
			if d := cmp.Diff(enrich.Agent(test.want), got); d != "" {
				t.Errorf("%.120s\n%s", test.userAgent, d)
			}
		}
	}
}

// TestRecogniseKeepsNoFreeText: whatever a visitor makes up as the name of a
// browser, it is not kept.
func TestRecogniseKeepsNoFreeText(t *testing.T) {
	u := newRecogniser(t)
	for _, made := range []string{
		"Mozilla/5.0 (Windows NT 10.0) Personal/77077777777", "Mozilla/5.0 (canary) canary/1.0 Gecko/canary canary/99999999",
		"Mozilla/5.0 (X11; canary x86_64) AppleWebKit/537.36 (KHTML, like Gecko) canary/7 Safari/canary",
		"Opera/canary (canary; canary) canary/canary Version/canary", "Mozilla/5.0 (canary) Gecko/20100101 Firefox/canary",
	} {
		a := u.of(made)
		if text := strings.ToLower(fmt.Sprint(a)); strings.Contains(text, "canary") || strings.Contains(text, "77077") || strings.Contains(text, "personal") || len(a.Version) > 4 {
			t.Errorf("%s is kept as %+v", made, a)
		}
	}
}

func TestRecogniseFromManyGoroutines(t *testing.T) {
	u := newRecogniser(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				ua := strings.Replace(windows, "130", fmt.Sprint(100+(i*g)%60), 1)
				if a := u.of(ua); a.Browser != "Chrome" || a.Version != fmt.Sprint(100+(i*g)%60) {
					t.Errorf("%s is %+v", ua, a)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Headers as real browsers send them.
var (
	iphone         = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
	firefox132     = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"
	pixel          = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36"
	linux          = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	cros           = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	brandsOfChrome = `"Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"`
)

// TestHints: client hints make an answer better, and one that is missing never
// makes it worse.
func TestHints(t *testing.T) {
	r := newRecogniser(t)
	for _, test := range []struct {
		what string
		h    enrich.Headers
		want enrich.Agent
	}{
		{"Chrome with its hints", enrich.Headers{UserAgent: windows, Brands: brandsOfChrome, Mobile: "?0", Platform: `"Windows"`}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}},
		{"a proxy took the platform", enrich.Headers{UserAgent: windows, Brands: brandsOfChrome, Mobile: "?0"}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}},
		{"a proxy took the brands", enrich.Headers{UserAgent: windows, Mobile: "?0", Platform: `"Windows"`}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}},
		{"Brave", enrich.Headers{UserAgent: windows, Brands: `"Brave";v="130", "Chromium";v="130", "Not?A_Brand";v="99"`, Platform: `"Windows"`}, enrich.Agent{Browser: "Brave", Version: "130", OS: "Windows", Device: "desktop"}},
		{"Yandex Browser", enrich.Headers{
			UserAgent: strings.Replace(windows, "Safari/", "YaBrowser/24.12.0.0 Safari/", 1), Brands: `"Chromium";v="130", "YaBrowser";v="24.12", "Not?A_Brand";v="99", "Yowser";v="2.5"`, Platform: `"Windows"`,
		}, enrich.Agent{Browser: "Yandex Browser", Version: "24", OS: "Windows", Device: "desktop"}},
		{"a phone", enrich.Headers{UserAgent: pixel, Brands: brandsOfChrome, Mobile: "?1", Platform: `"Android"`}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Android", Device: "mobile"}},
		{"an Android tablet that asks for a desktop's pages", enrich.Headers{UserAgent: linux, Brands: brandsOfChrome, Mobile: "?0", Platform: `"Android"`}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Android", Device: "tablet"}},
		{"a Chromebook", enrich.Headers{UserAgent: cros, Brands: brandsOfChrome, Mobile: "?0", Platform: `"Chrome OS"`}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "ChromeOS", Device: "desktop"}},
		{"hints that nobody can read", enrich.Headers{UserAgent: windows, Brands: `"Chromium`, Mobile: "yes", Platform: "Windows"}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}},
		{"a very long hint", enrich.Headers{UserAgent: windows, Brands: strings.Repeat(brandsOfChrome, 100), Platform: strings.Repeat("x", 1000)}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}},
		{"Safari without hints", enrich.Headers{UserAgent: iphone}, enrich.Agent{Browser: "Safari", Version: "18", OS: "iOS", Device: "mobile"}},
		{"a program as passed on", enrich.Headers{UserAgent: strings.ReplaceAll(iphone, " ", "+")}, enrich.Agent{Browser: "Safari", Version: "18", OS: "iOS", Device: "mobile"}},

		{"headless by its brand alone", enrich.Headers{UserAgent: windows, Brands: `"HeadlessChrome";v="130", "Chromium";v="130", "Not?A_Brand";v="99"`}, enrich.Agent{Browser: "Chrome", Version: "130", OS: "Windows", Device: "desktop"}},
		{"Firefox with the brands of Chromium", enrich.Headers{UserAgent: firefox132, Brands: brandsOfChrome}, enrich.Agent{Bot: outcome.BotHeaders}},
		{"Safari with the brands of Chromium", enrich.Headers{UserAgent: iphone, Brands: brandsOfChrome}, enrich.Agent{Bot: outcome.BotHeaders}},
		{"another version in the brands", enrich.Headers{UserAgent: windows, Brands: strings.ReplaceAll(brandsOfChrome, "130", "156")}, enrich.Agent{Browser: "Chrome", Version: "156", OS: "Windows", Device: "desktop"}},
		{"a server's system below a made-up browser", enrich.Headers{UserAgent: windows, Brands: brandsOfChrome, Platform: `"Linux"`}, enrich.Agent{Bot: outcome.BotHeaders}},
		{"a phone on Windows", enrich.Headers{UserAgent: pixel, Brands: brandsOfChrome, Platform: `"Windows"`}, enrich.Agent{Bot: outcome.BotHeaders}},
	} {
		if d := cmp.Diff(test.want, r.Recognise(test.h)); d != "" {
			t.Errorf("%s\n%s", test.what, d)
		}
	}
}

// TestMissingHintsAreNoEvidence: whatever a proxy takes away from a browser's
// headers, the visitor stays a person.
func TestMissingHintsAreNoEvidence(t *testing.T) {
	r := newRecogniser(t)
	for _, s := range samples(t) {
		if a := r.of(s.UserAgent); a.Bot != outcome.None {
			t.Errorf("%.120s without hints is %s", s.UserAgent, a.Bot.Detail())
		}
	}
	for _, full := range []enrich.Headers{
		{UserAgent: windows, Brands: brandsOfChrome, Mobile: "?0", Platform: `"Windows"`}, {UserAgent: pixel, Brands: brandsOfChrome, Mobile: "?1", Platform: `"Android"`},
		{UserAgent: linux, Brands: brandsOfChrome, Mobile: "?0", Platform: `"Android"`}, {UserAgent: cros, Brands: brandsOfChrome, Mobile: "?0", Platform: `"Chrome OS"`},
	} {
		for without := range 8 {
			h := full
			for i, hint := range []*string{&h.Brands, &h.Mobile, &h.Platform} {
				if without&(1<<i) != 0 {
					*hint = ""
				}
			}
			if a := r.Recognise(h); a.Bot != outcome.None {
				t.Errorf("%+v is %s", h, a.Bot.Detail())
			}
		}
	}
}

// TestFamilies: the families that accuracy is judged on are those of at least one
// per cent of the visits that npm's user-agents is drawn from.
func TestFamilies(t *testing.T) {
	shares, all := map[string]float64{}, 0.0
	for _, s := range samples(t) {
		shares[plainly(s.UserAgent).Browser] += s.Weight
		all += s.Weight
	}
	judged := map[string]bool{}
	for _, family := range families {
		judged[family] = true
	}
	for family, weight := range shares {
		if share := 100 * weight / all; share >= 1 {
			t.Logf("%-16s %5.2f %%", family, share)
			if !judged[family] {
				t.Errorf("%q has %.2f %% and is not judged", family, share)
			}
		}
	}
}

// FuzzRecognise: whatever the headers, nothing of them but a name of a closed list
// and a short number comes out.
func FuzzRecognise(f *testing.F) {
	f.Add(windows, brandsOfChrome, "?0", `"Windows"`)
	f.Add("Opera/9.80 (Android; Opera Mini/7.5/191; U; kk) Presto/2.12 Version/12.16", `"a\\\"b";v="1`, "?", "\x00")
	f.Add("", ",,;v=", "", "")
	r, err := New()
	if err != nil {
		f.Fatal(err)
	}
	words := closedLists()
	f.Fuzz(func(t *testing.T, userAgent, brands, mobile, platform string) {
		for _, h := range []enrich.Headers{
			{UserAgent: userAgent, Brands: brands, Mobile: mobile, Platform: platform},
			{UserAgent: windows + " " + userAgent, Brands: `"` + canary + `";v="` + canary + `", ` + brands, Mobile: mobile + canary, Platform: `"` + canary + platform},
			{UserAgent: strings.Replace(userAgent, "/", "/"+canary, 1), Brands: brands, Mobile: mobile, Platform: platform},
		} {
			a := r.Recognise(h)
			if a.Bot != outcome.None && (a.Bot.Reason() != outcome.ReasonBot || a != (enrich.Agent{Bot: a.Bot})) {
				t.Fatalf("%+v", a)
			}
			if !words[a.Browser] || !words[a.OS] || !words[a.Device] || a.Version != "" && digits(a.Version) != a.Version {
				t.Fatalf("%+v", a)
			}
			if strings.Contains(a.Browser+a.Version+a.OS+a.Device, canary) {
				t.Fatalf("%+v holds the canary", a)
			}
		}
	})
}

// canary is no word of a list, and no version.
const canary = "7c4nary7"

// closedLists is every word that may come out.
func closedLists() map[string]bool {
	words := map[string]bool{"": true, desktop: true, mobile: true, tablet: true}
	for _, t := range tokens {
		words[t.family] = true
	}
	for _, b := range brands[:] {
		words[b.family] = true
	}
	for _, name := range known {
		words[name] = true
	}
	for _, s := range systems {
		words[s.name] = true
	}
	for _, name := range platforms {
		words[name] = true
	}
	for _, d := range devices {
		words[d.class] = true
	}
	return words
}

// TestKeepsNothingItIsGiven overwrites what it was asked with, as the server does
// with the next request: neither the answer nor what is remembered changes.
func TestKeepsNothingItIsGiven(t *testing.T) {
	r := newRecogniser(t)
	buffer := []byte(usual.UserAgent + usual.Brands + usual.Mobile + usual.Platform)
	cut := func(n int) string {
		s := unsafe.String(unsafe.SliceData(buffer), n)
		buffer = buffer[n:]
		return s
	}
	whole := buffer
	h := enrich.Headers{UserAgent: cut(len(usual.UserAgent)), Brands: cut(len(usual.Brands)), Mobile: cut(len(usual.Mobile)), Platform: cut(len(usual.Platform))}
	a := r.Recognise(h)
	for i := range whole {
		whole[i] = 'X'
	}
	if a.Browser != "Chrome" || a.Version != "142" || a.OS != "Windows" {
		t.Errorf("the answer changed with the buffer: %+v", a)
	}
	if h.UserAgent = strings.Repeat("X", len(usual.UserAgent)); r.Recognise(h) == a {
		t.Error("what was asked before is remembered as what stands in the buffer now")
	}
	if r.Recognise(usual) != a {
		t.Error("another answer to the same headers")
	}
}

// TestCacheIsBounded asks about many more browsers than are remembered: every answer
// is right, also when it was forgotten meanwhile.
func TestCacheIsBounded(t *testing.T) {
	r := newRecogniser(t)
	ask := func(i int) {
		h := usual
		h.Brands = ""
		h.UserAgent = strings.Replace(windows, "130.0.0.0", fmt.Sprintf("%d.0.%d.0", 100+i%40, i), 1)
		if a := r.Recognise(h); a.Version != fmt.Sprint(100+i%40) {
			t.Fatalf("%s is %+v", h.UserAgent, a)
		}
	}
	for i := range 5 * generation {
		ask(i)
		ask(i / 2)
		ask(7) // is never forgotten
	}
	if n := len(r.cache.now) + len(r.cache.old); n < generation || n > 2*generation {
		t.Errorf("%d headers are remembered, want %d to %d", n, generation, 2*generation)
	}
	kept := usual
	kept.Brands, kept.UserAgent = "", strings.Replace(windows, "130.0.0.0", "107.0.7.0", 1)
	if _, known, _ := r.cache.get(&kept); !known {
		t.Error("what was asked for all the time is forgotten")
	}
}
