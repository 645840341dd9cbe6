package consent

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"
)

// withdrawals are the keys of consents that are over: the first eight bytes of
// each id, and the month in which its last token is dead. Two ids with one key
// are one to it, so that a coincidence denies.
//
// The keys lie in 256 sorted arrays by their first byte, each behind a pointer
// that is replaced whole. New ones go into a small table first; when it is a
// sixty-fourth of the rest, it is merged into the arrays. Readers take no lock:
// they look into the table and then into one array, in this order, so that they
// find a key wherever a merge has got to. Writers hold a lock of the owner.
type withdrawals struct {
	recent atomic.Pointer[recent]
	parts  [256]atomic.Pointer[part] // nil = empty

	// What follows is for writers only.
	months [endless + 1]int // keys by term
	n      int
}

// keyOf is never zero: the table's empty places are.
func keyOf(id ID) uint64 { return max(1, binary.BigEndian.Uint64(id[:8])) }

// term is the month at whose beginning an entry is forgotten, counted from
// January 2026. Whatever lies beyond 254 months is never forgotten.
type term uint8

const (
	firstTerm = 2026 * 12
	endless   = 255
)

func monthOf(t time.Time) int {
	y, m, _ := t.UTC().Date()
	return y*12 + int(m) - 1 - firstTerm
}

// termOf rounds up to the first of a month.
func termOf(t time.Time) term {
	m := monthOf(t)
	if y, month, _ := t.UTC().Date(); !t.Equal(time.Date(y, month, 1, 0, 0, 0, 0, time.UTC)) {
		m++
	}
	return term(min(max(m, 0), endless))
}

func (t term) over(now time.Time) bool { return t != endless && int(t) <= monthOf(now) }

// has is the question of the gate.
func (w *withdrawals) has(key uint64) bool {
	if _, ok := w.recent.Load().find(key); ok {
		return true
	}
	_, ok := w.parts[key>>56].Load().find(key)
	return ok
}

// add reports whether anything changed.
func (w *withdrawals) add(key uint64, t term) bool {
	r := w.recent.Load()
	known := r.term(key)
	if known == nil {
		known = w.parts[key>>56].Load().term(key)
	}
	if known != nil {
		if *known >= t {
			return false
		}
		w.months[*known]--
		w.months[t]++
		*known = t
		return true
	}
	if r.n >= max(recentLeast, w.n/64) {
		w.merge()
		r = w.recent.Load()
	}
	if 2*r.n >= len(r.slots) {
		r = r.grown()
		w.recent.Store(r)
	}
	r.insert(key, t)
	w.months[t]++
	w.n++
	return true
}

// merge moves the table into the arrays.
func (w *withdrawals) merge() {
	all := w.recent.Load().sorted()
	for len(all) > 0 {
		first := all[0].key >> 56
		n, _ := slices.BinarySearchFunc(all, first+1, func(e entry, f uint64) int { return cmp.Compare(e.key>>56, f) })
		w.parts[first].Store(w.parts[first].Load().with(all[:n]))
		all = all[n:]
	}
	w.recent.Store(newRecent(recentLeast))
}

// forget drops the months that are over, each as a whole.
func (w *withdrawals) forget(now time.Time) bool {
	dead := 0
	for t, n := range w.months {
		if term(t).over(now) {
			dead += n
			w.months[t] = 0
		}
	}
	if dead == 0 {
		return false
	}
	w.merge()
	for i := range w.parts {
		w.parts[i].Store(w.parts[i].Load().without(now))
	}
	w.n -= dead
	return true
}

// entry is a key with its term.
type entry struct {
	key  uint64
	term term
}

// part is one sorted array. Its keys never change; its terms do, and only
// writers look at them.
type part struct {
	keys  []uint64
	terms []term
	index [257]uint32 // where the keys with each second byte begin
}

func newPart(keys []uint64, terms []term) *part {
	if len(keys) == 0 {
		return nil
	}
	p := &part{keys: keys, terms: terms}
	next := 0
	for i, key := range keys {
		for second := int(key >> 48 & 0xff); next <= second; next++ {
			p.index[next] = uint32(i)
		}
	}
	for ; next < len(p.index); next++ {
		p.index[next] = uint32(len(keys))
	}
	return p
}

