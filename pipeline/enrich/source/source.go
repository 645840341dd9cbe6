// Package source says where a visit came from: from the referrer and the tags on
// the page's address it derives a channel, the name of a service or site, and the
// kind of a click id. It keeps no path, no query, no search term, no click id and
// no free text: a name comes from the list in sources.txt or is a bare host.
//
// The channel is the first of these rules that says something:
//
//	1  utm_medium is a known medium          its channel: cpc, paid* -> paid, email -> email
//	2  a click id that only ads carry        paid: gclid, yclid, msclkid, ttclid
//	3  utm_source is on the list             the channel of that service
//	4  the referrer is the site's own host   none: the site is no source of itself
//	5  the referrer is on the list           the channel of that service
//	6  the referrer is another host or app   email for a webmail host, else referral
//	7  another click id                      its channel: fbclid -> social, ysclid -> search
//	8  any other tag                         campaign: tagged, but with an unknown medium
//	9  the referrer cannot be read           none
//	10 nothing of all this                   direct
//
// Tags stand before the referrer because they are the site's own word about its
// link. The name is that of utm_source if it is on the list, else that of an ad's
// click id, else that of the referrer, else that of another click id.
//
// A click id of rule 7 is put on every link of its service, advertisement or not:
// fbclid alone does not mean paid.
package source

import (
	"strings"

	"kelisim/pipeline/enrich"
)

// Channels. An empty one means that nothing can be said.
const (
	Direct    = "direct"    // typed, bookmarked, or an app that hides itself
	Referral  = "referral"  // a link on another site
	Search    = "search"    // a search engine's own results
	Paid      = "paid"      // an advertisement
	Social    = "social"    // a social network, a messenger, a video site
	Email     = "email"     // a webmail or a mail program
	Assistant = "assistant" // a chat assistant
	Campaign  = "campaign"  // tagged by the site with a medium that none of these is
)

// Sources recognises sources. It is safe for concurrent use: nothing in it
// changes after New.
type Sources struct {
	list    list
	mediums map[string]string
	clicks  map[string]click
}

// New reads the embedded list.
func New() (*Sources, error) {
	l, err := parse(sourcesText)
	if err != nil {
		return nil, err
	}
	return &Sources{list: l, mediums: mediums(), clicks: clicks()}, nil
}

// Source says where a visit came from. The referrer is a URL or an origin as the
// browser sent it; the page is the address of the page with its query. Where the
// visitor did not permit campaigns, the page must be given without its query: then
// no tag and no click id is seen.
func (s *Sources) Source(referrer, page string) enrich.Source {
	var space, pageSpace [maxHost]byte
	var valueSpace [maxValue]byte
	t := s.tags(page)
	from := cut(referrer, &space)
	if from.kind == web && from.same(cut(page, &pageSpace)) {
		from.kind = own
	}
	known := s.list.campaign(fold(t.source, valueSpace[:]))
	visible := s.list.service(from)
	return enrich.Source{
		Name:    name(known, t.click, visible, from),
		Channel: channel(s.medium(fold(t.medium, valueSpace[:])), t, known, visible, from),
		Click:   t.click.kind,
	}
}

// channel is the table above.
func channel(medium string, t tags, known, visible *service, from origin) string {
	switch {
	case medium != "":
		return medium
	case t.click.channel == Paid:
		return Paid
	case known != nil:
		return known.channel
	case from.kind == own:
		return ""
	case visible != nil:
		return visible.channel
	case from.kind == web || from.kind == app:
		return Referral
	case t.click.channel != "":
		return t.click.channel
	case t.any:
		return Campaign
	case from.kind == unreadable:
		return ""
	}
	return Direct
}

func name(known *service, c click, visible *service, from origin) string {
	switch {
	case known != nil:
		return known.name
	case c.channel == Paid:
		return c.name
	case visible != nil && visible.name != "":
		return visible.name
	case from.kind == own:
		return ""
	case from.kind == web || from.kind == app:
		if host := from.bare(); named(host) {
			return strings.Clone(string(host))
		}
		return ""
	}
	return c.name
}
