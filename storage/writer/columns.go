package writer

import (
	"net/netip"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/pipeline/minimise"
)

// column is one column of an insert: its name, and where a row holds its value.
// The client takes pointers, so that no value is copied to the heap for it.
type column struct {
	name string
	of   func(v *row) any
}

// row is an event as it is inserted: what it holds, and what is derived from it.
type row struct {
	*minimise.Values
	engaged uint32
	ip      netip.Addr
	ipEnds  time.Time
}

// set makes it the row of an event.
func (r *row) set(v *minimise.Values) {
	r.Values, r.engaged = v, uint32(v.Engaged.Milliseconds())
	r.ip, r.ipEnds = netip.IPv6Unspecified(), time.Unix(0, 0)
	if v.Network.IsValid() {
		r.ip, r.ipEnds = netip.AddrFrom16(v.Network.Addr().As16()), v.NetworkExpires
	}
}

// eventColumns is the table of events, in the order that is sent.
func eventColumns() []column {
	return []column{
		{"site", func(r *row) any { return &r.Site }},
		{"time", func(r *row) any { return &r.Time }},
		{"name", func(r *row) any { return &r.Name }},
		{"consent_id", func(r *row) any { return (*uuid.UUID)(&r.ConsentID) }},
		{"number", func(r *row) any { return &r.Number }},
		{"session_id", func(r *row) any { return (*uuid.UUID)(&r.Session) }},
		{"seq", func(r *row) any { return &r.Seq }},
		{"visitor", func(r *row) any { return &r.Visitor }},
		{"path", func(r *row) any { return &r.Path }},
		{"referrer", func(r *row) any { return &r.Referrer }},
		{"utm_source", func(r *row) any { return &r.UTMSource }},
		{"utm_medium", func(r *row) any { return &r.UTMMedium }},
		{"utm_campaign", func(r *row) any { return &r.UTMCampaign }},
		{"utm_content", func(r *row) any { return &r.UTMContent }},
		{"utm_term", func(r *row) any { return &r.UTMTerm }},
		{"click", func(r *row) any { return &r.Click }},
		{"source", func(r *row) any { return &r.Source }},
		{"channel", func(r *row) any { return &r.Channel }},
		{"country", func(r *row) any { return &r.Country }},
		{"region", func(r *row) any { return &r.Region }},
		{"city", func(r *row) any { return &r.City }},
		{"browser", func(r *row) any { return &r.Browser }},
		{"browser_version", func(r *row) any { return &r.BrowserVersion }},
		{"os", func(r *row) any { return &r.OS }},
		{"device", func(r *row) any { return &r.Device }},
		{"props", func(r *row) any { return &r.Props }},
		{"engaged_ms", func(r *row) any { return &r.engaged }},
		{"ip", func(r *row) any { return &r.ip }},
		{"ip_expires_at", func(r *row) any { return &r.ipEnds }},
		{"expires_at", func(r *row) any { return &r.Expires }},
	}
}

// names lists columns for an insert.
func names(columns []column) string {
	list := ""
	for i, c := range columns {
		if i > 0 {
			list += ", "
		}
		list += c.name
	}
	return list
}

// block is rows on their way into one table.
type block struct {
	to      *pending
	columns []column
	into    []driver.BatchColumn
	row     row
	days    map[int64]struct{} // of expiry: each is a partition
	last    int64
}

func blockOf(b *pending, columns []column) *block {
	k := &block{to: b, columns: columns, days: map[int64]struct{}{}, last: -1}
	for i := range columns {
		k.into = append(k.into, b.Column(i))
	}
	return k
}

// partitionsAtOnce is how many partitions one insert may touch; the server
// refuses more than a hundred.
const partitionsAtOnce = 40

// room reports whether a row of a partition may join.
func (b *block) room(day int64) bool {
	if day == b.last {
		return true
	}
	if _, ok := b.days[day]; !ok {
		if len(b.days) >= partitionsAtOnce {
			return false
		}
		b.days[day] = struct{}{}
	}
	b.last = day
	return true
}

func (b *block) add(v *minimise.Values) error {
	b.row.set(v)
	for i := range b.columns {
		if err := b.into[i].AppendRow(b.columns[i].of(&b.row)); err != nil {
			return err
		}
	}
	return nil
}
