// A validated event cannot be enriched: it must pass the gate first.
//
// want: cannot use event (variable of struct type validate.Event) as gate.Permitted value
package main

import (
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/validate"
)

func main() {
	var event validate.Event
	var e enrich.Enricher
	_, _ = e.Facts(event, enrich.Client{})
}
