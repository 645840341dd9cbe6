// A pass cannot be widened.
//
// want: cannot refer to unexported field permission in struct literal of type gate.Pass
package main

import (
	"kelisim/consent"
	"kelisim/pipeline/gate"
)

func main() { _ = gate.Pass{permission: consent.Permission{Fields: ^consent.Fields(0)}} }
