package geo_test

import (
	"errors"
	"net/netip"
	"regexp"
	"testing"

	"github.com/maxmind/mmdbwriter"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/geo"
)

var (
	countryForm = regexp.MustCompile(`^([A-Z]{2})?$`)
	regionForm  = regexp.MustCompile(`^([A-Z]{2}-[A-Z0-9]{1,3})?$`)
	cityForm    = regexp.MustCompile(`^[\pL .'-]*$`)
)

// checkPlace: a place looks like a place.
func checkPlace(t *testing.T, p enrich.Place) {
	t.Helper()
	if !countryForm.MatchString(p.Country) || !regionForm.MatchString(p.Region) || !cityForm.MatchString(p.City) || len(p.City) > 64 {
		t.Fatalf("%+v is no place", p)
	}
	if p.Region != "" && p.Region[:2] != p.Country {
		t.Fatalf("%+v is in two countries", p)
	}
}

// FuzzOpenBytes: whatever a file holds, opening it does not panic, and what is
// found in it looks like a place.
func FuzzOpenBytes(f *testing.F) {
	f.Add(countries(f, "KZ"))
	f.Add(database(f, mmdbwriter.Options{DatabaseType: "Test-City"}, map[string]mm{"203.0.113.0/24": full("KZ", "75", "Almaty")}))
	f.Add(database(f, mmdbwriter.Options{DatabaseType: "Test", IPVersion: 4}, map[string]mm{"203.0.113.0/24": flat("KZ")}))
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := geo.OpenBytes(content)
		if err != nil && !errors.Is(err, geo.ErrDamaged) && !errors.Is(err, geo.ErrKind) {
			t.Fatal(err)
		}
		for _, a := range []netip.Addr{visitor, netip.MustParseAddr("2400::1"), netip.MustParseAddr("::"), {}} {
			checkPlace(t, d.Place(a))
		}
	})
}
