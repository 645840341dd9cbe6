package minimise

import (
	"math"
	"strconv"
	"strings"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/validate"
)

// origin is what values are filled from.
type origin struct {
	event          validate.Raw
	host           string // of the page
	path           string
	query          string
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

// kindOf is the kind of an event of a name.
func kindOf(name string) kind {
	switch name {
	case validate.Pageview:
		return pageview
	case validate.Engagement:
		return engagement
	case validate.Vitals:
		return vitals
	}
	return custom
}

// kept says which events the values of each field belong to.
var kept = [...]struct {
	field consent.Field
	of    kind
}{
	{consent.FieldPage, visits}, {consent.FieldReferrer, pageview}, {consent.FieldCampaign, visits},
	{consent.FieldCountry, visits}, {consent.FieldRegion, visits}, {consent.FieldCity, visits}, {consent.FieldAddress, every},
	{consent.FieldBrowser, visits}, {consent.FieldOS, visits}, {consent.FieldDevice, visits},
	{consent.FieldSession, every}, {consent.FieldVisitor, every},
	{consent.FieldEvents, custom}, {consent.FieldVitals, vitals}, {consent.FieldEngagement, engagement},
}

// fill keeps what one field licenses. It is the only place where a value is
// filled from what was sent or derived.
func (v *Values) fill(f consent.Field, o *origin) {
	switch f {
	case consent.FieldPage:
		v.Path = clean(o.host, o.path)
	case consent.FieldReferrer:
		v.referrer(o)
	case consent.FieldCampaign:
		v.campaign(o)
	case consent.FieldCountry:
		v.Country = o.facts.Place().Country
	case consent.FieldRegion:
		v.Region = o.facts.Place().Region
	case consent.FieldCity:
		v.City = o.facts.Place().City
	case consent.FieldAddress:
		v.network(o)
	case consent.FieldBrowser:
		v.Browser, v.BrowserVersion = o.facts.Agent().Browser, o.facts.Agent().Version
	case consent.FieldOS:
		v.OS = o.facts.Agent().OS
	case consent.FieldDevice:
		v.Device = o.facts.Agent().Device
	case consent.FieldSession:
		v.Session = o.session
	case consent.FieldVisitor:
		v.Visitor = true
	case consent.FieldEvents:
		v.properties(o)
	case consent.FieldVitals:
		v.measures(o)
	case consent.FieldEngagement:
		v.Engaged = o.event.Engaged.Truncate(time.Millisecond)
	}
}

func (v *Values) referrer(o *origin) {
	v.Referrer, v.Source, v.Channel = Host(o.event.Referrer), o.facts.Source().Name, o.facts.Source().Channel
	if v.Referrer == o.host { // guard: own site is no referrer
		v.Referrer = "" // from one page of the site to the next
	}
}

func (v *Values) campaign(o *origin) {
	v.Click = o.facts.Source().Click
	v.tags(o.query)
}

func (v *Values) network(o *origin) {
	if !o.now.Before(o.networkExpires) { // guard: the network's own term
		return
	}
	v.Network, v.NetworkExpires = o.networks.Of(o.facts.Address()), o.networkExpires
}

// measures keeps the numbers of vitals, written in one way: what was sent could
// write other things with the same number.
func (v *Values) measures(o *origin) {
	v.Props = make(map[string]string, len(o.event.Props))
	for name, value := range o.event.Props {
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue // the first stage refuses it
		}
		v.Props[name] = strconv.FormatFloat(math.Round(n*1000)/1000, 'f', -1, 64)
	}
}

// properties keeps the declared properties.
func (v *Values) properties(o *origin) {
	if len(o.event.Props) == 0 {
		return
	}
	v.Props = make(map[string]string, len(o.event.Props))
	for name, value := range o.event.Props {
		v.Props[name] = property(value)
	}
}

// property is the value of a declared property. One that reads as an e-mail
// address, a phone number, an identification number or an IP address is masked,
// and an address of a page loses its query.
func property(value string) string {
	if mask := personal(value); mask != "" {
		return mask
	}
	if strings.Contains(value, "://") {
		if mark := strings.IndexAny(value, "?#"); mark >= 0 {
			return value[:mark]
		}
	}
	return value
}
