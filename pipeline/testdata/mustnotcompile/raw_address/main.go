// What is kept has no room for a full address.
//
// want: cannot use address (variable of struct type netip.Addr) as netip.Prefix value
package main

import (
	"net/netip"

	"kelisim/pipeline/minimise"
)

func main() {
	address := netip.MustParseAddr("203.0.113.77")
	_ = minimise.Values{Network: address}
}
