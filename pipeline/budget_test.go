//go:build !race

package pipeline_test

import (
	"testing"

	"kelisim/pipeline/outcome"
)

// maxAllocs is the budget of an event from the gate to its row.
const maxAllocs = 2

// TestAllocsGateToRow holds the way of an event to its budget; the race detector
// allocates on its own account.
func TestAllocsGateToRow(t *testing.T) {
	w := newWay(t)
	n := testing.AllocsPerRun(1000, func() {
		if _, o := w.row(); o != outcome.None {
			t.Fatal(o)
		}
	})
	t.Logf("%.0f allocations", n)
	if n > maxAllocs {
		t.Errorf("%.0f allocations an event, at most %d are allowed", n, maxAllocs)
	}
}
