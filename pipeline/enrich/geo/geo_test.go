package geo_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"kelisim/pipeline/enrich/geo"
)

// data finds a file of the test data. Where their folder is absent the test is
// skipped, and says so.
func data(t *testing.T, name string) string {
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

func open(t *testing.T, path string) *geo.Database {
	t.Helper()
	d, err := geo.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestCountryAgainstTheTruth compares a database in MaxMind's format with the
// list it was made from.
func TestCountryAgainstTheTruth(t *testing.T) {
	d := open(t, data(t, "GeoLite2-City-Test.mmdb"))
	text, err := os.ReadFile(data(t, "GeoLite2-City-Test.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth []map[string]struct {
		Country struct {
			Code string `json:"iso_code"`
		} `json:"country"`
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	networks, known := 0, 0
	for _, entry := range truth {
		for network, want := range entry {
			a := netip.MustParsePrefix(network).Addr()
			networks++
			if want.Country.Code != "" {
				known++
			}
			if got := d.Country(a); got != want.Country.Code {
				t.Errorf("%s is %q, want %q", a, got, want.Country.Code)
			}
			if v4 := a.Unmap(); v4.Is4() {
				if got := d.Country(netip.AddrFrom16(v4.As16())); got != want.Country.Code {
					t.Errorf("%s mapped into IPv6 is %q, want %q", a, got, want.Country.Code)
				}
			}
		}
	}
	t.Logf("%d networks, %d with a country", networks, known)
	if known < 100 {
		t.Errorf("only %d networks have a country", known)
	}
}

func TestCountry(t *testing.T) {
	d := open(t, data(t, "GeoLite2-Country-Test.mmdb"))
	for address, want := range map[string]string{
		"2.125.160.216": "GB", "81.2.69.142": "GB", "::ffff:81.2.69.142": "GB", "89.160.20.112": "SE", "2001:218::1": "JP",
		"127.0.0.1": "", "10.1.2.3": "", "fe80::1%eth0": "", "::": "",
	} {
		if got := d.Country(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
	if got := d.Country(netip.Addr{}); got != "" {
		t.Errorf("no address is %q", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.mmdb")
	if err := os.WriteFile(text, []byte("this is no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(dir, "missing.mmdb")} {
		if d, err := geo.Open(path); err == nil {
			t.Errorf("%s was opened: %v", path, d)
		}
	}
}
