package collector

import (
	"net/netip"
	"strings"
)

// Proxies is the list of peers whose X-Forwarded-For is believed. The zero value
// believes nobody. No other header about addresses is read, Forwarded neither: a
// proxy that passes one on unread would let the visitor write it.
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

// Verdict is what one hop of a request's way comes to.
type Verdict uint8

// The verdicts.
const (
	Believed   Verdict = iota + 1 // a trusted proxy: what it says about the hop before it counts
	Client                        // no trusted proxy: who sent the request
	First                         // a trusted proxy that names nobody before it: taken for who sent the request
	Unreadable                    // no address: the request comes from nowhere known
	TooFar                        // more hops than are followed: nowhere known either
	Unread                        // further left than who sent the request: written by the visitor
)

// Hop is one station on the way of a request, the nearest first.
type Hop struct {
	Address netip.Addr // zero where there is none, and where nothing was read
	Verdict Verdict
}

// maxHops bounds how far back a chain of proxies is read.
const maxHops = 16

// ClientAddress finds who sent a request: the peer of the connection, or, when
// that is a trusted proxy, the first address of X-Forwarded-For from the right
// that is not one. What stands further left was written by the visitor and is
// never read. Anything unreadable on the way yields the zero Addr: a request
// from somewhere unknown, never from a guess.
func ClientAddress(peer netip.Addr, forwarded []string, trusted Proxies) netip.Addr {
	return walk(peer, forwarded, trusted, func(Hop) {})
}

// Explain is the way that ClientAddress goes, hop by hop, with what it leaves
// unread at the end.
func Explain(peer netip.Addr, forwarded []string, trusted Proxies) (client netip.Addr, hops []Hop) {
	client = walk(peer, forwarded, trusted, func(h Hop) { hops = append(hops, h) })
	written := 0
	for _, line := range forwarded {
		written += strings.Count(line, ",") + 1
	}
	for unread := written + 1 - len(hops); unread > 0; unread-- {
		hops = append(hops, Hop{Verdict: Unread})
	}
	return client, hops
}

// walk follows a request back from its peer, and tells of every hop.
func walk(peer netip.Addr, forwarded []string, trusted Proxies, tell func(Hop)) netip.Addr {
	at := peer.Unmap().WithZone("")
	if !at.IsValid() {
		tell(Hop{Verdict: Unreadable})
		return netip.Addr{}
	}
	before, hops := elements{lines: forwarded}, 0
	for trusted.Trusts(at) {
		element, ok := before.next()
		if !ok {
			tell(Hop{at, First})
			return at
		}
		tell(Hop{at, Believed})
		if hops++; hops > maxHops {
			tell(Hop{Verdict: TooFar})
			return netip.Addr{}
		}
		if at, ok = parseHop(element); !ok {
			tell(Hop{Verdict: Unreadable})
			return netip.Addr{}
		}
	}
	tell(Hop{at, Client})
	return at
}

// elements reads the comma-separated elements of a header from the right, also
// where it stands on several lines.
type elements struct {
	lines []string // not yet begun
	rest  string   // of the line that is
	open  bool     // whether a line is begun
}

func (e *elements) next() (string, bool) {
	if !e.open {
		if len(e.lines) == 0 {
			return "", false
		}
		last := len(e.lines) - 1
		e.rest, e.lines, e.open = e.lines[last], e.lines[:last], true
	}
	comma := strings.LastIndexByte(e.rest, ',')
	element := e.rest[comma+1:]
	if e.open = comma >= 0; e.open {
		e.rest = e.rest[:comma]
	}
	return element, true
}

// maxHop is more than any address takes with brackets, zone and port.
const maxHop = 64

// parseHop reads one element: an address, also in brackets, with a port or a
// zone.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	if len(s) > maxHop {
		return netip.Addr{}, false
	}
	if strings.IndexByte(s, ':') < 0 {
		a, err := netip.ParseAddr(s)
		return a, err == nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if s, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(s, ":") {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}
