// An event cannot be declared permitted without the gate.
//
// want: cannot refer to unexported field decision in struct literal of type gate.Permitted
package main

import (
	"kelisim/consent"
	"kelisim/pipeline/gate"
)

func main() { _ = gate.Permitted{decision: consent.Decision{}} }
