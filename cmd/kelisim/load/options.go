// Package load plays honest visitors against a running collector, as fast as it
// answers or at a rate, and knows afterwards what must stand in the database: it
// keeps a ledger of what was acknowledged and compares.
//
// Visitors see the banner, ignore it, refuse, or give all or a part; those who
// gave come for several visits, open pages that a few are much wanted of, stay
// for a while, and now and then sign up, change their choice or take it back.
// Crawlers come too. Each has a token, an address, a browser and a language of
// its own, and all of them come from one seed.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"kelisim/consent"
	"kelisim/consent/policy"
)

// Mix is which calls are made in the measured part.
type Mix string

// The mixes.
const (
	MixEvents    Mix = "events"    // events alone; consents are given before
	MixDecisions Mix = "decisions" // banners and decisions alone
	MixAll       Mix = "all"       // whole lives of visitors
)

// Shares are how many of the visitors do something, from 0 to 1.
type Shares struct {
	Crawler   float64 // of all: programs, not people
	NoConsent float64 // of all: send events without ever having been asked; no honest page does
	Ignored   float64 // of those who see the banner
	Refused   float64 // of those who see the banner
	Custom    float64 // of those who see the banner: give a part
	Changed   float64 // of the consenting, between two visits: narrow or widen their choice
	Withdrawn float64 // of the consenting, at the end
}

// Usual are shares such as sites see.
func Usual() Shares {
	return Shares{Crawler: 0.03, Ignored: 0.15, Refused: 0.23, Custom: 0.17, Changed: 0.03, Withdrawn: 0.03}
}

// Options say whom to play, where and how.
type Options struct {
	URL    string         // of the collector, such as http://127.0.0.1:8080
	Policy *policy.Policy // of the site; it must say test: true
	Origin string         // of the site's pages; default http://localhost
	Seed   uint64         // all that is random comes from it

	Mix         Mix           // default MixAll
	Shares      Shares        // Usual gives the usual ones; zero is nobody
	Visitors    int           // who are on the site at the same time; default 2000
	Batch       int           // events a call; default 1
	Connections int           // default 64
	Rate        float64       // calls a second at times that are fixed before; 0 sends as fast as answers come
	Duration    time.Duration // of playing, warm-up included; 0 plays until the context ends
	Warmup      time.Duration // the first part, which no figure but those of the ledger counts
	Prepare     bool          // consents are given before the playing begins; MixEvents always does
	Plain       bool          // against a handler that answers 204 to everything: nobody consents and nothing is compared
	Patience    time.Duration // how long a call is repeated without an answer; default 60 s
	Settle      time.Duration // how long rows may take to appear; default 60 s

	Stored   Stored         // Run compares with it; nil compares nothing
	Progress func(Progress) // is told each second; nil tells nobody
	Now      func() time.Time
}

// withDefaults fills in what is not said.
func (o Options) withDefaults() Options {
	if o.Mix == "" {
		o.Mix = MixAll
	}
	if o.Plain {
		o.Mix, o.Shares = MixEvents, Shares{}
	}
	if o.Mix == MixEvents {
		o.Shares.Ignored, o.Shares.Refused, o.Shares.Changed, o.Shares.Withdrawn = 0, 0, 0, 0
	}
	o.Prepare = (o.Prepare || o.Mix == MixEvents) && !o.Plain
	if o.Origin == "" {
		o.Origin = "http://localhost"
	}
	for _, d := range []struct {
		n    *int
		most int
	}{{&o.Visitors, 2000}, {&o.Batch, 1}, {&o.Connections, 64}} {
		if *d.n == 0 {
			*d.n = d.most
		}
	}
	o.Visitors = max(o.Visitors, o.Connections) // a connection without a visitor would have nothing to send
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.Settle == 0 {
		o.Settle = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Policy == nil:
		return errors.New("load: a policy is needed")
	case !o.Policy.Test:
		return fmt.Errorf("load: site %s is not marked as a test site: its policy must say test: true", o.Policy.Site)
	case o.Mix != MixEvents && o.Mix != MixDecisions && o.Mix != MixAll:
		return fmt.Errorf("load: the mix must be %s, %s or %s", MixEvents, MixDecisions, MixAll)
	case o.Visitors < 1 || o.Visitors > 10_000_000:
		return errors.New("load: visitors must be from 1 to 10000000")
	case o.Connections < 1 || o.Connections > 10_000:
		return errors.New("load: connections must be from 1 to 10000")
	case o.Batch < 1 || o.Batch > 100:
		return errors.New("load: a batch must be from 1 to 100 events")
	case o.Rate < 0 || o.Rate > 1e7:
		return errors.New("load: the rate must be from 0 to 10000000 calls a second")
	case o.Duration < 0 || o.Warmup < 0 || o.Duration > 0 && o.Warmup >= o.Duration:
		return errors.New("load: the duration must be longer than the warm-up")
	}
	s := o.Shares
	for _, share := range []float64{s.Crawler, s.NoConsent, s.Ignored, s.Refused, s.Custom, s.Changed, s.Withdrawn} {
		if !(share >= 0 && share <= 1) {
			return errors.New("load: a share must be from 0 to 1")
		}
	}
	if s.Ignored+s.Refused+s.Custom > 1 || s.Crawler+s.NoConsent > 1 {
		return errors.New("load: the shares of the choices, and of those who do not choose, must not be more than 1 together")
	}
	return nil
}

// target is the collector's address, if visitors may be played there: on this
// machine, or on a host that the policy names as the test site's own.
func (o Options) target(ctx context.Context) (*url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("load: the collector's address must be such as http://127.0.0.1:8080")
	}
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap().IsLoopback() || host == "localhost" || slices.Contains(o.Policy.Hosts, host) {
		return u, ctx.Err()
	}
	return nil, fmt.Errorf("load: %s is neither this machine nor a host that the policy of %s names", host, o.Policy.Site)
}

// purposes are the items of the policy that license page views, and all others.
func (o Options) purposes() (base, more []string) {
	for _, p := range o.Policy.Purposes {
		if p.FieldSet().Has(consent.FieldPage) {
			base = append(base, p.ID)
		} else {
			more = append(more, p.ID)
		}
	}
	for _, other := range []policy.Other{o.Policy.ThirdParty, o.Policy.CrossBorder, o.Policy.Publication} {
		if other.ID != "" {
			more = append(more, other.ID)
		}
	}
	return base, more
}
