package load

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// Stored reads back what stands in the database; package storage/readback does.
type Stored interface {
	// Events tells of every event since an instant, by session, number and the
	// place of its name in names, from 1.
	Events(ctx context.Context, site string, since time.Time, names []string, each func(session [16]byte, seq uint32, name uint8)) error
	// Decisions tells of every consent since an instant: rows, and different decisions.
	Decisions(ctx context.Context, site string, since time.Time, each func(consent [16]byte, rows, decisions uint64)) error
	// Count is how many events stand since an instant.
	Count(ctx context.Context, site string, since time.Time) (uint64, error)
	// Refusals is how many refusals were ever counted.
	Refusals(ctx context.Context, site string) (uint64, error)
	// Dropped is how many events were ever dropped for a reason.
	Dropped(ctx context.Context, site, reason string) (uint64, error)
}

// Verdict is what stands in the database, held against what was acknowledged.
type Verdict struct {
	Acknowledged uint64 `json:"acknowledged"` // events
	Stored       uint64 `json:"stored"`       // rows of this run that stand
	Lost         uint64 `json:"lost"`         // acknowledged and not there
	Doubled      uint64 `json:"doubled"`      // rows more than one of an event
	Forbidden    uint64 `json:"forbidden"`    // rows of those who refused, withdrew or are crawlers, and of events that were dropped or never sent

	Unerased   uint64 `json:"unerased"`   // of the forbidden: withdrawn, and not erased within the time to settle
	Erased     uint64 `json:"erased"`     // acknowledged, withdrawn later and gone, as they must be
	Ended      uint64 `json:"ended"`      // acknowledged before a choice was narrowed, and dropped for it before they were written
	Unanswered uint64 `json:"unanswered"` // events without an answer, in spite of repeats
	Extra      uint64 `json:"extra"`      // of the unanswered, those that stand
	Foreign    uint64 `json:"foreign"`    // rows of the same time that are not of this run

	Decisions        uint64 `json:"decisions"`         // acknowledged and recorded one by one: consents, changes, withdrawals
	DecisionsStored  uint64 `json:"decisions_stored"`  // of consents of this run
	DecisionsLost    uint64 `json:"decisions_lost"`    // acknowledged and not there
	DecisionsDoubled uint64 `json:"decisions_doubled"` // rows more than one of a decision
	Refusals         uint64 `json:"refusals"`          // acknowledged
	RefusalsCounted  uint64 `json:"refusals_counted"`  // by how much the counter grew meanwhile
	RefusalsLost     uint64 `json:"refusals_lost"`     // by how much it grew too little
}

// Broken reports whether a law is.
func (v Verdict) Broken() bool {
	return v.Lost+v.Doubled+v.Forbidden+v.DecisionsLost+v.DecisionsDoubled+v.RefusalsLost > 0
}

// Check compares the ledger with the database as it is now. It may be asked
// again, and must not be while visitors are played.
func (l *Ledger) Check(ctx context.Context, stored Stored, since time.Time) (Verdict, error) {
	for _, s := range l.shards {
		for i := range s.slots {
			s.slots[i] &^= seenOf
		}
	}
	var v Verdict
	err := stored.Events(ctx, l.site, since, l.names, func(id [16]byte, seq uint32, name uint8) { l.row(&v, id, seq, name) })
	if err != nil {
		return v, err
	}
	for _, s := range l.shards {
		s.judged(&v)
	}
	return v, l.decisions(ctx, stored, since, &v)
}

// row counts one row of the database. The names that were asked for are those of
// the ledger; engaged time is the last of them for good.
func (l *Ledger) row(v *Verdict, id [16]byte, seq uint32, name uint8) {
	s, is := l.find(id)
	if is == nil {
		v.Foreign++
		return
	}
	v.Stored++
	if seq == 0 || seq > uint32(is.events) || name == 0 {
		v.Forbidden++ // no such event was ever sent
		return
	}
	at := is.first + 2*(seq-1)
	if l.names[name-1] == engagement {
		at++
	}
	b := s.slots[at]
	if b&exists == 0 || b&stateOf == planned || l.names[name-1] != engagement && b&nameOf>>nameShift != name-1 {
		v.Forbidden++
		return
	}
	seen := (b & seenOf) >> seenShift
	if seen > 0 {
		v.Doubled++
	}
	s.slots[at] = b&^seenOf | min(seen+1, 2)<<seenShift
}

// judged adds up the sessions of a shard.
func (s *shard) judged(v *Verdict) {
	for i := range s.sessions {
		is := &s.sessions[i]
		for _, b := range s.slots[is.first : is.first+2*uint32(is.events)] {
			if b&exists == 0 {
				continue
			}
			there, state := b&seenOf != 0, b&stateOf
			switch state {
			case acked:
				v.Acknowledged++
			case sent:
				v.Unanswered++
			}
			switch {
			case there && (is.fate >= withdrawn || state == dropped):
				v.Forbidden++
				if is.fate == withdrawn {
					v.Unerased++
				}
			case there && state == sent:
				v.Extra++
			case !there && state == acked:
				*v.missing(is.fate)++
			}
		}
	}
	for _, p := range s.partials {
		stand := uint32(0)
		for _, b := range s.slots[p.from:p.to] {
			stand += uint32(min(b&seenOf, 1))
		}
		if stand < p.accepted {
			v.Lost += uint64(p.accepted - stand)
		}
	}
}

// missing is what an acknowledged event that is not there counts as.
func (v *Verdict) missing(f fate) *uint64 {
	switch f {
	case narrowed:
		return &v.Ended
	case withdrawn:
		return &v.Erased
	}
	return &v.Lost
}

// expected is how many rows must stand at least.
func (l *Ledger) expected() (n uint64) {
	for _, s := range l.shards {
		for i := range s.sessions {
			is := &s.sessions[i]
			if is.fate != kept {
				continue
			}
			for _, b := range s.slots[is.first : is.first+2*uint32(is.events)] {
				if b&(exists|stateOf) == exists|acked {
					n++
				}
			}
		}
	}
	return n
}

// decisions compares the consents that were given with those that stand.
func (l *Ledger) decisions(ctx context.Context, stored Stored, since time.Time, v *Verdict) error {
	var all []given
	for _, s := range l.shards {
		all = append(all, s.consents...)
		v.Refusals += s.refusals
	}
	slices.SortFunc(all, func(a, b given) int { return bytes.Compare(a.id[:], b.id[:]) })
	missing := uint64(0)
	for _, g := range all {
		missing += uint64(g.decisions)
	}
	v.Decisions = missing
	err := stored.Decisions(ctx, l.site, since, func(id [16]byte, rows, decisions uint64) {
		i, ok := slices.BinarySearchFunc(all, id, func(g given, id [16]byte) int { return bytes.Compare(g.id[:], id[:]) })
		if !ok {
			return // another's, or a repeat that was answered with a consent of its own
		}
		v.DecisionsStored += rows
		v.DecisionsDoubled += rows - decisions
		missing -= min(decisions, uint64(all[i].decisions))
	})
	v.DecisionsLost = missing
	return err
}
