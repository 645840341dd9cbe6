package writer

import (
	"encoding/json"
	"fmt"
	"time"

	"kelisim/pipeline/spool"
	"kelisim/storage/journal"
)

// run is what one flush puts into the database: the frames between two places
// of the spool. A run that is flushed again after a crash has the same bounds.
type run struct {
	at, next  spool.Position
	decisions []numbered[journal.Decided]
	decided   map[decisionKey]bool
	erasures  []numbered[journal.Erasure]
	demanded  map[demandKey]bool
	counts    counters[countKey]
	outcomes  counters[outcomeKey] // of events that were dropped before the spool
	events    []spool.Frame
	parked    []parked             // frames that nobody can read
	bytes     uint64               // of all frames
	parts     int                  // of the table of events that the server made of it
	ended     counters[outcomeKey] // what became of all of them; nil until the events stand

	calm     bool                // it is small enough to be taken slowly
	replayed bool                // an earlier flush may have got through unseen
	repeats  map[digest]struct{} // identities that stood in the table before the first try; nil until they are read
}

// numbered carries the identity that a row has beside its node: its place in the
// spool, which no other row of the node ever has.
type numbered[T any] struct {
	seq   uint64
	value T
}

// parked is a frame that cannot be written, what of it is kept, and why.
type parked struct {
	frame   spool.Frame
	payload []byte
	why     error
}

// runOf decodes frames. One that cannot be decoded is parked: its checksum was
// right, so a program wrote it that this one does not understand.
func runOf(at, next spool.Position, frames []spool.Frame) *run {
	r := &run{
		at: at, next: next, counts: counters[countKey]{}, outcomes: counters[outcomeKey]{},
		decided: map[decisionKey]bool{}, demanded: map[demandKey]bool{},
	}
	for _, f := range frames {
		r.bytes += uint64(len(f.Payload()))
		if err := r.take(f); err != nil {
			r.parked = append(r.parked, parked{frame: f, payload: f.Payload(), why: err})
		}
	}
	return r
}

func (r *run) take(f spool.Frame) error {
	switch f.Kind() {
	case spool.Events: // decoded when they are written
		r.events = append(r.events, f)
	case spool.Outcomes:
		ended, err := journal.DecodeOutcomes(f.Payload())
		if err != nil {
			return fmt.Errorf("outcomes: %w", err)
		}
		for _, o := range ended {
			r.outcomes.add(outcomeKey{o.Site, o.Day.Unix(), o.Outcome, o.Detail}, o.N)
		}
	case spool.Counts:
		var all []journal.Count
		if err := json.Unmarshal(f.Payload(), &all); err != nil {
			return fmt.Errorf("counts: %w", err)
		}
		for _, c := range all {
			r.counts.add(countKey{c.Site, c.Edition, c.Lang, c.Variant, c.Kind, c.Hour.Unix()}, c.N)
		}
	case spool.Decision:
		var d journal.Decided
		if err := json.Unmarshal(f.Payload(), &d); err != nil {
			return fmt.Errorf("decision: %w", err)
		}
		key := keyOfDecision(&d.Record, commitmentOf(&d.Record))
		if r.decided[key] {
			return nil // it was put aside once, and came back twice
		}
		r.decided[key] = true
		r.decisions = append(r.decisions, numbered[journal.Decided]{seq: f.At().Number(), value: d})
	case spool.Erasure:
		var e journal.Erasure
		if err := json.Unmarshal(f.Payload(), &e); err != nil {
			return fmt.Errorf("erasure: %w", err)
		}
		key := keyOfDemand(e)
		if r.demanded[key] {
			return nil // as above
		}
		r.demanded[key] = true
		r.erasures = append(r.erasures, numbered[journal.Erasure]{seq: f.At().Number(), value: e})
	default:
		return fmt.Errorf("a frame of the unknown kind %d", f.Kind())
	}
	return nil
}

// counters are sums by key.
type counters[K comparable] map[K]uint64

func (c counters[K]) add(k K, n uint64) { c[k] += n }

func (c counters[K]) total() (n uint64) {
	for _, v := range c {
		n += v
	}
	return n
}

type outcomeKey struct {
	site    string
	day     int64 // begin, seconds since 1970
	outcome string
	detail  string
}

type countKey struct {
	site, edition, lang, variant, kind string
	hour                               int64 // begin, seconds since 1970
}

func moment(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
