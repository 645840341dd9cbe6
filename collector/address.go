package collector

import (
	"net/netip"
	"strings"
)

// Proxies is the list of peers whose X-Forwarded-For is believed. The zero value
// believes nobody.
type Proxies []netip.Prefix

// Trusts reports whether an address is one of the proxies.
func (p Proxies) Trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// maxHops bounds how far back a chain of proxies is read.
const maxHops = 16

// ClientAddress finds who sent a request: the peer of the connection, or, when
// that is a trusted proxy, the first address of X-Forwarded-For from the right
// that is not one. What stands further left was written by the visitor and is
// never read. Anything unreadable on the way yields the zero Addr: a request
// from somewhere unknown, never from a guess.
func ClientAddress(peer netip.Addr, forwarded []string, trusted Proxies) netip.Addr {
	client := peer.Unmap().WithZone("")
	hops := 0
	for i := len(forwarded) - 1; i >= 0; i-- {
		rest := forwarded[i]
		for rest != "" || hops == 0 {
			if !trusted.Trusts(client) {
				return client
			}
			if hops++; hops > maxHops {
				return netip.Addr{}
			}
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				rest, last = "", rest
			}
			a, ok := parseHop(last)
			if !ok {
				return netip.Addr{}
			}
			client = a
		}
	}
	return client
}

// parseHop reads one element: an address, also in brackets, with a port or a
// zone.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t\"")
	if len(s) > 64 {
		return netip.Addr{}, false
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}
