// Values cannot be made a row without the stages.
//
// want: cannot convert values (variable of struct type minimise.Values) to type batch.Row
package main

import (
	"kelisim/pipeline/batch"
	"kelisim/pipeline/minimise"
)

func main() {
	values := minimise.Values{Site: "shop"}
	_ = batch.Row(values)
}
