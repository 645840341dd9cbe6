package minimise_test

import (
	"encoding/binary"
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
	f("2001:db8:1234:5678::1%eth0", "2001:db8:1234::/48")       // with a zone
	f("2002:cb00:714d::1", "2002:cb00:7100::/40")               // 6to4 of 203.0.113.77
	f("2001:0:53aa:64c:0:fbff:34ff:8eb2", "2001::/32")          // Teredo
	f("64:ff9b::203.0.113.77", "203.0.113.0/24")                // NAT64
	f("64:ff9b::", "64:ff9b::/48")                              // its prefix alone
	f("64:ff9b:1:cb00:71:4d00::", "64:ff9b:1::/48")             // local NAT64
	f("64:ff9b:1::203.0.113.77", "64:ff9b:1::/48")              // and with 96 bits before the address
	f("2001:db8:1234::5efe:203.0.113.77", "2001:db8:1234::/48") // ISATAP
	f("::203.0.113.77", "203.0.113.0/24")                       // IPv4-compatible
	f("::1", "::/48")
	f("::", "::/48")
	if got := minimise.Network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address became %s", got)
	}
}

func TestNetworks(t *testing.T) {
	f := func(v4, v6 int, in, want string) {
		t.Helper()
		shown := "none"
		if got := (minimise.Networks{V4: v4, V6: v6}).Of(netip.MustParseAddr(in)); got.IsValid() {
			shown = got.String()
		}
		if shown != want {
			t.Errorf("%d and %d bits of %s: got %s, want %s", v4, v6, in, shown, want)
		}
	}
	for _, in := range []string{"203.0.113.77", "::ffff:203.0.113.77", "64:ff9b::203.0.113.77", "::203.0.113.77"} {
		f(16, 48, in, "203.0.0.0/16")
		f(1, 0, in, "128.0.0.0/1")
		f(0, 48, in, "none")
	}
	f(16, 48, "2002:cb00:714d::1", "2002:cb00::/32")
	f(0, 48, "2002:cb00:714d::1", "2002::/16") // that it is 6to4, and nothing of the IPv4 address
	f(24, 20, "2002:cb00:714d::1", "2002:c000::/20")
	f(24, 0, "2002:cb00:714d::1", "none")
	f(24, 40, "2001:0:53aa:64c:0:fbff:34ff:8eb2", "2001::/32")
	f(24, 16, "2001:0:53aa:64c:0:fbff:34ff:8eb2", "2001::/16")
	f(24, 32, "2001:db8:1234:5678::1", "2001:db8::/32")
	f(24, 0, "2001:db8:1234:5678::1", "none")
	// Neither the zero value nor a wrong one keeps what may not be kept.
	f(0, 0, "203.0.113.77", "none")
	f(0, 0, "2001:db8:1234:5678::1", "none")
	f(-8, -8, "203.0.113.77", "none")
	f(32, 128, "203.0.113.77", "203.0.113.0/24")
	f(32, 128, "2001:db8:1234:5678::1", "2001:db8:1234::/48")
	f(32, 128, "2002:cb00:714d::1", "2002:cb00:7100::/40")
}

