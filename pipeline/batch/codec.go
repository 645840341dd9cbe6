package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/spool"
)

// Format of an encoded batch: version, flags, number of rows, rows. Numbers are
// varints, texts have their length before them, times are milliseconds since 1970.
const (
	codecVersion = 2
	codecFirst   = 1 // without what an event came from and its region
	flagVerify   = 1
	maxText      = 4096
	maxRows      = 1 << 16
)

// ErrFrame is returned for a frame that does not hold a batch.
var ErrFrame = errors.New("batch: not a batch")

// Encode is the form of a batch on disk. What lies there is already gated and
// minimised.
func (b Batch) Encode() []byte { return b.Append(make([]byte, 0, 64+len(b.rows)*192)) }

// Append appends the form of a batch on disk.
func (b Batch) Append(buf []byte) []byte {
	var flags byte
	if b.verify {
		flags |= flagVerify
	}
	buf = append(buf, codecVersion, flags)
	buf = binary.AppendUvarint(buf, uint64(len(b.rows)))
	for i := range b.rows {
		buf = appendRow(buf, &b.rows[i].v)
	}
	return buf
}

// FromFrame reads a batch from a frame of the spool. The frame type is sealed:
// it can only come from a spool, with its checksum proven.
func FromFrame(f spool.Frame) (Batch, error) { return new(Reader).Read(f) }

// MarkReadBack marks an encoded batch as one whose events may stand already.
func MarkReadBack(encoded []byte) {
	if len(encoded) > 1 {
		encoded[1] |= flagVerify
	}
}

// NeedsReadBack reports whether the events of a frame may stand already.
func NeedsReadBack(f spool.Frame) bool {
	b := f.Payload()
	return f.Kind() == spool.Events && len(b) > 1 && b[1]&flagVerify != 0
}

// Reader reads one batch after the other into the same memory.
type Reader struct{ rows []Row }

// Read is FromFrame; the batch is valid until the next call.
func (r *Reader) Read(f spool.Frame) (Batch, error) {
	if f.Kind() != spool.Events {
		return Batch{}, fmt.Errorf("%w: a frame of another kind", ErrFrame)
	}
	b, err := decode(f.Payload(), r.rows[:0])
	r.rows = b.rows
	return b, err
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendMoment(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, t.UnixMilli())
}

func appendRow(b []byte, v *minimise.Values) []byte {
	b = appendText(b, v.Site)
	b = appendMoment(b, v.Time)
	b = appendText(b, v.Name)
	b = append(b, v.ConsentID[:]...)
	b = binary.AppendUvarint(b, uint64(v.Number))
	b = append(b, v.Session[:]...)
	b = binary.AppendUvarint(b, uint64(v.Seq))
	visitor := byte(0)
	if v.Visitor {
		visitor = 1
	}
	b = append(b, visitor)
	for _, s := range [...]*string{
		&v.Path, &v.Referrer, &v.UTMSource, &v.UTMMedium, &v.UTMCampaign, &v.Country,
		&v.Browser, &v.BrowserVersion, &v.OS, &v.Device,
		&v.UTMContent, &v.UTMTerm, &v.Click, &v.Source, &v.Channel, &v.Region, &v.City,
	} {
		b = appendText(b, *s)
	}
	b = appendNetwork(b, v.Network)
	b = binary.AppendUvarint(b, uint64(len(v.Props)))
	if len(v.Props) > 0 {
		for _, name := range slices.Sorted(maps.Keys(v.Props)) {
			b = appendText(b, name)
			b = appendText(b, v.Props[name])
		}
	}
	b = binary.AppendUvarint(b, uint64(v.Engaged.Milliseconds()))
	b = appendMoment(b, v.Expires)
	return appendMoment(b, v.NetworkExpires)
}

func appendNetwork(b []byte, network netip.Prefix) []byte {
	start := len(b)
	out, err := network.AppendBinary(append(b, 0))
	if err != nil {
		return append(b, 0) // unreachable: a Prefix always encodes
	}
	out[start] = byte(len(out) - start - 1) // 17 at most: the length is one byte
	return out
}

// decode reads a batch; its rows are appended to rows.
func decode(b []byte, rows []Row) (Batch, error) {
	d := decoder{b: b}
	version := d.octet()
	if version < codecFirst || version > codecVersion {
		return Batch{}, fmt.Errorf("%w: unknown version", ErrFrame)
	}
	flags := d.octet()
	n := d.number()
	if n > maxRows {
		return Batch{}, fmt.Errorf("%w: too many rows", ErrFrame)
	}
	d.s = string(d.b) // every text of the batch is a part of it
	for range n {
		rows = append(rows, Row{})
		r := &rows[len(rows)-1]
		d.row(version, &r.v)
		if d.bad || r.IsZero() {
			return Batch{}, ErrFrame
		}
	}
	if d.bad || len(d.b) != 0 {
		return Batch{}, ErrFrame
	}
	return Batch{rows: rows, verify: flags&flagVerify != 0}, nil
}

// decoder reads on; after the first fault every read yields nothing.
type decoder struct {
	b   []byte
	s   string // ends where b ends
	bad bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.b) {
		d.bad = true
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) octet() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.take(n)
	return v
}

func (d *decoder) small() uint32 {
	v := d.number()
	if v > 1<<32-1 {
		d.bad = true
	}
	return uint32(v)
}

func (d *decoder) moment() time.Time {
	ms, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad = true
		return time.Time{}
	}
	d.take(n)
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (d *decoder) text() string {
	n := d.number()
	if n > maxText {
		d.bad = true
		return ""
	}
	at := len(d.s) - len(d.b)
	if d.take(int(n)); d.bad {
		return ""
	}
	return d.s[at : at+int(n)]
}

func (d *decoder) id() (id [16]byte) {
	copy(id[:], d.take(16))
	return id
}

func (d *decoder) row(version byte, v *minimise.Values) {
	v.Site = d.text()
	v.Time = d.moment()
	v.Name = d.text()
	v.ConsentID = consent.ID(d.id())
	v.Number = d.small()
	v.Session = d.id()
	v.Seq = d.small()
	v.Visitor = d.octet() == 1
	for _, s := range [...]*string{
		&v.Path, &v.Referrer, &v.UTMSource, &v.UTMMedium, &v.UTMCampaign, &v.Country,
		&v.Browser, &v.BrowserVersion, &v.OS, &v.Device,
	} {
		*s = d.text()
	}
	if version > codecFirst {
		for _, s := range [...]*string{&v.UTMContent, &v.UTMTerm, &v.Click, &v.Source, &v.Channel, &v.Region, &v.City} {
			*s = d.text()
		}
	}
	if raw := d.text(); raw != "" {
		if err := v.Network.UnmarshalBinary([]byte(raw)); err != nil {
			d.bad = true
		}
	}
	if n := d.number(); n > 0 && n <= maxText {
		v.Props = make(map[string]string, min(n, 64))
		for range n {
			name := d.text()
			v.Props[name] = d.text()
			if d.bad {
				break
			}
		}
	} else if n > maxText {
		d.bad = true
	}
	v.Engaged = time.Duration(d.small()) * time.Millisecond
	v.Expires = d.moment()
	v.NetworkExpires = d.moment()
}
