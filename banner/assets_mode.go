package banner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kelisim/consent/policy"
)

// Prefix is how the names of a site's two cookies begin on https. In mode
// cross-origin they are written by a script on the site, and must not be taken for
// cookies that the collector set before the site changed its mode.
func Prefix(mode policy.Mode) string {
	switch mode {
	case policy.ModeSubdomain:
		return "__Secure-"
	case policy.ModeCrossOrigin:
		return "__Host-own-"
	}
	return "__Host-"
}

// filesOfOwn are the files that are built a second time for mode cross-origin,
// where the browser keeps the token and sends it in bodies. Sites in other modes
// load nothing of it.
func filesOfOwn() []string { return []string{"banner.js", "telemetry.js"} }

// ownFolder holds the files as mode cross-origin has them.
func (a *Assets) ownFolder() string { return a.folder + "-own" }

// sites writes the editions of each site as the loader reads them: a list, and
// with it, where the site is not in mode path, what the mode changes.
func (a *Assets) sites(editions map[string][]string, modes map[string]policy.Mode, pinned bool) []byte {
	b := []byte{'{'}
	for i, id := range slices.Sorted(maps.Keys(editions)) {
		if i > 0 {
			b = append(b, ',')
		}
		form, more := "%s:%s", ""
		switch modes[id] {
		case policy.ModeSubdomain:
			form = "%s:Object.assign(%s,{m:%q%s})"
		case policy.ModeCrossOrigin:
			form, more = "%s:Object.assign(%s,{m:%q%s})", fmt.Sprintf(",h:%q", a.ownFolder())
			if pinned {
				all := maps.Clone(a.byName)
				maps.Copy(all, a.own)
				more += ",i:" + string(object(integrityOf(all)))
			}
		}
		args := []any{text(id), text(editions[id]), Prefix(modes[id]), more}
		b = fmt.Appendf(b, form, args[:strings.Count(form, "%")]...)
	}
	return append(b, '}')
}

// text writes a text or a list of texts as a script may hold it.
func text(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("[]") // texts always encode
	}
	return b
}

// integrityOf is the integrity of files by the name that the loader has for them.
func integrityOf(files map[string]Asset) map[string]string {
	integrity := map[string]string{}
	for name, asset := range files {
		integrity[strings.TrimSuffix(name, ".js")] = asset.Integrity
	}
	return integrity
}

// Integrity is the integrity of every file by its address, relative to the
// collector: those that the loader loads, for mode cross-origin as well, and the
// adapters.
func (a *Assets) Integrity() map[string]string {
	all := map[string]string{}
	for name, asset := range a.adapters {
		all["adapters/"+name] = asset.Integrity
	}
	for name, asset := range a.byName {
		all["a/"+a.folder+"/"+name] = asset.Integrity
		if own, ok := a.own[name]; ok {
			asset = own
		}
		if strings.HasSuffix(name, ".js") {
			all["a/"+a.ownFolder()+"/"+name] = asset.Integrity
		}
	}
	return all
}