// places are the forms in which an IPv6 address holds an IPv4 address: the bytes
// of the address that hold its four, and what stands around them.
var places = []struct {
	name  string
	head  []byte
	bytes [4]int
	xor   byte
}{
	{"plain, mapped", []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, [4]int{12, 13, 14, 15}, 0},
	{"compatible", []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, [4]int{12, 13, 14, 15}, 0},
	{"6to4", []byte{0x20, 0x02}, [4]int{2, 3, 4, 5}, 0},
	{"server of Teredo", []byte{0x20, 0x01, 0, 0}, [4]int{4, 5, 6, 7}, 0},
	{"client of Teredo", []byte{0x20, 0x01, 0, 0}, [4]int{12, 13, 14, 15}, 0xff},
	{"NAT64", []byte{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}, [4]int{12, 13, 14, 15}, 0},
	{"local NAT64, 48 bits", []byte{0, 0x64, 0xff, 0x9b, 0, 1}, [4]int{6, 7, 9, 10}, 0},
	{"local NAT64, 56 bits", []byte{0, 0x64, 0xff, 0x9b, 0, 1}, [4]int{7, 9, 10, 11}, 0},
	{"local NAT64, 64 bits", []byte{0, 0x64, 0xff, 0x9b, 0, 1}, [4]int{9, 10, 11, 12}, 0},
	{"local NAT64, 96 bits", []byte{0, 0x64, 0xff, 0x9b, 0, 1}, [4]int{12, 13, 14, 15}, 0},
	{"ISATAP", []byte{0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 0, 0, 0x5e, 0xfe}, [4]int{12, 13, 14, 15}, 0},
	{"an operator's prefix of 48 bits", []byte{0x20, 0x01, 0x0d, 0xb8, 1, 2}, [4]int{6, 7, 9, 10}, 0},
	{"an operator's prefix of 96 bits", []byte{0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, [4]int{12, 13, 14, 15}, 0},
}

// FuzzNetwork checks that nothing is kept but what may be: two addresses that
// hold IPv4 addresses of one network, in whatever form, are not told apart; no
// output is longer than allowed; and what is kept of less is contained in it.
func FuzzNetwork(f *testing.F) {
	for place := range places {
		f.Add(uint8(place), uint32(0xcb00714d), []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, uint8(24), uint8(48))
	}
	f.Add(uint8(0), uint32(1), []byte{0x20, 0x01, 0, 0xff}, uint8(0), uint8(24))
	f.Fuzz(func(t *testing.T, place uint8, v4 uint32, filler []byte, keep4, keep6 uint8) {
		n := minimise.Networks{V4: int(keep4) % 40, V6: int(keep6) % 140}
		var raw [16]byte
		copy(raw[:], filler)
		checkNetwork(t, n, netip.AddrFrom16(raw))
		form := places[int(place)%len(places)]
		copy(raw[:], form.head)
		put := func(v4 uint32) netip.Addr {
			b := binary.BigEndian.AppendUint32(nil, v4)
			for i, at := range form.bytes {
				raw[at] = b[i] ^ form.xor
			}
			return netip.AddrFrom16(raw)
		}
		kept := uint32(0xffffffff) << (32 - min(n.V4, minimise.MaxV4))
		one, two := v4|^kept, v4&kept|2 // ::, ::1 and the bare prefix of NAT64 hold no address
		a, b := put(one), put(two)
		checkNetwork(t, n, a)
		if x, y := n.Of(a), n.Of(b); x != y {
			t.Fatalf("%s: %s and %s are told apart: %s, %s", form.name, a, b, x, y)
		}
	})
}

// checkNetwork checks what holds for any address.
func checkNetwork(t *testing.T, n minimise.Networks, a netip.Addr) {
	t.Helper()
	p := n.Of(a)
	if !p.IsValid() {
		if n.V4 > 0 && n.V6 > 0 {
			t.Fatalf("%+v: nothing is left of %s", n, a)
		}
		return
	}
	limit := min(n.V6, minimise.MaxV6)
	if p.Addr().Is4() {
		limit = min(n.V4, minimise.MaxV4)
	}
	switch {
	case p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "":
		t.Fatalf("%s: %s is not in its plain form", a, p)
	case p.Bits() > limit:
		t.Fatalf("%s: %s is longer than /%d", a, p, limit)
	}
	if again := n.Of(p.Addr()); again != p {
		t.Fatalf("%+v: of %s stays %s, and of that %s", n, a, p, again)
	}
	for _, stricter := range []minimise.Networks{{V4: n.V4 - 1, V6: n.V6}, {V4: n.V4, V6: n.V6 - 1}, {V4: n.V4 / 2, V6: n.V6 / 2}} {
		if less := stricter.Of(a); less.IsValid() && (less.Bits() > p.Bits() || !less.Contains(p.Addr())) {
			t.Fatalf("%s: less than %s is %s", a, p, less)
		}
	}
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
