package geo_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"

	"kelisim/pipeline/enrich/geo"
)

// data finds a file of the test data. Where their folder is absent the test is
// skipped, and says so.
func data(t testing.TB, name string) string {
	t.Helper()
	folder := os.Getenv("KELISIM_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("SKIPPED: THE TEST DATA ARE ABSENT (%s); name their folder with KELISIM_TEST_DATA", folder)
	}
	return filepath.Join(folder, name)
}

// truth is what a database was made from.
type truth struct {
	Country struct {
		Code string `json:"iso_code"`
	} `json:"country"`
	Subdivisions []struct {
		Code string `json:"iso_code"`
	} `json:"subdivisions"`
	City struct {
		Names struct{ En string } `json:"names"`
	} `json:"city"`
}

func truths(t *testing.T) map[netip.Prefix]truth {
	t.Helper()
	text, err := os.ReadFile(data(t, "GeoLite2-City-Test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []map[netip.Prefix]truth
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	all := map[netip.Prefix]truth{}
	for _, entry := range list {
		for network, want := range entry {
			all[network] = want
		}
	}
	return all
}

// inside picks the first and the last address of a network, and some between them.
func inside(p netip.Prefix, random *rand.Rand) []netip.Addr {
	first := p.Masked().Addr()
	fill := func(bits func() byte) netip.Addr {
		b := first.AsSlice()
		for i := p.Bits(); i < len(b)*8; i++ {
			b[i/8] |= bits() & (1 << (7 - i%8))
		}
		a, _ := netip.AddrFromSlice(b)
		return a
	}
	all := []netip.Addr{first, fill(func() byte { return 0xff })}
	for range 5 {
		all = append(all, fill(func() byte { return byte(random.Uint32()) }))
	}
	return all
}

// absent are networks of the truth that the database of countries does not hold:
// it was made from a list of its own. The test checks that they are not in it.
var absent = map[netip.Prefix]bool{netip.MustParsePrefix("175.16.199.0/24"): true}

// TestAccuracyCountry: every network of the truth has the country that the truth
// gives, in both databases; where the truth has a region and a city, so has the
// database of cities.
func TestAccuracyCountry(t *testing.T) {
	all := truths(t)
	random := rand.New(rand.NewPCG(5, 6))
	for _, base := range []string{"GeoLite2-City-Test.mmdb", "GeoLite2-Country-Test.mmdb"} {
		d, log := open(t, geo.Options{Path: data(t, base)})
		if s := d.Status().Wanted; !s.InUse {
			t.Fatal(log)
		}
		file, err := maxminddb.Open(data(t, base))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cities := base == "GeoLite2-City-Test.mmdb"
		var networks, addresses, known, regions, towns, missing, wrong int
		for network, want := range all {
			networks++
			if !cities && absent[network] {
				if missing++; file.Lookup(network.Addr()).Found() {
					t.Errorf("%s holds %s: strike it from the list", base, network)
				}
				want = truth{}
			}
			region, city := "", ""
			if cities {
				if city = want.City.Names.En; city != "" {
					towns++
				}
				if len(want.Subdivisions) > 0 {
					region = want.Country.Code + "-" + want.Subdivisions[0].Code
					regions++
				}
			}
			if want.Country.Code != "" {
				known++
			}
			for _, a := range inside(network, random) {
				addresses++
				got := d.Place(a)
				if got.Country != want.Country.Code || got.Region != region || got.City != city {
					wrong++
					t.Errorf("%s: %s is in %+v, want %q %q %q", base, a, got, want.Country.Code, region, city)
				}
			}
		}
		t.Logf("%-26s %d networks (%d with a country, %d with a region, %d with a city), %d not in this file, %d addresses, %d wrong",
			base, networks, known, regions, towns, missing, addresses, wrong)
		if known+missing < 240 || cities && (regions < 11 || towns < 11) {
			t.Errorf("%s: the truth is thinner than it was", base)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	d, log := open(b, geo.Options{Path: data(b, "GeoLite2-City-Test.mmdb")})
	if !d.Status().Wanted.InUse {
		b.Fatal(log)
	}
	for name, address := range map[string]string{"ipv4": "89.160.20.112", "ipv6": "2001:480:10::1", "unknown": "192.0.2.1"} {
		a := netip.MustParseAddr(address)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Place(a)
			}
		})
	}
}
