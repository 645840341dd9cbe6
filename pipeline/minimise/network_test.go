package minimise_test

import (
	"net/netip"
	"testing"

	"kelisim/pipeline/minimise"
)

func TestNetwork(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		got := minimise.Network(netip.MustParseAddr(in))
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	f("203.0.113.77", "203.0.113.0/24")
	f("::ffff:203.0.113.77", "203.0.113.0/24") // IPv4 inside IPv6
	f("2001:db8:1234:5678:9abc:def0:1:2", "2001:db8:1234::/48")
	f("2001:db8:1234:5678::1%eth0", "2001:db8:1234::/48") // with a zone
	f("2002:cb00:714d::1", "2002:cb00:7100::/40")         // 6to4 of 203.0.113.77
	f("2001:0:53aa:64c:0:fbff:34ff:8eb2", "2001::/32")    // Teredo
	f("64:ff9b::203.0.113.77", "203.0.113.0/24")          // NAT64
	f("64:ff9b:1:cb00:71:4d00::", "64:ff9b:1::/48")       // local NAT64
	f("::203.0.113.77", "203.0.113.0/24")                 // IPv4-compatible
	f("::1", "::/48")
	if got := minimise.Network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address became %s", got)
	}
}

// FuzzNetwork checks that no output reveals more than 24 bits of an IPv4 address
// or 48 bits of an IPv6 address.
func FuzzNetwork(f *testing.F) {
	f.Add([]byte{203, 0, 113, 77})
	f.Add(netip.MustParseAddr("2002:cb00:714d::1").AsSlice())
	f.Add(netip.MustParseAddr("64:ff9b::203.0.113.77").AsSlice())
	f.Add(netip.MustParseAddr("::203.0.113.77").AsSlice())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			t.Skip()
		}
		p := minimise.Network(a)
		if !p.IsValid() || p != p.Masked() {
			t.Fatalf("%s: host bits in %s", a, p)
		}
		limit := 48
		if p.Addr().Is4() {
			limit = 24
		}
		if p.Bits() > limit {
			t.Fatalf("%s: %s is longer than /%d", a, p, limit)
		}
		// Two addresses that differ only in the last octet of the IPv4 address they
		// hold must not be told apart.
		if a.Is4() || a.Is4In6() {
			raw := a.As16()
			raw[15] ^= 0xff
			if other := minimise.Network(netip.AddrFrom16(raw)); other != p {
				t.Fatalf("%s and %s are told apart: %s, %s", a, netip.AddrFrom16(raw), p, other)
			}
		}
	})
}

func TestHost(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := minimise.Host(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f("https://Search.Example/path?q=secret#x", "search.example")
	f("https://user:password@search.example/", "search.example")
	f("https://search.example:8443/", "search.example")
	f("https://203.0.113.77/", "")
	f("https://[2001:db8::1]/", "")
	f("android-app://com.example", "")
	f("javascript:alert(1)", "")
	f("", "")
	f("https://", "")
	f("https://exa mple/", "")
	f("https://пример.example/", "")
}
