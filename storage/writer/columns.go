package writer

import (
	"net/netip"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"kelisim/pipeline/minimise"
)

// column is one column of an insert: its name, and how a row fills it.
type column struct {
	name string
	fill func(c driver.BatchColumn, v *minimise.Values) error
}

// eventColumns is the table of events, in the order that is sent.
func eventColumns() []column {
	return []column{
		word("site", func(v *minimise.Values) string { return v.Site }),
		{"time", func(c driver.BatchColumn, v *minimise.Values) error { return c.AppendRow(v.Time) }},
		word("name", func(v *minimise.Values) string { return v.Name }),
		{"consent_id", func(c driver.BatchColumn, v *minimise.Values) error { return c.AppendRow(uuid.UUID(v.ConsentID)) }},
		{"number", func(c driver.BatchColumn, v *minimise.Values) error { return c.AppendRow(v.Number) }},
		{"session_id", func(c driver.BatchColumn, v *minimise.Values) error { return c.AppendRow(uuid.UUID(v.Session)) }},
		{"seq", func(c driver.BatchColumn, v *minimise.Values) error { return c.AppendRow(v.Seq) }},
		{"visitor", func(c driver.BatchColumn, v *minimise.Values) error { return c.AppendRow(v.Visitor) }},
		word("path", func(v *minimise.Values) string { return v.Path }),
		word("referrer", func(v *minimise.Values) string { return v.Referrer }),
		word("utm_source", func(v *minimise.Values) string { return v.UTMSource }),
		word("utm_medium", func(v *minimise.Values) string { return v.UTMMedium }),
		word("utm_campaign", func(v *minimise.Values) string { return v.UTMCampaign }),
		word("utm_content", func(v *minimise.Values) string { return v.UTMContent }),
		word("utm_term", func(v *minimise.Values) string { return v.UTMTerm }),
		word("click", func(v *minimise.Values) string { return v.Click }),
		word("source", func(v *minimise.Values) string { return v.Source }),
		word("channel", func(v *minimise.Values) string { return v.Channel }),
		word("country", func(v *minimise.Values) string { return v.Country }),
		word("region", func(v *minimise.Values) string { return v.Region }),
		word("city", func(v *minimise.Values) string { return v.City }),
		word("browser", func(v *minimise.Values) string { return v.Browser }),
		word("browser_version", func(v *minimise.Values) string { return v.BrowserVersion }),
		word("os", func(v *minimise.Values) string { return v.OS }),
		word("device", func(v *minimise.Values) string { return v.Device }),
		{"props", func(c driver.BatchColumn, v *minimise.Values) error {
			if v.Props == nil {
				return c.AppendRow(nil)
			}
			return c.AppendRow(v.Props)
		}},
		{"engaged_ms", func(c driver.BatchColumn, v *minimise.Values) error {
			return c.AppendRow(uint32(v.Engaged.Milliseconds()))
		}},
		{"ip", func(c driver.BatchColumn, v *minimise.Values) error {
			if !v.Network.IsValid() {
				return c.AppendRow(netip.IPv6Unspecified())
			}
			return c.AppendRow(netip.AddrFrom16(v.Network.Masked().Addr().As16()))
		}},
		{"ip_expires_at", func(c driver.BatchColumn, v *minimise.Values) error {
			if !v.Network.IsValid() {
				return c.AppendRow(time.Unix(0, 0))
			}
			return c.AppendRow(v.NetworkExpires)
		}},
		{"expires_at", func(c driver.BatchColumn, v *minimise.Values) error { return c.AppendRow(v.Expires) }},
	}
}

// word is a column of few different texts. Nothing is the cheapest of them: the
// client looks no text up for it.
func word(name string, of func(*minimise.Values) string) column {
	return column{name, func(c driver.BatchColumn, v *minimise.Values) error {
		if s := of(v); s != "" {
			return c.AppendRow(s)
		}
		return c.AppendRow(nil)
	}}
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
	*pending
	columns []column
	into    []driver.BatchColumn
	days    map[int64]struct{} // of expiry: each is a partition
}

func (w *Writer) block(p *pending, columns []column) *block {
	b := &block{pending: p, columns: columns, days: map[int64]struct{}{}}
	for i := range columns {
		b.into = append(b.into, p.Column(i))
	}
	return b
}

// partitionsAtOnce is how many partitions one insert may touch; the server
// refuses more than a hundred.
const partitionsAtOnce = 40

// room reports whether a row of a partition may join.
func (b *block) room(day int64) bool {
	if _, ok := b.days[day]; ok {
		return true
	}
	if len(b.days) >= partitionsAtOnce {
		return false
	}
	b.days[day] = struct{}{}
	return true
}

func (b *block) add(v *minimise.Values) error {
	for i := range b.columns {
		if err := b.columns[i].fill(b.into[i], v); err != nil {
			return err
		}
	}
	return nil
}
