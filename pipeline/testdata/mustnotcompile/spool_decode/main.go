// Bytes cannot be decoded to rows: only a frame of the spool can.
//
// want: cannot use raw (variable of type []byte) as spool.Frame value
package main

import "kelisim/pipeline/batch"

func main() {
	raw := []byte{1, 0, 0}
	_, _ = batch.FromFrame(raw)
}
