package geo

import "net/netip"

// outward is the address to look up for the address that a request came from. The
// four ways to write an IPv4 address into an IPv6 one hide where the visitor is
// from a database of networks, so the embedded one is looked up:
//
//   - ::ffff:a.b.c.d is how a socket for both families shows an IPv4 visitor.
//   - 2002::/16 (6to4) holds the IPv4 address of the visitor's own router.
//   - 2001::/32 (Teredo) holds, inverted at its end, the IPv4 address of the
//     visitor's network. The database's own alias would take the Teredo server's
//     address, which stands before it and is often in another country.
//   - 64:ff9b::/96 (NAT64, RFC 6052), as a source, is an IPv4 visitor whose packets
//     were translated on their way to a server that has IPv6 alone.
//
// A zone names an interface of this machine and says nothing of the visitor.
func outward(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if !a.Is6() {
		return a
	}
	b := a.As16()
	switch {
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0:
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
	case [12]byte(b[:12]) == [12]byte{0x00, 0x64, 0xff, 0x9b}:
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a.WithZone("")
}
