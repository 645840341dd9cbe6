package geo_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/geo"
)

var (
	_ enrich.Places = (*geo.Database)(nil)

	built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

// now is three weeks after the files of these tests were built.
func now() time.Time { return built.Add(21 * 24 * time.Hour) }

type mm = mmdbtype.Map

func str(s string) mmdbtype.String { return mmdbtype.String(s) }

// flat is a record that holds a country alone.
func flat(code string) mm { return mm{"country_code": str(code)} }

// full is a record in MaxMind's shape.
func full(code, part, city string) mm {
	return mm{
		"country":      mm{"iso_code": str(code)},
		"subdivisions": mmdbtype.Slice{mm{"iso_code": str(part)}, mm{"iso_code": str("SUB")}},
		"city":         mm{"names": mm{"en": str(city), "ru": str("Город")}},
	}
}

// database writes a file with MaxMind's own writer.
func database(t testing.TB, o mmdbwriter.Options, records map[string]mm) []byte {
	t.Helper()
	o.IncludeReservedNetworks = true
	if o.BuildEpoch == 0 {
		o.BuildEpoch = built.Unix()
	}
	w, err := mmdbwriter.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range records {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, record); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// countries is a database in which one network is in a country.
func countries(t testing.TB, code string) []byte {
	return database(t, mmdbwriter.Options{DatabaseType: "Test-Country"}, map[string]mm{"203.0.113.0/24": flat(code)})
}

var visitor = netip.MustParseAddr("203.0.113.77")

// put brings a file into place as a whole.
func put(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// open opens a database; what it logs is in the buffer.
func open(t testing.TB, o geo.Options) (*geo.Database, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	if o.Now == nil {
		o.Now = now
	}
	d, err := geo.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return d, log
}

// content opens a database of this content.
func content(t testing.TB, b []byte) *geo.Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "places.mmdb")
	put(t, path, b)
	d, log := open(t, geo.Options{Path: path})
	if strings.Contains(log.String(), "WARN") {
		t.Fatal(log)
	}
	return d
}

func TestNothing(t *testing.T) {
	var none *geo.Database
	var zero geo.Database
	empty, _ := open(t, geo.Options{})
	for _, d := range []*geo.Database{none, &zero, empty} {
		if p := d.Place(visitor); p != (enrich.Place{}) {
			t.Errorf("without a file the place is %+v", p)
		}
		if s := d.Status(); s != (geo.Status{}) {
			t.Errorf("without a file the status is %+v", s)
		}
	}
	none.Run(t.Context()) // both return at once
	zero.Run(t.Context())
	for _, o := range []geo.Options{{}, {Now: now}, {Logger: slog.Default()}, {Now: now, Logger: slog.Default(), Every: -1}} {
		if _, err := geo.Open(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

// TestNames: what does not look like a code or a name of a city is not passed on.
func TestNames(t *testing.T) {
	records := map[string]mm{}
	cases := []struct {
		code, part, city string
		want             enrich.Place
	}{
		{"KZ", "ALA", "Almaty", enrich.Place{Country: "KZ", Region: "KZ-ALA", City: "Almaty"}},
		{"KZ", "75", "Ust'-Kamenogorsk", enrich.Place{Country: "KZ", Region: "KZ-75", City: "Ust'-Kamenogorsk"}},
		{"SE", "E", "Linköping", enrich.Place{Country: "SE", Region: "SE-E", City: "Linköping"}},
		{"US", "MO", "St. Louis", enrich.Place{Country: "US", Region: "US-MO", City: "St. Louis"}},
		{"kz", "ALA", "Almaty", enrich.Place{City: "Almaty"}},
		{"KAZ", "ALA", "", enrich.Place{}},
		{"K1", "ALA", "", enrich.Place{}},
		{"КЗ", "ALA", "", enrich.Place{}},
		{"KZ", "ala", "<b>Almaty</b>", enrich.Place{Country: "KZ"}},
		{"KZ", "LONG", "Almaty 050000", enrich.Place{Country: "KZ"}},
		{"KZ", "A-", "Al\nmaty", enrich.Place{Country: "KZ"}},
		{"KZ", "", strings.Repeat("a", 65), enrich.Place{Country: "KZ"}},
		{"KZ", "Ω", "a\xffb", enrich.Place{Country: "KZ"}},
	}
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}) }
	for i, c := range cases {
		records[address(i).String()+"/32"] = full(c.code, c.part, c.city)
	}
	d := content(t, database(t, mmdbwriter.Options{DatabaseType: "Test-City"}, records))
	for i, c := range cases {
		if diff := cmp.Diff(c.want, d.Place(address(i))); diff != "" {
			t.Errorf("%q %q %q\n%s", c.code, c.part, c.city, diff)
		}
	}
}

// TestEmbedded: an IPv4 visitor is found behind each way to write the address into
// an IPv6 one. A Teredo client is not taken for its server.
func TestEmbedded(t *testing.T) {
	d := content(t, database(t, mmdbwriter.Options{DatabaseType: "Test"}, map[string]mm{
		"203.0.113.0/24": flat("KZ"), "192.0.2.0/24": flat("US"), "2400::/16": flat("JP"), "64:ff9b:1::/48": flat("FR"),
	}))
	for address, want := range map[string]string{
		"203.0.113.77":                        "KZ",
		"::ffff:203.0.113.77":                 "KZ",
		"::ffff:203.0.113.77%eth0":            "KZ",
		"2002:cb00:714d::1":                   "KZ",
		"2001:0:c000:201:0:ffff:34ff:8eb2":    "KZ", // by way of the server 192.0.2.1
		"2001:0:cb00:714d:0:ffff:3fff:fdfe":   "US", // the other way round
		"64:ff9b::203.0.113.77":               "KZ",
		"64:ff9b:0:1::203.0.113.77":           "",
		"2400::1":                             "JP",
		"2400::1%eth0":                        "JP",
		"198.51.100.1":                        "",
		"2001:db8::1":                         "",
		"::1":                                 "",
		"::":                                  "",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:": "",
	} {
		a, _ := netip.ParseAddr(address) // the last is no address at all
		if got := d.Place(a); got != (enrich.Place{Country: want}) {
			t.Errorf("%s is in %+v, want %q", address, got, want)
		}
	}
}

// TestFourOnly: a database of IPv4 networks answers for those, and for no others.
func TestFourOnly(t *testing.T) {
	d := content(t, database(t, mmdbwriter.Options{DatabaseType: "Test", IPVersion: 4}, map[string]mm{"203.0.113.0/24": flat("KZ")}))
	for address, want := range map[string]string{"203.0.113.77": "KZ", "2002:cb00:714d::1": "KZ", "2400::1": "", "::": ""} {
		if got := d.Place(netip.MustParseAddr(address)).Country; got != want {
			t.Errorf("%s is in %q, want %q", address, got, want)
		}
	}
}

// TestLookupAllocatesNothing: places are ready when a file is in use.
func TestLookupAllocatesNothing(t *testing.T) {
	d := content(t, database(t, mmdbwriter.Options{DatabaseType: "Test-City"}, map[string]mm{"203.0.113.0/24": full("KZ", "75", "Almaty")}))
	if n := testing.AllocsPerRun(100, func() { d.Place(visitor) }); n != 0 {
		t.Errorf("%v allocations a lookup", n)
	}
}
