package agents

import (
	"strings"

	"github.com/mssola/useragent"

	"kelisim/pipeline/enrich"
)

// Families that are kept by name. A browser of another name is kept without one.
const (
	chrome  = "Chrome"
	safari  = "Safari"
	firefox = "Firefox"
	edge    = "Edge"
	opera   = "Opera"
	yandex  = "Yandex Browser"
	samsung = "Samsung Browser"
	google  = "Google App"
	ie      = "Internet Explorer"
)

// tokens name a family by its own word in the User-Agent, the more special ones
// first: nearly every browser names Chrome or Safari beside itself.
var tokens = [...]struct{ word, family string }{
	{"GSA/", google}, {"Instagram ", "Instagram"}, {"FBAV/", "Facebook"},
	{"YaBrowser/", yandex}, {"YaApp_Android/", yandex}, {"YaApp_iOS/", yandex}, {"YaSearchBrowser/", yandex},
	{"SamsungBrowser/", samsung},
	{"EdgiOS/", edge}, {"EdgA/", edge}, {"Edg/", edge}, {"Edge/", edge},
	{"OPR/", opera}, {"OPiOS/", "Opera Mini"}, {"OPT/", opera}, {"OPX/", opera}, {"Opera Mini/", "Opera Mini"},
	{"Opera/", opera}, {"Opera ", opera},
	{"Vivaldi/", "Vivaldi"}, {"Brave/", "Brave"}, {"DuckDuckGo/", "DuckDuckGo"}, {"Ddg/", "DuckDuckGo"},
	{"UCBrowser/", "UC Browser"}, {"UCWEB", "UC Browser"}, {"MiuiBrowser/", "Miui Browser"}, {"HuaweiBrowser/", "Huawei Browser"},
	{"HeyTapBrowser/", "HeyTap Browser"}, {"VivoBrowser/", "Vivo Browser"}, {"Silk/", "Silk"}, {"Whale/", "Whale"},
	{"Puffin/", "Puffin"}, {"QQBrowser/", "QQ Browser"}, {"Maxthon/", "Maxthon"}, {"AtomBrowser/", "Atom"}, {"coc_coc_browser/", "Coc Coc"},
	{"SeaMonkey/", "SeaMonkey"}, {"PaleMoon/", "Pale Moon"}, {"Focus/", firefox}, {"FxiOS/", firefox},
	{"CriOS/", chrome},
	{"MSIE ", ie}, {"Trident/", ie},
	{"Firefox/", firefox},
}

// known are the names that mssola/useragent gives which are kept as they are.
var known = map[string]string{
	"Chrome": chrome, "Chromium": "Chromium", "Firefox": firefox, "Safari": safari, "Edge": edge, "Opera": opera,
	"Internet Explorer": ie, "Android": "Android Browser", "Opera Mini": "Opera Mini", "Opera Mobi": opera,
}

// browser says what a person's browser is.
func browser(userAgent string, h hints) enrich.Agent {
	system := system(userAgent, h)
	a := enrich.Agent{OS: system, Device: device(userAgent, system, h)}
	a.Browser, a.Version = family(userAgent)
	if name, major := branded(h); name != "" {
		a.Browser, a.Version = name, major
	}
	if a.Browser == "" {
		a.Version = ""
	}
	return a
}

// family finds family and major version in the User-Agent.
func family(userAgent string) (name, major string) {
	for _, t := range tokens {
		at := strings.Index(userAgent, t.word)
		if at < 0 {
			continue
		}
		switch {
		case t.family == ie:
			return ie, explorer(userAgent)
		case t.word == "Opera/":
			if _, later, ok := strings.Cut(userAgent, "Version/"); ok {
				return opera, digits(later) // from the tenth on, Opera/ stays at 9.80
			}
		case t.word == "UCWEB":
			return t.family, ""
		}
		return t.family, digits(userAgent[at+len(t.word):])
	}
	ua := useragent.New(userAgent)
	given, version := ua.Browser()
	name = known[given]
	if _, v, ok := strings.Cut(userAgent, " Chrome/"); ok && (name == "" || name == safari || name == "Android Browser") {
		return chrome, digits(v) // a name of its own stands before it
	}
	if name == safari { // the page of an application does not say its version
		_, version, _ = strings.Cut(userAgent, "Version/")
	}
	return name, digits(version)
}

// explorer is the major version of Internet Explorer. From the eighth on the engine
// tells it, also where a page is shown as an older one would.
func explorer(userAgent string) string {
	if _, rv, ok := strings.Cut(userAgent, "; rv:"); ok {
		return digits(rv)
	}
	if _, engine, ok := strings.Cut(userAgent, "Trident/"); ok {
		switch digits(engine) {
		case "4":
			return "8"
		case "5":
			return "9"
		case "6":
			return "10"
		case "7", "8":
			return "11"
		}
	}
	_, after, _ := strings.Cut(userAgent, "MSIE ")
	return digits(after)
}

