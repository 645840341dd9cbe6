package agents

import (
	"fmt"
	"strings"
	"testing"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
)

// brandsOf is the Sec-CH-UA of a browser of one major version of Chromium.
func brandsOf(name, major string) string {
	return fmt.Sprintf(`"Not(A:Brand";v="8", "Chromium";v="%s", "%s";v="%s"`, major, name, major)
}

// TestContradictions: each rule on both sides. What differs in one thing from what
// a browser sends is found; what it differs from is not.
func TestContradictions(t *testing.T) {
	r := newRecogniser(t)
	const (
		mac   = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
		xbox  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"
		tizen = "Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 TV Safari/537.36"
		crios = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1"
	)
	chromium, safari := brandsOf("Google Chrome", "130"), strings.Replace(iphone, "Version/18.1", "Version/26.0", 1)
	for _, test := range []struct {
		what         string
		person, fake enrich.Headers
	}{
		{"another engine", enrich.Headers{UserAgent: firefox132}, enrich.Headers{UserAgent: firefox132, Brands: chromium}},
		{"another engine", enrich.Headers{UserAgent: safari}, enrich.Headers{UserAgent: safari, Brands: chromium}},
		{"another engine than its name's on an iPhone", enrich.Headers{UserAgent: safari, Brands: chromium, Platform: `"iOS"`}, enrich.Headers{UserAgent: safari, Brands: chromium, Platform: `"macOS"`}},
		{"Chrome on an iPhone", enrich.Headers{UserAgent: crios, Brands: chromium}, enrich.Headers{UserAgent: crios, Brands: chromium, Platform: `"Linux"`}},
		{"a platform alone", enrich.Headers{UserAgent: windows, Platform: `"Windows"`}, enrich.Headers{UserAgent: windows, Platform: `"Linux"`}},
		{"macOS", enrich.Headers{UserAgent: mac, Brands: chromium, Platform: `"macOS"`}, enrich.Headers{UserAgent: mac, Brands: chromium, Platform: `"Windows"`}},
		{"a desktop's pages on Android", enrich.Headers{UserAgent: mac, Brands: chromium, Platform: `"Android"`}, enrich.Headers{UserAgent: mac, Brands: chromium, Platform: `"Linux"`}},
		{"a desktop's pages on Android", enrich.Headers{UserAgent: windows, Brands: chromium, Mobile: "?1", Platform: `"Android"`}, enrich.Headers{UserAgent: windows, Brands: chromium, Platform: `"Chrome OS"`}},
		{"a game console", enrich.Headers{UserAgent: xbox, Brands: brandsOf("Microsoft Edge", "130"), Platform: `"Windows"`}, enrich.Headers{UserAgent: pixel, Brands: brandsOf("Microsoft Edge", "130"), Platform: `"Windows"`}},
		{"a television", enrich.Headers{UserAgent: tizen, Brands: chromium, Platform: `"Linux"`}, enrich.Headers{UserAgent: iphone, Platform: `"Linux"`}},
		{"a platform that is not known", enrich.Headers{UserAgent: linux, Brands: chromium, Platform: `"Unknown"`}, enrich.Headers{UserAgent: linux, Brands: chromium, Platform: `"Windows"`}},
	} {
		if a := r.Recognise(test.person); a.Bot != outcome.None {
			t.Errorf("%s: a person is %s: %+v", test.what, a.Bot.Detail(), test.person)
		}
		if a := r.Recognise(test.fake); a.Bot != outcome.BotHeaders {
			t.Errorf("%s: not found: %+v", test.what, test.fake)
		}
	}
}

// TestBrowsersDoNotContradict: every browser of every list, with the hints that it
// sends or would send, and with each of them missing, is not contradictory.
func TestBrowsersDoNotContradict(t *testing.T) {
	r := newRecogniser(t)
	all := map[string]bool{}
	for _, s := range samples(t) {
		all[s.UserAgent] = true
	}
	for _, c := range collection(t) {
		if c.browser() {
			all[c.UserAgent] = true
		}
	}
	hint := map[string]string{"Windows": `"Windows"`, "Xbox": `"Windows"`, "macOS": `"macOS"`, "Linux": `"Linux"`, "Android": `"Android"`, "HarmonyOS": `"Android"`, "ChromeOS": `"Chrome OS"`, "Tizen": `"Linux"`, "webOS": `"Linux"`}
	hinted := 0
	for ua := range all {
		full := enrich.Headers{UserAgent: ua}
		_, chrome, chromium := strings.Cut(ua, " Chrome/")
		if platform := hint[plainly(ua).OS]; chromium && platform != "" {
			hinted++
			full.Brands, full.Mobile, full.Platform = brandsOf("Google Chrome", digits(chrome)), "?0", platform
		}
		for without := range 8 {
			h := full
			for i, one := range []*string{&h.Brands, &h.Mobile, &h.Platform} {
				if without&(1<<i) != 0 {
					*one = ""
				}
			}
			if r.Recognise(h).Bot == outcome.BotHeaders {
				t.Errorf("%+v contradict each other", h)
			}
		}
	}
	if hinted < 500 {
		t.Errorf("only %d browsers with hints", hinted)
	}
}
