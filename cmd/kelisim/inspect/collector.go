package inspect

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"kelisim/consent/policy"
)

// lookAtCollector looks at the files and at the calls.
func (x *look) lookAtCollector(ctx context.Context) {
	k, err := x.fetch.get(ctx, x.base+"k.js", nil)
	switch {
	case err != nil:
		x.bad("loader", "%s", err)
		return
	case k.status != 200:
		x.bad("loader", "%sk.js answers %d: nobody is asked and nothing is collected", x.base, k.status)
		return
	case k.url.Host != hostOf(x.base):
		x.bad("loader", "%sk.js leads to another host", x.base)
		return
	}
	sites := sitesOf(k.body)
	if len(sites) == 0 {
		x.bad("loader", "%sk.js is not the loader", x.base)
		return
	}
	x.loader(ctx, k)
	x.integrity(ctx)
	if x.site == "" {
		for _, s := range sites {
			x.site, x.mode = s.id, modeNamed(s.prefix)
			x.calls(ctx, s)
		}
		return
	}
	for _, s := range sites {
		if s.id == x.site {
			x.lookAtMode(s)
			x.calls(ctx, s)
			return
		}
	}
	x.bad("tag", "names the site %q, which this collector does not know", x.site)
}

// loader looks at how the loader is served.
func (x *look) loader(ctx context.Context, k *answer) {
	x.ok("loader", "%sk.js, %d bytes", x.base, len(k.body))
	if kind := k.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/javascript") {
		x.bad("loader", "comes as %q: browsers do not run it", kind)
	}
	age := maxAge(k.header.Get("Cache-Control"))
	if age < 0 || age > 3600 || strings.Contains(k.header.Get("Cache-Control"), "immutable") {
		x.bad("cache", "k.js comes with Cache-Control %q: it brings the edition in force and may be kept for some minutes; the collector says max-age=300", k.header.Get("Cache-Control"))
	}
	if packed, err := x.fetch.get(ctx, x.base+"k.js", map[string]string{"Accept-Encoding": "br, gzip"}); err == nil && packed.header.Get("Content-Encoding") == "" {
		x.bad("loader", "is served without compression: let the server in front pass Accept-Encoding on")
	}
	if x.mode == policy.ModeCrossOrigin && k.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		x.bad("mode", "the collector does not let other sites load its files: no policy there has mode cross-origin")
	}
}

var ageOf = regexp.MustCompile(`(?:^|[, ])max-age=(\d+)`)

// maxAge is how long an answer may be kept, in seconds; -1 where it is not said.
func maxAge(cache string) int {
	m := ageOf.FindStringSubmatch(cache)
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return -1
	}
	return n
}

// file is a line of integrity.json.
type file struct{ Name, Integrity string }

// integrity compares every file with what integrity.json says, and that with the
// page.
func (x *look) integrity(ctx context.Context) {
	var all struct {
		Loader file
		Files  []file
	}
	a, err := x.fetch.get(ctx, x.base+"integrity.json", nil)
	if err != nil || a.status != 200 || json.Unmarshal(a.body, &all) != nil || all.Loader.Name == "" || len(all.Files) > 100 {
		x.bad("integrity", "%sintegrity.json cannot be read", x.base)
		return
	}
	wrong := 0
	for _, f := range append(all.Files, all.Loader) {
		got, err := x.fetch.get(ctx, x.base+f.Name, nil)
		switch {
		case err != nil || got.status != 200:
			wrong++
			x.bad("integrity", "%s cannot be had", f.Name)
		case sum(got.body) != f.Integrity:
			wrong++
			x.bad("integrity", "%s is not what integrity.json says: something on the way changes it, and pages that pin it refuse it", f.Name)
		case strings.HasPrefix(f.Name, "a/") && !strings.Contains(got.header.Get("Cache-Control"), "immutable"):
			x.bad("cache", "%s comes with Cache-Control %q: its name holds its hash, and it may be kept forever", f.Name, got.header.Get("Cache-Control"))
		}
	}
	if wrong == 0 {
		x.ok("integrity", "%d files are what integrity.json says", len(all.Files)+1)
	}
	x.pin(all.Loader)
}

// pin compares the tag of a page that pins the loader with the one that is served.
func (x *look) pin(served file) {
	if x.page == nil {
		return
	}
	name := x.page.src.Path[strings.LastIndexByte(x.page.src.Path, '/')+1:]
	switch {
	case name == "k.js" && x.page.integrity != "":
		x.bad("pin", "the tag pins k.js, which changes with each edition: pin %s", served.Name)
	case name == "k.js":
	case name != served.Name:
		x.bad("pin", "the page pins %s, and %s is served: the edition or the release has changed, and visitors of this page are not asked and nothing is collected; set src to %s and integrity to %s", name, served.Name, served.Name, served.Integrity)
	case x.page.integrity != "" && x.page.integrity != served.Integrity:
		x.bad("pin", "the integrity of the tag is not that of %s: browsers refuse it; set it to %s", name, served.Integrity)
	default:
		x.ok("pin", "%s is the one that is served", name)
	}
}

func sum(body []byte) string {
	d := sha512.Sum384(body)
	return "sha384-" + base64.StdEncoding.EncodeToString(d[:])
}

// known is a site as the loader knows it.
type known struct {
	id, prefix string
	editions   []string
}

var (
	sitePattern    = regexp.MustCompile(`"([a-z][a-z0-9-]{0,31})":(?:Object\.assign\()?\[((?:"[0-9a-f]{16}",?)+)\](?:,\{m:"([^"]+)")?`)
	editionPattern = regexp.MustCompile(`[0-9a-f]{16}`)
)

// sitesOf reads the first line of a loader.
func sitesOf(loader []byte) (all []known) {
	line, _, _ := strings.Cut(string(loader), "\n")
	if !strings.HasPrefix(line, "self.kelisimBoot||(kelisimBoot={e:") {
		return nil
	}
	for _, m := range sitePattern.FindAllStringSubmatch(line, -1) {
		all = append(all, known{id: m[1], prefix: m[3], editions: editionPattern.FindAllString(m[2], -1)})
	}
	return all
}

// lookAtMode compares the mode that the collector serves with the place it lives at,
// and with the policy.
func (x *look) lookAtMode(s known) {
	served, fits := modeNamed(s.prefix), x.mode
	switch {
	case served != fits:
		x.bad("mode", "the policy says %s, but the collector at %s is, for a page of %s, in the place of mode %s", served, hostOf(x.base), x.page.url.Host, fits)
	default:
		x.ok("mode", "%s", served)
	}
	x.mode = served
}

// origin is that of the page, or of the first host that the policy names.
func (x *look) origin() *url.URL {
	if x.page != nil {
		return x.page.url
	}
	if p := x.policyOf(x.site); p != nil {
		return &url.URL{Scheme: "https", Host: p.Hosts[0]}
	}
	return nil
}
