package journal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/pipeline/outcome"
)

func TestOutcomesComeBack(t *testing.T) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	var tally outcome.Tally
	var want []Outcome
	for i, o := range outcome.All() {
		tally.Add(o, uint32(i+1)*1000)
		want = append(want, Outcome{Site: "shop", Day: day, Outcome: o.String(), Detail: o.Detail(), N: uint64(i+1) * 1000})
	}
	got, err := DecodeOutcomes(appendTally(nil, "shop", day.Add(13*time.Hour), tally))
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("of a tally: %v\n%s", err, cmp.Diff(want, got))
	}
	if got, err = DecodeOutcomes(EncodeOutcomes(want)); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("of a list: %v\n%s", err, cmp.Diff(want, got))
	}
	first := []byte(`[{"Site":"shop","Day":"2026-11-23T00:00:00Z","Outcome":"bot","Detail":"crawler","N":3}]`)
	got, err = DecodeOutcomes(first)
	if err != nil || len(got) != 1 || got[0].N != 3 || !got[0].Day.Equal(day) {
		t.Errorf("of the first version: %v %v", got, err)
	}
}

// FuzzDecodeOutcomes gives any bytes: what is read must come back the same.
func FuzzDecodeOutcomes(f *testing.F) {
	f.Add([]byte("[]"))
	f.Add(EncodeOutcomes([]Outcome{{Site: "shop", Outcome: "bot", Detail: "crawler", N: 1}}))
	f.Add([]byte{outcomesVersion, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := DecodeOutcomes(b)
		if err != nil || len(b) > 0 && b[0] == outcomesFirst {
			return
		}
		again, err := DecodeOutcomes(EncodeOutcomes(all))
		if err != nil || cmp.Diff(all, again) != "" {
			t.Fatal(err, cmp.Diff(all, again))
		}
	})
}
