package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kelisim/pipeline/outcome"
)

// Outcome is how many events of a site and day ended in one way.
type Outcome struct {
	Site    string
	Day     time.Time
	Outcome string
	Detail  string // tells apart what shares an outcome
	N       uint64
}

// Format of counted outcomes in a frame: version, how many, then each: site, day
// since 1970, outcome, detail, n. Numbers are varints, texts have their length
// before them. The first version was JSON.
const (
	outcomesVersion = 2
	outcomesFirst   = '['
	daySeconds      = 24 * 60 * 60
)

// ErrOutcomes is returned for a frame that does not hold outcomes.
var ErrOutcomes = errors.New("journal: not outcomes")

// EncodeOutcomes is the form of outcomes in a frame.
func EncodeOutcomes(all []Outcome) []byte {
	b := binary.AppendUvarint([]byte{outcomesVersion}, uint64(len(all)))
	for _, o := range all {
		b = appendOutcome(b, o.Site, o.Day, o.Outcome, o.Detail, o.N)
	}
	return b
}

// appendTally is the form of what one call's events ended in.
func appendTally(b []byte, site string, day time.Time, t outcome.Tally) []byte {
	kinds := uint64(0)
	for _, n := range t {
		if n > 0 {
			kinds++
		}
	}
	b = binary.AppendUvarint(append(b, outcomesVersion), kinds)
	for o, n := range t {
		if n > 0 {
			o := outcome.Outcome(o)
			b = appendOutcome(b, site, day, o.String(), o.Detail(), uint64(n))
		}
	}
	return b
}

func appendOutcome(b []byte, site string, day time.Time, name, detail string, n uint64) []byte {
	b = appendText(b, site)
	b = binary.AppendUvarint(b, uint64(max(day.Unix(), 0)/daySeconds))
	b = appendText(b, name)
	b = appendText(b, detail)
	return binary.AppendUvarint(b, n)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// DecodeOutcomes reads a frame of outcomes.
func DecodeOutcomes(b []byte) ([]Outcome, error) {
	if len(b) > 0 && b[0] == outcomesFirst {
		var all []Outcome
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOutcomes, err)
		}
		return all, nil
	}
	if len(b) == 0 || b[0] != outcomesVersion {
		return nil, fmt.Errorf("%w: unknown version", ErrOutcomes)
	}
	r := reader{b: b[1:]}
	n := r.number()
	if n > uint64(len(r.b)) {
		return nil, fmt.Errorf("%w: more than the frame holds", ErrOutcomes)
	}
	all := make([]Outcome, 0, n)
	for range n {
		o := Outcome{Site: r.text()}
		o.Day = time.Unix(int64(r.number()%(1<<32))*daySeconds, 0).UTC()
		o.Outcome, o.Detail, o.N = r.text(), r.text(), r.number()
		all = append(all, o)
	}
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("%w: cut short or too long", ErrOutcomes)
	}
	return all, nil
}

// reader reads on; after the first fault every read yields nothing.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || r.bad {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.b)) || r.bad {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
