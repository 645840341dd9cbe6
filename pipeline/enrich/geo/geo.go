// Package geo finds the country of an address in a local database file, so that
// no address leaves the process.
package geo

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	"kelisim/pipeline/enrich"
)

// Database is an open file. It is safe for concurrent use.
type Database struct {
	geoip *geoip2.Reader    // files in MaxMind's own shapes
	flat  *maxminddb.Reader // files whose records hold country_code alone
}

// ErrFile is returned for a file that is no country database.
var ErrFile = errors.New("geo: not a country database")

// Open opens a database of either shape.
func Open(path string) (*Database, error) {
	r, err := maxminddb.Open(path)
	if err != nil {
		return nil, fmt.Errorf("geo: open database: %w", err)
	}
	var probe struct {
		Code string `maxminddb:"country_code"`
	}
	// The flat shape is told by one of its records; any public address will do.
	if err := r.Lookup(netip.AddrFrom4([4]byte{8, 8, 8, 8})).Decode(&probe); err == nil && probe.Code != "" {
		return &Database{flat: r}, nil
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("geo: close database: %w", err)
	}
	g, err := geoip2.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if _, err := g.Country(netip.AddrFrom4([4]byte{8, 8, 8, 8})); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrFile, err), g.Close())
	}
	return &Database{geoip: g}, nil
}

// Country is the ISO 3166 alpha-2 code of an address, or "".
func (d *Database) Country(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	a = a.Unmap().WithZone("")
	if d.flat != nil {
		var rec struct {
			Code string `maxminddb:"country_code"`
		}
		if err := d.flat.Lookup(a).Decode(&rec); err != nil {
			return ""
		}
		return code(rec.Code)
	}
	rec, err := d.geoip.Country(a)
	if err != nil {
		return ""
	}
	return code(rec.Country.ISOCode)
}

// Place is the place of an address, as far as the file knows it.
func (d *Database) Place(a netip.Addr) enrich.Place { return enrich.Place{Country: d.Country(a)} }

// Close releases the file.
func (d *Database) Close() error {
	if d.flat != nil {
		return d.flat.Close()
	}
	return d.geoip.Close()
}

// code lets nothing but two capital letters through.
func code(s string) string {
	if len(s) != 2 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' {
		return ""
	}
	return s
}
