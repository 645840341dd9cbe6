package load

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// What a program that plays visitors knows of one event, in one byte: whether
// there is one, its name, what became of the call, and how many rows of it were
// found.
const (
	stateOf = 0b0000_0011 // planned, sent, acked or dropped
	nameOf  = 0b0001_1100 // where its name stands in Ledger.names
	seenOf  = 0b0110_0000 // 0, 1, or 2 for more
	exists  = 0b1000_0000

	planned = 0 // never sent
	sent    = 1 // sent and not answered, or answered for a part of its call
	acked   = 2 // accepted, or known to the collector already when it was repeated
	dropped = 3 // answered as dropped, or refused with its call

	nameShift = 2
	seenShift = 5
	maxNames  = nameOf>>nameShift + 1
)

// fate is what must come of the rows of a session.
type fate uint8

const (
	kept      fate = iota // each acknowledged row stands once
	narrowed              // the choice was changed since: what waited in the spool may have been dropped
	withdrawn             // no row stands
	barred                // a visitor without consent, or a crawler: no row ever stood
)

// none is no session and no consent.
const none = ^uint32(0)

// session is what is known of one visit. Its events stand in slots, two for each
// number: the event, and the engaged time of a page view.
type session struct {
	first  uint32 // of its slots
	before uint32 // the visitor's session before this one, or none
	events uint8  // numbers, from 1
	fate   fate
}

// given is a consent that the collector acknowledged.
type given struct {
	id        [16]byte
	decisions uint32 // acknowledged under it
}

// partial is a call of which only a part was accepted, nobody says which.
type partial struct {
	from, to uint32 // slots
	accepted uint32
}

// shard is the part of the ledger that one worker writes.
type shard struct {
	sessions []session
	slots    []byte
	consents []given
	partials []partial
	refusals uint64 // acknowledged
}

// Ledger is what a run was told: which events and decisions the collector
// acknowledged, and of which sessions no row may stand. An event takes a byte or
// two of memory and a session twelve. It is complete when the run has ended.
type Ledger struct {
	site   string
	names  []string // page views first
	tag    uint64   // of the run
	block  cipher.Block
	shards []*shard
}

// newLedger makes a ledger for a number of workers. Session ids look random and
// name their place in the ledger: a block cipher with a key of the run turns one
// into the other.
func newLedger(site string, names []string, workers int, key [16]byte, tag uint64) (*Ledger, error) {
	if len(names) > maxNames {
		names = names[:maxNames]
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("load: ledger: %w", err)
	}
	l := &Ledger{site: site, names: names, tag: tag, block: block}
	for range workers {
		l.shards = append(l.shards, &shard{})
	}
	return l, nil
}

// kinds of ids.
const (
	ofSession = 1
	ofKey     = 2
)

// id is the n-th id of a worker and kind.
func (l *Ledger) id(kind uint8, worker int, n uint32) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], l.tag)
	id[8] = kind
	binary.BigEndian.PutUint16(id[10:12], uint16(worker))
	binary.BigEndian.PutUint32(id[12:], n)
	l.block.Encrypt(id[:], id[:])
	return id
}

// find is the session that an id names.
func (l *Ledger) find(id [16]byte) (*shard, *session) {
	l.block.Decrypt(id[:], id[:])
	if binary.BigEndian.Uint64(id[:8]) != l.tag || id[8] != ofSession || id[9] != 0 {
		return nil, nil
	}
	worker, n := binary.BigEndian.Uint16(id[10:12]), binary.BigEndian.Uint32(id[12:])
	if int(worker) >= len(l.shards) || int(n) >= len(l.shards[worker].sessions) {
		return nil, nil
	}
	s := l.shards[worker]
	return s, &s.sessions[n]
}

// open begins a session of a visitor; plan adds its events.
func (s *shard) open(before uint32, f fate) uint32 {
	s.sessions = append(s.sessions, session{first: uint32(len(s.slots)), before: before, fate: f})
	return uint32(len(s.sessions) - 1)
}

// plan adds an event to the session that was opened last, perhaps with the time
// engaged with it.
func (s *shard) plan(name uint8, engaged bool) {
	later := byte(0)
	if engaged {
		later = exists
	}
	s.slots = append(s.slots, exists|name<<nameShift, later)
	s.sessions[len(s.sessions)-1].events++
}

// set says what became of the events in a range of slots.
func (s *shard) set(from, to uint32, state byte) {
	for i := from; i < to; i++ {
		if s.slots[i]&exists != 0 {
			s.slots[i] = s.slots[i]&^stateOf | state
		}
	}
}

// rest is how many events stand in a range of slots.
func (s *shard) rest(from, to uint32) (n uint32) {
	for _, b := range s.slots[from:to] {
		n += uint32(b >> 7)
	}
	return n
}

// judge sets the fate of a session and of all of the visitor's before it.
func (s *shard) judge(last uint32, f fate) {
	for ; last != none; last = s.sessions[last].before {
		s.sessions[last].fate = max(s.sessions[last].fate, f)
	}
}
