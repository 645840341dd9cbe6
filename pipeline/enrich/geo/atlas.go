package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"

	"kelisim/pipeline/enrich"
)

// Why the content of a file is refused.
var (
	ErrDamaged = errors.New("geo: damaged, or not in MaxMind's format")
	ErrKind    = errors.New("geo: no database of countries")
)

// atlas is a loaded file. It never changes. A nil one knows no place.
type atlas struct {
	tree     *maxminddb.Reader
	at       map[uintptr]uint32 // the place of each record, by the record's offset
	places   []enrich.Place
	kind     string
	built    time.Time
	networks int
}

// flat is a record that holds a country alone.
type flat struct {
	Code string `maxminddb:"country_code"`
}

// parse reads every network and every record of a file. What it returns can be
// looked up without an error. A panic of the library on damaged content becomes
// ErrDamaged.
func parse(content []byte) (a *atlas, err error) {
	defer func() {
		if p := recover(); p != nil {
			a, err = nil, fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	tree, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	a = &atlas{tree: tree, at: map[uintptr]uint32{}, kind: printable(tree.Metadata.DatabaseType), built: tree.Metadata.BuildTime().UTC()}
	if err := a.read(); err != nil {
		return nil, err
	}
	return a, nil
}

// read fills the places. A tree of n nodes has n+1 leaves; one that yields far more
// is woven wrongly, and walking it would not end.
func (a *atlas) read() error {
	known, leaves, countries := map[enrich.Place]uint32{}, uint(0), 0
	for r := range a.tree.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if err := r.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if leaves++; leaves > 4*a.tree.Metadata.NodeCount+1024 {
			return fmt.Errorf("%w: the tree does not end", ErrDamaged)
		}
		if !r.Found() {
			continue
		}
		a.networks++
		if _, ok := a.at[r.Offset()]; ok {
			continue
		}
		p, err := record(r)
		if wrong := (maxminddb.UnmarshalTypeError{}); errors.As(err, &wrong) {
			return fmt.Errorf("%w: it is of the type %q", ErrKind, a.kind)
		} else if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		n, ok := known[p]
		if !ok {
			n = uint32(len(a.places))
			known[p], a.places = n, append(a.places, p)
		}
		a.at[r.Offset()] = n
		if p.Country != "" {
			countries++
		}
	}
	if countries == 0 {
		return fmt.Errorf("%w: it is of the type %q", ErrKind, a.kind)
	}
	return nil
}

// record reads one record, flat or in MaxMind's shape.
func record(r maxminddb.Result) (enrich.Place, error) {
	var f flat
	if err := r.Decode(&f); err != nil {
		return enrich.Place{}, err
	}
	if f.Code != "" {
		return enrich.Place{Country: country(f.Code)}, nil
	}
	var c geoip2.City
	if err := r.Decode(&c); err != nil {
		return enrich.Place{}, err
	}
	p := enrich.Place{Country: country(c.Country.ISOCode), City: city(c.City.Names.English)}
	if len(c.Subdivisions) > 0 {
		p.Region = region(p.Country, c.Subdivisions[0].ISOCode)
	}
	return p, nil
}

// place looks an address up.
func (a *atlas) place(addr netip.Addr) enrich.Place {
	if a == nil || !addr.IsValid() || addr.Is6() && a.tree.Metadata.IPVersion == 4 {
		return enrich.Place{}
	}
	r := a.tree.Lookup(addr)
	if !r.Found() {
		return enrich.Place{}
	}
	n, ok := a.at[r.Offset()]
	if !ok {
		return enrich.Place{}
	}
	return a.places[n]
}
