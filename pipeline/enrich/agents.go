package enrich

import (
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/mssola/useragent"

	"kelisim/pipeline/outcome"
)

// UserAgents recognises User-Agents by mssola/useragent and a few rules of our
// own, behind a cache in memory: few strings make up most of the traffic.
type UserAgents struct {
	cache *lru.Cache[string, Agent]
}

// Lengths and sizes of the recogniser.
const (
	maxUserAgent = 512  // bytes read; what stands behind them is ignored
	agentCache   = 4096 // strings
)

// NewUserAgents makes a recogniser.
func NewUserAgents() (*UserAgents, error) {
	cache, err := lru.New[string, Agent](agentCache)
	if err != nil {
		return nil, fmt.Errorf("enrich: user agents: %w", err)
	}
	return &UserAgents{cache: cache}, nil
}

// Recognise says what a User-Agent is. An empty one is no browser.
func (u *UserAgents) Recognise(h Headers) Agent {
	userAgent := h.UserAgent
	if len(userAgent) > maxUserAgent {
		userAgent = userAgent[:maxUserAgent]
	}
	if a, ok := u.cache.Get(userAgent); ok {
		return a
	}
	a := recognise(userAgent)
	u.cache.Add(strings.Clone(userAgent), a)
	return a
}

// crawlerWords mark programs that are no person's browser. mssola/useragent
// knows about half of the crawlers; these words find most others.
var crawlerWords = [...]string{
	"bot", "crawl", "spider", "slurp", "archiver", "fetch", "monitor", "scan", "scrap",
	"feed", "rss", "validator", "wget", "curl", "python", "java/", "libwww", "perl",
	"httpclient", "go-http-client", "okhttp", "ruby", "phantomjs", "http://", "https://", "@",
}

// phone is a maker of phones whose name holds a crawler's word.
const phone = "cubot"

func recognise(userAgent string) Agent {
	lower := strings.ReplaceAll(strings.ToLower(userAgent), phone, "")
	if !strings.Contains(lower, "mozilla/") && !strings.HasPrefix(lower, "opera/") {
		return Agent{Bot: outcome.BotTool}
	}
	for _, w := range crawlerWords {
		if strings.Contains(lower, w) {
			return Agent{Bot: outcome.BotCrawler}
		}
	}
	ua := useragent.New(userAgent)
	if ua.Bot() {
		return Agent{Bot: outcome.BotCrawler}
	}
	name, version := ua.Browser()
	major, _, _ := strings.Cut(version, ".")
	a := Agent{Browser: known(name), Version: digits(major), OS: system(lower), Device: device(ua, lower)}
	if a.Browser == "" {
		a.Version = ""
	}
	return a
}

// browsers are the families that are kept by name; another name could be made
// up by a visitor and would then stand in a table as free text.
var browsers = [...]string{
	"Chrome", "Firefox", "Safari", "Edge", "Opera", "Internet Explorer", "Vivaldi", "YaBrowser",
	"Yandex", "Samsung Browser", "SamsungBrowser", "Android", "Chromium", "Headless Chrome", "UCBrowser",
	"Brave", "Opera Mini", "Opera Mobi", "Silk", "DuckDuckGo", "Maxthon",
}

func known(name string) string {
	switch name {
	case "SamsungBrowser":
		return "Samsung Browser"
	case "YaBrowser", "Yandex":
		return "Yandex Browser"
	}
	for _, b := range browsers {
		if name == b {
			return b
		}
	}
	return ""
}

// digits keeps a version only if it is a number of a sensible length.
func digits(s string) string {
	if len(s) == 0 || len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

func system(lower string) string {
	for _, s := range [...]struct{ word, name string }{
		{"windows phone", "Windows Phone"}, {"windows", "Windows"}, {"android", "Android"},
		{"iphone", "iOS"}, {"ipad", "iOS"}, {"ipod", "iOS"}, {"cros", "ChromeOS"},
		{"mac os x", "macOS"}, {"macintosh", "macOS"}, {"linux", "Linux"}, {"bsd", "BSD"},
	} {
		if strings.Contains(lower, s.word) {
			return s.name
		}
	}
	return ""
}

func device(ua *useragent.UserAgent, lower string) string {
	android := strings.Contains(lower, "android")
	switch {
	case strings.Contains(lower, "ipad"), strings.Contains(lower, "tablet"), android && !strings.Contains(lower, "mobile"):
		return "tablet"
	case ua.Mobile(), android:
		return "mobile"
	}
	return "desktop"
}
