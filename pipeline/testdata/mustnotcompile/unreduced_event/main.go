// A permitted event cannot be a row: it must be minimised first.
//
// want: cannot use permitted (variable of struct type gate.Permitted) as minimise.Reduced value
package main

import (
	"kelisim/pipeline/batch"
	"kelisim/pipeline/gate"
)

func main() {
	var permitted gate.Permitted
	_, _ = batch.RowOf(permitted)
}
