// A decision cannot be written down: it comes from a verified token.
//
// want: cannot refer to unexported field items in struct literal of type consent.Decision
package main

import "kelisim/consent"

func main() { _ = consent.Decision{items: 1} }
