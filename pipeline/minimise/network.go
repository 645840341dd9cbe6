package minimise

import (
	"encoding/binary"
	"net/netip"
)

// The most bits of an address that are ever kept.
const (
	MaxV4 = 24
	MaxV6 = 48
)

var (
	sixToFour = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x02}), 16)
	teredo    = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01}), 32)
	nat64     = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x00, 0x64, 0xff, 0x9b}), 96)
)

// Networks says how many bits of an address are kept. No value keeps more than
// MaxV4 and MaxV6, and the zero value keeps no address at all: 0 bits is none.
type Networks struct {
	V4 int // of an IPv4 address, also of one inside an IPv6 address
	V6 int // of any other IPv6 address
}

// Most is the most of an address that may ever be kept.
func Most() Networks { return Networks{V4: MaxV4, V6: MaxV6} }

// Network cuts an address down to the most that may ever be kept of it.
func Network(a netip.Addr) netip.Prefix { return Most().Of(a) }

// Of cuts an address down to the network that is kept: V4 bits of an IPv4
// address, also of one that is written as ::ffff:a.b.c.d, ::a.b.c.d or inside the
// well-known prefix of NAT64; 16 and V4 bits of 6to4, which holds an IPv4 address
// after its first 16; at most 32 bits of Teredo, after which the server's address
// and the client's own follow; V6 bits of any other IPv6 address. What the local
// prefix of NAT64 (64:ff9b:1::/48) holds begins at bit 48 in every form of RFC
// 6052, so that none of it is left. An operator's own prefix cannot be told from
// others: behind one of 32 bits, the shortest of RFC 6052, 16 bits of the IPv4
// address are left.
//
// An address that is not valid, and one of which nothing is kept, yield the zero
// Prefix, never the address.
func (n Networks) Of(a netip.Addr) netip.Prefix {
	if !a.IsValid() {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	v4, v6 := min(max(n.V4, 0), MaxV4), min(max(n.V6, 0), MaxV6)
	if inner, ok := inside(a); ok {
		a = inner
	}
	switch {
	case a.Is4():
		return cut(a, v4)
	case sixToFour.Contains(a):
		return cut(a, min(sixToFour.Bits()+v4, v6))
	case teredo.Contains(a):
		return cut(a, min(teredo.Bits(), v6))
	}
	return cut(a, v6)
}

// inside finds the IPv4 address in the last four bytes of an IPv6 address: behind
// the well-known prefix of NAT64, and in the deprecated form ::a.b.c.d. The
// address of the prefix itself holds none, nor do :: and ::1.
func inside(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	last := binary.BigEndian.Uint32(b[12:])
	compatible := binary.BigEndian.Uint64(b[:8]) == 0 && binary.BigEndian.Uint32(b[8:12]) == 0
	if nat64.Contains(a) && last > 0 || compatible && last > 1 {
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return netip.Addr{}, false
}

// cut is the network of an address; with no bits left there is none.
func cut(a netip.Addr, bits int) netip.Prefix {
	p, err := a.Prefix(bits)
	if err != nil || bits == 0 {
		return netip.Prefix{}
	}
	return p
}
