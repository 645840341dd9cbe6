package collector

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	f("10.0.0.1", "", ",10.0.0.2")                                // or what begins with nothing
	f("10.0.0.1", "", "", "10.0.0.2")                             // on a line of its own
	f("10.0.0.1", "", "\"198.51.100.1\"")                         // quotes belong to another header
	f("10.0.0.1", "", "for=198.51.100.1")                         // and so does this
	f("10.0.0.1", "", "[198.51.100.1")                            // half a bracket
	f("10.0.0.1", "", "[198.51.100.1]")                           // brackets are for IPv6
	f("10.0.0.1", "", "198.51.100.1.5")                           //
	f("10.0.0.1", "", "0198.51.100.1")                            // not to be read as octal
	f("10.0.0.1", "10.0.0.2", "10.0.0.2")                         // all trusted: the first of the chain
	f("10.0.0.1", "", strings.Repeat("10.0.0.2,", 40)+"10.0.0.2") // too long a chain
}

// The same walk explains itself.
func TestExplain(t *testing.T) {
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f := func(peer string, forwarded []string, want ...Verdict) {
		t.Helper()
		a, _ := netip.ParseAddr(peer)
		client, hops := Explain(a, forwarded, trusted)
		var got []Verdict
		for _, h := range hops {
			got = append(got, h.Verdict)
			if (h.Verdict == Client || h.Verdict == First) && h.Address != client {
				t.Errorf("%s %q: the client is %s, the hops say %s", peer, forwarded, client, h.Address)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s %q (-want +got):\n%s", peer, forwarded, d)
		}
	}
	f("203.0.113.7", nil, Client)
	f("203.0.113.7", []string{"198.51.100.1, 10.0.0.2"}, Client, Unread, Unread)
	f("10.0.0.1", nil, First)
	f("10.0.0.1", []string{"192.0.2.66", "198.51.100.1, 10.0.0.2"}, Believed, Believed, Client, Unread)
	f("10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, Believed, Believed, First)
	f("10.0.0.1", []string{"198.51.100.1, unknown, 10.0.0.2"}, Believed, Believed, Unreadable, Unread)
	f("10.0.0.1", []string{strings.Repeat("10.0.0.2,", maxHops) + "10.0.0.2"}, append(slices.Repeat([]Verdict{Believed}, maxHops+1), TooFar)...)
	f("", nil, Unreadable)
}

// FuzzClientAddress checks, with any bytes in the header, that the address is in
// its plain form, that an untrusted peer is not replaced, that the walk explains
// itself, and that what a visitor prepends changes nothing.
func FuzzClientAddress(f *testing.F) {
	f.Add("192.0.2.66", "198.51.100.1, 10.0.0.2", "10.0.0.1")
	f.Add("", "[2001:db8::1]:80,,", "fd00::1")
	f.Add("10.0.0.3", "10.0.0.2", "10.0.0.1")
	f.Add("x", "2001:db8::1%eth0\x00", "::ffff:10.0.0.1")
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, forged, header, peer string) {
		p, err := netip.ParseAddr(peer)
		if err != nil {
			p = netip.AddrFrom4([4]byte{10, 0, 0, 1})
		}
		got, hops := Explain(p, []string{header}, trusted)
		last := hops[len(hops)-1].Verdict
		for _, h := range hops {
			if h.Verdict != Unread {
				last = h.Verdict
			}
		}
		switch {
		case got != ClientAddress(p, []string{header}, trusted):
			t.Fatal("the explanation ends at another address")
		case !trusted.Trusts(p) && got != p.Unmap().WithZone(""):
			t.Fatal("an untrusted peer was replaced by a header")
		case got.Zone() != "" || got.Is4In6():
			t.Fatal("the address is not in its plain form")
		case got.IsValid() != (last == Client || last == First):
			t.Fatalf("verdict %d with the address %s", last, got)
		case last == First:
			return // nothing was left to read; what is prepended now is
		}
		for _, with := range [][]string{{forged + "," + header}, {forged, header}} {
			if again := ClientAddress(p, with, trusted); again != got {
				t.Fatalf("what was prepended changed %s to %s", got, again)
			}
		}
	})
}
