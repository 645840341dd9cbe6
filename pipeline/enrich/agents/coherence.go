package agents

import (
	"slices"
	"strings"
)

// contradicts reports headers that no browser sends together. Only what is there
// is held against what is there: a header that is missing is never evidence,
// because proxies and careful people leave headers out. The rules:
//
//  1. Brands of Chromium come from a User-Agent that names Gecko or WebKit and no
//     Chrome. Both engines send no hints; on an iPhone, where the engine may be
//     another one than the name says, this is not held against anybody.
//  2. The platform cannot be that of the User-Agent; see never.
//
// Another version in the brands is not held against anybody: people and tests change
// the User-Agent for the sake of pages that refuse one. Nor is Sec-CH-UA-Mobile:
// tablets, foldable phones and pages that were asked for as a desktop's differ from
// browser to browser.
func contradicts(userAgent string, h hints) bool {
	platform := platforms[h.platform]
	if _, chromium := h.version("Chromium"); chromium && platform != "iOS" &&
		!strings.Contains(userAgent, "Chrome/") && otherEngine(userAgent) {
		return true
	}
	return slices.Contains(never[platform], system(userAgent, hints{}))
}

// otherEngine reports a browser that says it is Firefox or Safari.
func otherEngine(userAgent string) bool {
	return strings.Contains(userAgent, "Firefox/") || strings.Contains(userAgent, "FxiOS/") ||
		strings.Contains(userAgent, "Version/") && strings.Contains(userAgent, "Safari/")
}

// never lists, by the platform of the hint, the systems of a User-Agent that do not
// go with it. What is not here does go: whoever asks for a desktop's pages on
// Android says Linux, Windows or macOS there and may keep the hint; below ChromeOS
// and televisions lies Linux; a game console is Windows below.
var never = map[string][]string{
	"Windows":  {"macOS", "iOS", "Android", "ChromeOS", "Linux"},
	"macOS":    {"Windows", "iOS", "Android", "ChromeOS", "Linux"},
	"Linux":    {"Windows", "macOS", "iOS"},
	"ChromeOS": {"Windows", "macOS", "iOS"},
	"Android":  {"iOS"},
	"iOS":      {"Windows", "Android", "ChromeOS", "Linux"},
}
