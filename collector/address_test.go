package collector

import (
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f := func(peer, want string, forwarded ...string) {
		t.Helper()
		got := ClientAddress(netip.MustParseAddr(peer), forwarded, trusted)
		shown := ""
		if got.IsValid() {
			shown = got.String()
		}
		if shown != want {
			t.Errorf("peer %s, X-Forwarded-For %q: got %q, want %q", peer, forwarded, shown, want)
		}
	}
	f("203.0.113.7", "203.0.113.7")
	f("203.0.113.7", "203.0.113.7", "198.51.100.1")               // an untrusted peer is not believed
	f("10.0.0.1", "198.51.100.1", "198.51.100.1")                 // a trusted one is
	f("10.0.0.1", "198.51.100.1", "192.0.2.66, 198.51.100.1")     // what the visitor prepended is not read
	f("10.0.0.1", "198.51.100.1", "192.0.2.66", "198.51.100.1")   // nor in a header of its own
	f("10.0.0.1", "198.51.100.1", "198.51.100.1, 10.2.3.4")       // a chain of trusted proxies
	f("10.0.0.1", "198.51.100.1", "198.51.100.1:4711")            // with a port
	f("10.0.0.1", "2001:db8::1", "[2001:db8::1]:4711")            // in brackets
	f("10.0.0.1", "2001:db8::1", "[2001:db8::1]")                 //
	f("10.0.0.1", "2001:db8::1", "2001:db8::1%eth0")              // with a zone
	f("::ffff:10.0.0.1", "198.51.100.1", "::ffff:198.51.100.1")   // IPv4 inside IPv6
	f("10.0.0.1", "", "unknown")                                  // garbage is nobody
	f("10.0.0.1", "", "198.51.100.1, garbage")                    // also in between
	f("10.0.0.1", "", "")                                         // an empty header too
	f("10.0.0.1", "", "198.51.100.1,")                            //
	f("10.0.0.1", "10.0.0.2", "10.0.0.2")                         // all trusted: the first of the chain
	f("10.0.0.1", "", strings.Repeat("10.0.0.2,", 40)+"10.0.0.2") // too long a chain
}

func FuzzClientAddress(f *testing.F) {
	f.Add("198.51.100.1, 10.0.0.2", "10.0.0.1")
	f.Add("[2001:db8::1]:80,,", "fd00::1")
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header, peer string) {
		p, err := netip.ParseAddr(peer)
		if err != nil {
			t.Skip()
		}
		got := ClientAddress(p, []string{header}, trusted)
		if !trusted.Trusts(p) && got != p.Unmap().WithZone("") {
			t.Fatalf("an untrusted peer was replaced by a header")
		}
		if got.Zone() != "" || got.Is4In6() {
			t.Fatalf("the address is not in its plain form")
		}
	})
}
