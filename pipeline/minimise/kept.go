package minimise

import (
	"maps"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/validate"
)

// origin is what values are filled from.
type origin struct {
	event          validate.Raw
	facts          enrich.Facts
	session        [16]byte
	networks       Networks
	networkExpires time.Time
	now            time.Time
}

// kind says which events a value belongs to. What belongs to a page view already
// (its browser, its country) is not kept again with its engaged time.
type kind uint8

const (
	pageview kind = 1 << iota
	custom
	engagement
	vitals
	visits = pageview | custom
	every  = pageview | custom | engagement | vitals
)

func (k kind) has(name string) bool {
	switch name {
	case validate.Pageview:
		return k&pageview != 0
	case validate.Engagement:
		return k&engagement != 0
	case validate.Vitals:
		return k&vitals != 0
	}
	return k&custom != 0
}

// kept is everything that a field licenses, and the only place where a value is
// filled from what was sent or derived.
var kept = [...]struct {
	field consent.Field
	of    kind
	fill  func(*Values, *origin)
}{
	{consent.FieldPage, visits, func(v *Values, o *origin) { v.Path = Path(o.event.URL) }},
	{consent.FieldReferrer, pageview, referrer},
	{consent.FieldCampaign, visits, campaign},
	{consent.FieldCountry, visits, func(v *Values, o *origin) { v.Country = o.facts.Place().Country }},
	{consent.FieldRegion, visits, func(v *Values, o *origin) { v.Region = o.facts.Place().Region }},
	{consent.FieldCity, visits, func(v *Values, o *origin) { v.City = o.facts.Place().City }},
	{consent.FieldAddress, every, network},
	{consent.FieldBrowser, visits, func(v *Values, o *origin) {
		v.Browser, v.BrowserVersion = o.facts.Agent().Browser, o.facts.Agent().Version
	}},
	{consent.FieldOS, visits, func(v *Values, o *origin) { v.OS = o.facts.Agent().OS }},
	{consent.FieldDevice, visits, func(v *Values, o *origin) { v.Device = o.facts.Agent().Device }},
	{consent.FieldSession, every, func(v *Values, o *origin) { v.Session = o.session }},
	{consent.FieldVisitor, every, func(v *Values, _ *origin) { v.Visitor = true }},
	{consent.FieldEvents, custom, properties},
	{consent.FieldVitals, vitals, func(v *Values, o *origin) { v.Props = maps.Clone(o.event.Props) }},
	{consent.FieldEngagement, engagement, func(v *Values, o *origin) { v.Engaged = o.event.Engaged.Truncate(time.Millisecond) }},
}

func referrer(v *Values, o *origin) {
	v.Referrer, v.Source, v.Channel = Host(o.event.Referrer), o.facts.Source().Name, o.facts.Source().Channel
	if v.Referrer != "" && v.Referrer == hostOf(o.event.URL) {
		v.Referrer = "" // from one page of the site to the next
	}
}

func campaign(v *Values, o *origin) {
	q := query(o.event.URL)
	v.UTMSource, v.UTMMedium, v.UTMCampaign = tag(q, "utm_source"), tag(q, "utm_medium"), tag(q, "utm_campaign")
	v.UTMContent, v.UTMTerm = tag(q, "utm_content"), tag(q, "utm_term")
	v.Click = o.facts.Source().Click
}

func network(v *Values, o *origin) {
	if !o.now.Before(o.networkExpires) { // guard: the network's own term
		return
	}
	v.Network, v.NetworkExpires = o.networks.Of(o.facts.Address()), o.networkExpires
}

// properties keeps the declared properties; a value that reads as an e-mail
// address, a phone number or an identification number is masked.
func properties(v *Values, o *origin) {
	if len(o.event.Props) == 0 {
		return
	}
	v.Props = make(map[string]string, len(o.event.Props))
	for name, value := range o.event.Props {
		if mask := personal(value); mask != "" {
			value = mask
		}
		v.Props[name] = value
	}
}
