package consent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Written form of a set, little endian: for each of the 256 first bytes the
// number of keys, the keys in order, their terms; then the number of entries
// that leave a number valid, and each of them as id, lowest, spared, end; then
// the number of demands, and each of them as id, moment, end.
const numberedSize = 16 + 4 + 4 + 8

// ErrRevocations is returned for bytes that are no set of revocations.
var ErrRevocations = errors.New("consent: not a set of revocations")

// WriteTo writes what the set held when it was called, and perhaps some of what
// was added since. Additions wait for a moment at most, questions do not wait.
func (r *Revocations) WriteTo(w io.Writer) (int64, error) {
	r.mu.Lock()
	r.whole.merge()
	r.mu.Unlock()
	e := encoder{w: w}
	for i := range r.whole.parts {
		r.mu.Lock()
		var p part
		if now := r.whole.parts[i].Load(); now != nil {
			p.keys, p.terms = now.keys, slices.Clone(now.terms)
		}
		r.mu.Unlock()
		e.part(&p)
	}
	e.numbers(r.sortedNumbers())
	e.demands(&r.demands)
	e.flush(0)
	if e.err != nil {
		return e.n, fmt.Errorf("consent: write revocations: %w", e.err)
	}
	return e.n, nil
}

// consentNumbers is an entry that leaves a number valid.
type consentNumbers struct {
	id ID
	numbered
}

func (r *Revocations) sortedNumbers() []consentNumbers {
	r.numbersMu.RLock()
	all := make([]consentNumbers, 0, len(r.numbers))
	for id, n := range r.numbers {
		all = append(all, consentNumbers{id, n})
	}
	r.numbersMu.RUnlock()
	slices.SortFunc(all, func(a, b consentNumbers) int { return bytes.Compare(a.id[:], b.id[:]) })
	return all
}

// encoder gathers bytes and keeps the first error.
type encoder struct {
	w   io.Writer
	b   []byte
	n   int64
	err error
}

const encodeBytes = 64 << 10

// flush writes what was gathered if it is more than some bytes.
func (e *encoder) flush(more int) {
	if len(e.b) <= more || e.err != nil {
		return
	}
	n, err := e.w.Write(e.b)
	e.n, e.err, e.b = e.n+int64(n), err, e.b[:0]
}

func (e *encoder) part(p *part) {
	e.b = binary.LittleEndian.AppendUint32(e.b, uint32(len(p.keys)))
	for _, key := range p.keys {
		e.b = binary.LittleEndian.AppendUint64(e.b, key)
		e.flush(encodeBytes)
	}
	for _, t := range p.terms {
		e.b = append(e.b, byte(t))
		e.flush(encodeBytes)
	}
	e.flush(encodeBytes)
}

func (e *encoder) numbers(all []consentNumbers) {
	e.b = binary.LittleEndian.AppendUint32(e.b, uint32(len(all)))
	for _, n := range all {
		e.b = append(e.b, n.id[:]...)
		e.b = binary.LittleEndian.AppendUint32(e.b, n.lowest)
		e.b = binary.LittleEndian.AppendUint32(e.b, n.spared)
		e.b = binary.LittleEndian.AppendUint64(e.b, uint64(n.expires))
		e.flush(encodeBytes)
	}
}

// ReadRevocations reads a set that WriteTo wrote in size bytes. It believes
// nothing that a search of the set relies on.
func ReadRevocations(r io.Reader, size int64) (*Revocations, error) {
	d := decoder{r: r, left: size}
	set := NewRevocations()
	for first := range set.whole.parts {
		p, err := d.part(uint64(first))
		if err != nil {
			return nil, err
		}
		set.whole.parts[first].Store(p)
		if p == nil {
			continue
		}
		set.whole.n += len(p.keys)
		for _, t := range p.terms {
			set.whole.months[t]++
		}
	}
	if err := d.numbers(set); err != nil {
		return nil, err
	}
	if err := d.demands(set); err != nil {
		return nil, err
	}
	if d.left != 0 {
		return nil, fmt.Errorf("%w: %d bytes follow", ErrRevocations, d.left)
	}
	return set, nil
}

// decoder never asks for more memory than there are bytes left.
type decoder struct {
	r    io.Reader
	left int64
	b    []byte
}

// bytes reads n bytes; they are good until the next call.
func (d *decoder) bytes(n int) ([]byte, error) {
	if int64(n) > d.left {
		return nil, fmt.Errorf("%w: it ends early", ErrRevocations)
	}
	d.left -= int64(n)
	d.b = slices.Grow(d.b[:0], n)[:n]
	if _, err := io.ReadFull(d.r, d.b); err != nil {
		return nil, fmt.Errorf("consent: read revocations: %w", err)
	}
	return d.b, nil
}

// count reads how many entries of some bytes each follow.
func (d *decoder) count(each int64) (int, error) {
	b, err := d.bytes(4)
	if err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint32(b)
	if int64(n) > d.left/each {
		return 0, fmt.Errorf("%w: it ends early", ErrRevocations)
	}
	return int(n), nil
}

func (d *decoder) part(first uint64) (*part, error) {
	n, err := d.count(9)
	if err != nil || n == 0 {
		return nil, err
	}
	keys, terms := make([]uint64, n), make([]term, n)
	before := first << 56
	for i := 0; i < n; {
		b, err := d.bytes(8 * min(n-i, encodeBytes/8))
		if err != nil {
			return nil, err
		}
		for ; len(b) > 0; b = b[8:] {
			key := binary.LittleEndian.Uint64(b)
			if key>>56 != first || key < before || key == 0 || i > 0 && key == before {
				return nil, fmt.Errorf("%w: keys are out of order", ErrRevocations)
			}
			keys[i], before = key, key
			i++
		}
	}
	for i := 0; i < n; {
		b, err := d.bytes(min(n-i, encodeBytes))
		if err != nil {
			return nil, err
		}
		for _, t := range b {
			terms[i] = term(t)
			i++
		}
	}
	return newPart(keys, terms), nil
}

func (d *decoder) numbers(set *Revocations) error {
	n, err := d.count(numberedSize)
	if err != nil {
		return err
	}
	set.numbers = make(map[ID]numbered, n)
	set.some.Store(n > 0)
	set.first = 0 // the next Forget finds out
	for range n {
		b, err := d.bytes(numberedSize)
		if err != nil {
			return err
		}
		end := binary.LittleEndian.Uint64(b[24:])
		if end > 1<<62 {
			return fmt.Errorf("%w: an entry has no end", ErrRevocations)
		}
		set.numbers[ID(b)] = numbered{
			lowest: binary.LittleEndian.Uint32(b[16:]), spared: binary.LittleEndian.Uint32(b[20:]), expires: int64(end),
		}
	}
	return nil
}
