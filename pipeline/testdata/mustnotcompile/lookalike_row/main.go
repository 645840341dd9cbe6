// A struct of the same shape cannot be converted to a row either.
//
// want: cannot convert lookalike{} (value of struct type lookalike) to type batch.Row
package main

import (
	"kelisim/pipeline/batch"
	"kelisim/pipeline/minimise"
)

type lookalike struct{ v minimise.Values }

func main() { _ = batch.Row(lookalike{}) }
