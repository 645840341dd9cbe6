package agents

import "strings"

// contradicts reports headers that no browser sends together. Only what is there
// is held against what is there: a header that is missing is never evidence,
// because proxies and careful people leave headers out.
//
//	brands of Chromium from a browser that is none: Gecko and WebKit send no hints
//	another system in the hint than in the User-Agent, but for what one asks for:
//	  a phone or a tablet that shows a desktop's pages says Linux or macOS there
//
// Another version is no evidence: people and tests change it for the sake of pages
// that refuse one.
func contradicts(userAgent string, h hints) bool {
	if _, chromium := h.version("Chromium"); !chromium {
		return false
	}
	if !strings.Contains(userAgent, "Chrome/") {
		return strings.Contains(userAgent, "Firefox/") || strings.Contains(userAgent, "FxiOS/") ||
			strings.Contains(userAgent, "Version/") && strings.Contains(userAgent, "Safari/")
	}
	return strange(userAgent, platforms[h.platform])
}

// strange reports a platform that the User-Agent cannot go with.
func strange(userAgent, platform string) bool {
	says := system(userAgent, hints{})
	switch {
	case platform == "" || says == "" || platform == says:
		return false
	case platform == "Android" || platform == "iOS":
		return says != "Linux" && says != "macOS" // pages for a desktop were asked for
	case platform == "Linux":
		return says != "ChromeOS" && says != "Android" && says != "Tizen" && says != "webOS" // all are Linux below
	case platform == "ChromeOS":
		return says != "Linux" && says != "Android"
	}
	return true
}
