package load

import (
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// kind is what a visitor is like.
type kind uint8

const (
	ignores    kind = iota // looks at the banner and leaves it
	refuses                // says no, and sends nothing
	gives                  // consents, wholly or in part
	crawls                 // a program that clicks on everything
	trespasses             // sends events without consent, as no honest page does
)

// stage is what a visitor does next.
type stage uint8

const (
	atBanner stage = iota
	atDecision
	atEvents
	atChange
	atWithdrawal
	atEnd
)

// visitor is one person at a place in the crowd: when one leaves, the next one
// takes the place. It belongs to one worker.
type visitor struct {
	rng     rand.PCG
	place   uint64 // in the crowd
	index   uint32 // in the worker's part of it
	turn    uint64 // how many were in the place before
	kind    kind
	stage   stage
	part    bool // gave a part only
	browser *browser
	tongue  *tongue
	from    string // address
	cookies [2]cookie
	head    []byte // of a request that sends events, up to the length of the body

	consent uint32 // in the shard, or none
	last    uint32 // visit in the shard, or none
	visits  int    // still to come, this one included
	began   int64  // of the visit, ms
	id      [32]byte
	at, end uint32 // slots of the visit: the next, and the one after the last
	seen    string // the page that is open
	before  string // the page before

	call call // the one under way
}

// call is one call that is due, under way, or waits to be repeated.
type call struct {
	stage    stage
	due      time.Time
	from, to uint32 // slots
	body     []byte // kept for repeats
	tries    int
	again    bool      // an earlier try may have arrived
	retry    time.Time // when it is repeated
}

// Means of visits.
const (
	viewsAVisit    = 5.0
	visitsAVisitor = 2.4
	mostViews      = 60
	mostVisits     = 30
	engagedShare   = 0.8  // of page views
	declaredShare  = 0.06 // declared events a page view
	campaignShare  = 0.12 // of first pages
)

// born makes the next visitor of a place.
func (w *world) born(v *visitor) {
	v.rng.Seed(w.o.Seed, v.place+v.turn*uint64(w.o.Visitors))
	v.part, v.consent, v.last, v.at, v.end = false, none, none, 0, 0
	v.cookies = [2]cookie{}
	v.tongue, v.from = &tongues[v.draw(len(tongues))], v.address().String()
	v.visits = v.many(visitsAVisitor, mostVisits)
	s := w.o.Shares
	switch choice, of := v.float(), v.float(); {
	case choice < s.Crawler:
		v.kind = crawls
	case choice < s.Crawler+s.NoConsent:
		v.kind = trespasses
	case w.o.Plain || w.o.Mix == MixEvents || of >= s.Ignored+s.Refused:
		v.kind, v.part = gives, v.chance(s.Custom/max(1-s.Ignored-s.Refused, 1e-9))
	case of < s.Ignored:
		v.kind = ignores
	default:
		v.kind = refuses
	}
	v.stage = atBanner
	if v.kind == trespasses || w.o.Plain {
		v.stage = atEvents
	}
	all := w.browsers
	if v.kind == crawls {
		all = w.crawlers
	}
	v.browser = drawBrowser(all, v.float())
	if w.o.Plain { // as long as the cookies of a consent
		v.cookies = [2]cookie{{"kelisim", plainText(v, 112)}, {"kelisim-state", plainText(v, 40)}}
	}
	v.head = w.head(v.head[:0], v, "POST", "/v1/events")
}

// plainText is a text of a length that stands for no token.
func plainText(v *visitor, n int) string {
	b := make([]byte, n/2)
	for i := range b {
		b[i] = byte(v.rng.Uint64())
	}
	return hex.EncodeToString(b)
}

// open begins a visit: its events are planned at once.
func (w *worker) open(v *visitor, now time.Time) {
	f := kept
	if v.kind != gives {
		f = barred
	}
	v.last = w.shard.open(v.last, f)
	events := 0
	for views := v.many(viewsAVisit, mostViews); views > 0 || events%w.world.o.Batch != 0; views-- {
		engaged := v.chance(engagedShare) && (views > 0 || (events+1)%w.world.o.Batch != 0)
		w.shard.plan(0, engaged)
		events++
		if engaged {
			events++
		}
		if kinds := len(w.world.names) - 2; kinds > 0 && views > 0 && v.chance(declaredShare) {
			w.shard.plan(1+uint8(v.draw(kinds)), false)
			events++
		}
	}
	id := w.ledger.id(ofSession, w.number, v.last)
	hex.Encode(v.id[:], id[:])
	s := w.shard.sessions[v.last]
	v.at, v.end = s.first, s.first+2*uint32(s.events)
	v.began, v.before = now.UnixMilli(), ""
}

// after is what a visitor does after a call was answered as they wished.
func (w *worker) after(v *visitor) {
	shares, mix := w.world.o.Shares, w.world.o.Mix
	switch v.call.stage {
	case atBanner:
		v.stage = atDecision
		if v.kind == ignores {
			v.stage = atEnd
		}
	case atDecision:
		switch {
		case v.kind == refuses, v.kind == crawls && mix == MixDecisions:
			v.stage = atEnd
		case mix != MixDecisions:
			v.stage = atEvents
		case v.chance(shares.Changed):
			v.stage = atChange
		default:
			w.leave(v)
		}
	case atChange:
		v.stage = atEvents
		if mix == MixDecisions {
			w.leave(v)
		}
	case atWithdrawal:
		v.stage = atEnd
	case atEvents:
		if v.at < v.end {
			return
		}
		v.visits--
		switch {
		case v.visits > 0 && v.kind == gives && v.chance(shares.Changed):
			v.stage = atChange
		case v.visits > 0:
		case mix == MixEvents: // everybody comes again: nobody new could consent
			v.visits = v.many(visitsAVisitor, mostVisits)
		default:
			w.leave(v)
		}
	}
}

// leave ends a life, perhaps with a withdrawal.
func (w *worker) leave(v *visitor) {
	v.stage = atEnd
	if v.kind == gives && v.chance(w.world.o.Shares.Withdrawn) {
		v.stage = atWithdrawal
	}
}
