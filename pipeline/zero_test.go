package pipeline_test

import (
	"errors"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/gate"
	"kelisim/pipeline/minimise"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
	"kelisim/pipeline/validate"
)

// TestZeroValuesAreInert shows that what the compiler must allow, the empty
// value of each stage, is refused by the next one.
func TestZeroValuesAreInert(t *testing.T) {
	if p := (*consent.Edition)(nil).Permits(^consent.Items(0)); p.Fields != 0 {
		t.Error("no edition permits something")
	}
	if (consent.Decision{}).InForce(time.Now()) {
		t.Error("the zero decision is in force")
	}
	event, o := validate.Of(validate.Raw{Seq: 1, Name: "pageview", URL: "https://example.com/"}, validate.Session{ID: [16]byte{1}}, time.Now())
	if o != outcome.None {
		t.Fatalf("a good event is %v", o)
	}
	if _, o := (gate.Pass{}).Admit(event); o != outcome.NothingGranted {
		t.Errorf("the zero pass admits: %v", o)
	}
	if _, o := (gate.Pass{}).Admit(validate.Event{}); o != outcome.Malformed {
		t.Errorf("the zero event is admitted: %v", o)
	}
	e, err := enrich.New(enrich.Options{Agents: agent{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, o := e.Facts(gate.Permitted{}, enrich.Client{}); o != outcome.NothingGranted {
		t.Errorf("the zero permitted event is enriched: %v", o)
	}
	if _, o := minimise.New(minimise.Options{}).Reduce(gate.Permitted{}, enrich.Facts{}, time.Now()); o != outcome.NothingGranted {
		t.Errorf("zero values are reduced: %v", o)
	}
	if _, err := batch.RowOf(minimise.Reduced{}); !errors.Is(err, batch.ErrZero) {
		t.Errorf("the zero event is a row: %v", err)
	}
	if _, err := batch.Of(batch.Row{}); !errors.Is(err, batch.ErrZero) {
		t.Errorf("the zero row is in a batch: %v", err)
	}
	if _, err := batch.FromFrame(spool.Frame{}); !errors.Is(err, batch.ErrFrame) {
		t.Errorf("the zero frame is a batch: %v", err)
	}
}