// brands are the names in Sec-CH-UA that tell more than the User-Agent.
var brands = [...]struct{ brand, family string }{
	{"YaBrowser", ""}, // its own version stands in the User-Agent alone
	{"Brave", "Brave"}, {"Microsoft Edge", edge}, {"Opera", opera}, {"OperaMobile", opera}, {"Opera GX", opera},
	{"Vivaldi", "Vivaldi"}, {"Samsung Internet", samsung}, {"DuckDuckGo", "DuckDuckGo"}, {"Google Chrome", chrome},
}

func branded(h hints) (name, major string) {
	for _, b := range brands {
		if major, ok := h.version(b.brand); ok {
			return b.family, major
		}
	}
	return "", ""
}

// systems name an operating system by a word of the User-Agent, the more special
// ones first.
var systems = [...]struct{ word, name string }{
	{"Windows Phone", "Windows Phone"}, {"Xbox", "Xbox"},
	{"iPhone", "iOS"}, {"iPad", "iOS"}, {"iPod", "iOS"}, {"CriOS/", "iOS"}, {"FxiOS/", "iOS"}, {"EdgiOS/", "iOS"}, {"(iOS;", "iOS"},
	{"OculusBrowser/", "Android"}, {"Silk/", "Android"}, {"Silk-Accelerated", "Android"},
	{"Windows", "Windows"}, {"PlayStation", "PlayStation"}, {"PLAYSTATION", "PlayStation"},
	{"HarmonyOS", "HarmonyOS"}, {"OpenHarmony", "HarmonyOS"},
	{"Tizen", "Tizen"}, {"Web0S", "webOS"}, {"webOS", "webOS"}, {"hpwOS", "webOS"}, {"KAIOS", "KaiOS"}, {"Roku", "Roku"},
	{"Android", "Android"}, {"Adr ", "Android"},
	{"AppleTV", "tvOS"}, {"CrOS", "ChromeOS"},
	{"BlackBerry", "BlackBerry"}, {"BB10", "BlackBerry"}, {"Symbian", "Symbian"}, {"SymbOS", "Symbian"}, {"Series60", "Symbian"},
	{"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Mac_PowerPC", "macOS"}, {"PPC Mac", "macOS"},
	{"Ubuntu", "Linux"}, {"Fedora", "Linux"}, {"Linux", "Linux"}, {"FreeBSD", "BSD"}, {"OpenBSD", "BSD"}, {"NetBSD", "BSD"},
	{"SunOS", "Solaris"}, {"X11", "Linux"},
}

// platforms are the values of Sec-CH-UA-Platform.
var platforms = map[string]string{
	"Windows": "Windows", "macOS": "macOS", "Linux": "Linux", "Android": "Android", "Chrome OS": "ChromeOS", "Chromium OS": "ChromeOS", "iOS": "iOS",
}

// system finds the operating system. The hint tells an Android tablet that asks
// for a desktop's pages, whose User-Agent says Linux.
func system(userAgent string, h hints) string {
	if name := platforms[h.platform]; name != "" {
		return name
	}
	for _, s := range systems {
		if strings.Contains(userAgent, s.word) {
			return s.name
		}
	}
	return ""
}

// Classes of devices.
const (
	desktop = "desktop"
	mobile  = "mobile"
	tablet  = "tablet"
	tv      = "tv"
	console = "console"
	watch   = "watch"
)

// devices tell a class by a word of the User-Agent, the more special ones first.
var devices = [...]struct{ word, class string }{
	{"SMART-TV", tv}, {"SmartTV", tv}, {"Smart TV", tv}, {"GoogleTV", tv}, {"Google TV", tv}, {"Android TV", tv}, {"AppleTV", tv}, {"HbbTV", tv},
	{"BRAVIA", tv}, {"Web0S", tv}, {"Roku", tv}, {"AFT", tv}, {"CrKey", tv}, {"NetCast", tv}, {"MiTV", tv}, {"Viera", tv},
	{"PlayStation Vita", console}, {"PlayStation", console}, {"PLAYSTATION", console}, {"Xbox", console}, {"Nintendo", console},
	{"Watch", watch},
	{"iPad", tablet}, {"Tablet", tablet}, {"tablet", tablet}, {"Kindle", tablet}, {"Silk/", tablet}, {"PlayBook", tablet}, {"KFAPWI", tablet},
	{"iPhone", mobile}, {"iPod", mobile}, {"Windows Phone", mobile}, {"IEMobile", mobile}, {"Opera Mini", mobile}, {"Opera Mobi", mobile},
	{"BlackBerry", mobile}, {"BB10", mobile}, {"Symbian", mobile}, {"SymbOS", mobile}, {"Series60", mobile}, {"KAIOS", mobile}, {"UCWEB", mobile},
}

// device finds the class. On Android a phone says Mobile and a tablet does not.
func device(userAgent, system string, h hints) string {
	for _, d := range devices {
		if strings.Contains(userAgent, d.word) {
			return d.class
		}
	}
	says := strings.Contains(userAgent, "Mobile") || strings.Contains(userAgent, "Mobi;") || h.mobile == "?1"
	switch {
	case system == "Android" && says, system == "HarmonyOS" && says:
		return mobile
	case system == "Android", system == "HarmonyOS":
		return tablet
	case says:
		return mobile
	}
	return desktop
}
