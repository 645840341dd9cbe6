package minimise

import (
	"encoding/binary"
	"net/netip"
)

// Bits of an address that may be kept at most. A 6to4 address holds a whole
// IPv4 address in its bits 16 to 47, so that /40 keeps 24 bits of it.
const (
	bits4    = 24
	bits6    = 48
	bits6to4 = 40
)

var (
	sixToFour = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x02}), 16)
	teredo    = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01}), 32)
	nat64     = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x00, 0x64, 0xff, 0x9b}), 96)
	localNAT  = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}), 48)
)

// Networks says how many bits of an address may be kept.
type Networks struct{}

// Of cuts an address.
func (Networks) Of(a netip.Addr) netip.Prefix { return Network(a) }

// Network cuts an address down to the network that may be kept: /24 of an IPv4
// address, also of one inside a NAT64 address, /40 of 6to4, /32 of Teredo (what
// follows is a server's address and the client's own) and /48 of any other IPv6
// address. An address that is not valid yields the zero Prefix, never itself.
func Network(a netip.Addr) netip.Prefix {
	if !a.IsValid() {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := bits6
	switch {
	case a.Is4():
		bits = bits4
	case nat64.Contains(a):
		b := a.As16()
		return cut(netip.AddrFrom4([4]byte(b[12:])), bits4)
	case localNAT.Contains(a):
		bits = 48
	case sixToFour.Contains(a):
		bits = bits6to4
	case teredo.Contains(a):
		bits = 32
	case compatible(a):
		b := a.As16()
		return cut(netip.AddrFrom4([4]byte(b[12:])), bits4)
	}
	return cut(a, bits)
}

// compatible reports the deprecated form ::a.b.c.d, all zeros before an IPv4
// address.
func compatible(a netip.Addr) bool {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]) == 0 && binary.BigEndian.Uint32(b[8:12]) == 0 &&
		binary.BigEndian.Uint32(b[12:]) > 1
}

func cut(a netip.Addr, bits int) netip.Prefix {
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
