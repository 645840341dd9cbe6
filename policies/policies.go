// Package policies holds the example and the demo policy. Servers read policies
// from a folder; the demo brings its own inside the program.
package policies

import _ "embed"

//go:embed demo.yaml
var demo []byte

// Demo is the policy file of the demo site.
func Demo() []byte { return demo }
