package consent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// demands are what people want to be erased although their consent stands: all
// that was collected up to a moment. Whoever stores must know of them for as long
// as something of before can still arrive; each has a term.
type demands struct {
	mu    sync.RWMutex // guards what follows
	of    map[ID]demand
	first int64 // no entry is over before
	some  atomic.Bool
}

type demand struct {
	upTo    int64 // milliseconds since 1970
	expires int64 // seconds since 1970
}

// add takes in a demand; the later moment and the later end count.
func (d *demands) add(v Revocation) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	old, known := d.of[v.ID]
	n := demand{upTo: max(old.upTo, v.Erased.UnixMilli()), expires: max(old.expires, secondsOf(v.Expires))}
	if known && n == old {
		return false
	}
	if d.of == nil {
		d.of = map[ID]demand{}
	}
	if len(d.of) == 0 || n.expires < d.first {
		d.first = n.expires
	}
	d.of[v.ID] = n
	d.some.Store(true)
	return true
}

func (d *demands) forget(now int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.of) == 0 || now < d.first {
		return false
	}
	d.first = 1<<63 - 1
	for id, n := range d.of {
		if now >= n.expires {
			delete(d.of, id)
			continue
		}
		d.first = min(d.first, n.expires)
	}
	d.some.Store(len(d.of) > 0)
	return true
}

// Erased reports whether the person demanded that what happened then be erased.
func (r *Revocations) Erased(id ID, at time.Time) bool {
	if !r.demands.some.Load() {
		return false
	}
	r.demands.mu.RLock()
	n, ok := r.demands.of[id]
	r.demands.mu.RUnlock()
	return ok && at.UnixMilli() <= n.upTo
}

// demandSize is a demand as it is written: id, moment, end.
const demandSize = 16 + 8 + 8

func (e *encoder) demands(d *demands) {
	d.mu.RLock()
	ids := make([]ID, 0, len(d.of))
	for id := range d.of {
		ids = append(ids, id)
	}
	all := make([]demand, len(ids))
	slices.SortFunc(ids, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	for i, id := range ids {
		all[i] = d.of[id]
	}
	d.mu.RUnlock()
	e.b = binary.LittleEndian.AppendUint32(e.b, uint32(len(ids)))
	for i, id := range ids {
		e.b = append(e.b, id[:]...)
		e.b = binary.LittleEndian.AppendUint64(e.b, uint64(all[i].upTo))
		e.b = binary.LittleEndian.AppendUint64(e.b, uint64(all[i].expires))
		e.flush(encodeBytes)
	}
}

// demands reads what encoder.demands wrote. The first form had none.
func (d *decoder) demands(set *Revocations) error {
	if d.left == 0 {
		return nil
	}
	n, err := d.count(demandSize)
	if err != nil || n == 0 {
		return err
	}
	set.demands.of = make(map[ID]demand, n)
	set.demands.some.Store(true)
	for range n {
		b, err := d.bytes(demandSize)
		if err != nil {
			return err
		}
		end := binary.LittleEndian.Uint64(b[24:])
		if end > 1<<62 {
			return fmt.Errorf("%w: a demand has no end", ErrRevocations)
		}
		set.demands.of[ID(b)] = demand{upTo: int64(binary.LittleEndian.Uint64(b[16:])), expires: int64(end)}
	}
	return nil
}