// find gives the place of a key, or the one where it would stand.
//
// Ids are random, so the key's next bits say nearly where it stands between its
// neighbours; from there the search widens until it has the key between two
// others. Keys that are not random cost a few steps more.
func (p *part) find(key uint64) (int, bool) {
	if p == nil {
		return 0, false
	}
	second := key >> 48 & 0xff
	low, high := int(p.index[second]), int(p.index[second+1])
	if low == high {
		return low, false
	}
	guess := low + int((key<<16>>32)*uint64(high-low)>>32)
	if p.keys[guess] < key {
		low = guess + 1
		for step := 4; low+step < high; step *= 2 {
			if p.keys[low+step] >= key {
				high = low + step + 1
				break
			}
			low += step + 1
		}
	} else {
		high = guess + 1
		for step := 4; high-1-step > low; step *= 2 {
			if p.keys[high-1-step] < key {
				low = high - step
				break
			}
			high -= step
		}
	}
	for low < high {
		if mid := int(uint(low+high) >> 1); p.keys[mid] < key {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(p.keys) && p.keys[low] == key
}

func (p *part) term(key uint64) *term {
	if i, ok := p.find(key); ok {
		return &p.terms[i]
	}
	return nil
}

// with is the part with more entries, sorted and none of them there yet.
func (p *part) with(more []entry) *part {
	var old part
	if p != nil {
		old = *p
	}
	keys, terms := make([]uint64, 0, len(old.keys)+len(more)), make([]term, 0, len(old.keys)+len(more))
	from := 0
	for _, e := range more {
		to, _ := p.find(e.key)
		keys, terms = append(append(keys, old.keys[from:to]...), e.key), append(append(terms, old.terms[from:to]...), e.term)
		from = to
	}
	return newPart(append(keys, old.keys[from:]...), append(terms, old.terms[from:]...))
}

// without is the part without what is over.
func (p *part) without(now time.Time) *part {
	if p == nil {
		return nil
	}
	left := 0
	for _, t := range p.terms {
		if !t.over(now) {
			left++
		}
	}
	if left == len(p.keys) {
		return p
	}
	keys, terms := make([]uint64, 0, left), make([]term, 0, left)
	for i, t := range p.terms {
		if !t.over(now) {
			keys, terms = append(keys, p.keys[i]), append(terms, t)
		}
	}
	return newPart(keys, terms)
}

// recent is a hash table with open places that only grows. Readers may look
// while a writer inserts.
type recent struct {
	slots []atomic.Uint64 // a power of two; zero = empty
	terms []term
	shift uint8
	n     int
}

// recentLeast is how many keys the table holds at least before it is merged.
const recentLeast = 512

// newRecent makes a table with room for n keys.
func newRecent(n int) *recent {
	r := &recent{shift: 63}
	for 1<<(64-r.shift) < 2*n {
		r.shift--
	}
	r.slots, r.terms = make([]atomic.Uint64, 1<<(64-r.shift)), make([]term, 1<<(64-r.shift))
	return r
}

// find gives the place of a key, or the empty one where its search ends.
func (r *recent) find(key uint64) (int, bool) {
	for i := int(key * 0x9e3779b97f4a7c15 >> r.shift); ; i = (i + 1) & (len(r.slots) - 1) {
		switch r.slots[i].Load() {
		case key:
			return i, true
		case 0:
			return i, false
		}
	}
}

func (r *recent) term(key uint64) *term {
	if i, ok := r.find(key); ok {
		return &r.terms[i]
	}
	return nil
}

func (r *recent) insert(key uint64, t term) {
	i, _ := r.find(key)
	r.terms[i] = t
	r.slots[i].Store(key)
	r.n++
}

func (r *recent) grown() *recent {
	g := newRecent(len(r.slots))
	for _, e := range r.sorted() {
		g.insert(e.key, e.term)
	}
	return g
}

func (r *recent) sorted() []entry {
	all := make([]entry, 0, r.n)
	for i := range r.slots {
		if key := r.slots[i].Load(); key != 0 {
			all = append(all, entry{key, r.terms[i]})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return all
}
