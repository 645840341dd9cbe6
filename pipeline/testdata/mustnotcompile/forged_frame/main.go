// A frame cannot be written down: it comes from reading the spool.
//
// want: cannot refer to unexported field payload in struct literal of type spool.Frame
package main

import "kelisim/pipeline/spool"

func main() { _ = spool.Frame{payload: []byte{1}} }
