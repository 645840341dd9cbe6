// The decoder of batches is not reachable from outside.
//
// want: undefined: batch.decode
package main

import "kelisim/pipeline/batch"

func main() { _, _ = batch.decode(nil) }
