package writer

import (
	"encoding/json"
	"fmt"
	"time"

	"kelisim/pipeline/batch"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/spool"
	"kelisim/storage/journal"
)

// load is what one flush puts into the database: what a run of frames holds.
type load struct {
	decisions []numbered[journal.Decided]
	erasures  []journal.Erasure
	counts    []numbered[journal.Count]
	outcomes  []numbered[journal.Outcome]
	events    []events

	replayed bool              // an earlier flush may have got through unseen
	repeats  map[identity]bool // identities that stood in the table before the first try; nil until they are read
}

// numbered carries the identity that a row has beside its node: its place in the
// spool, which no other row of the node ever has.
type numbered[T any] struct {
	seq   uint64
	value T
}

// events is the batch of one frame.
type events struct {
	seq   uint64
	batch batch.Batch
}

// loadOf decodes frames. A frame that cannot be decoded is an error: its
// checksum was right, so a program wrote it that this one does not understand.
func loadOf(frames []spool.Frame) (load, error) {
	var l load
	for _, f := range frames {
		seq := f.At().Number()
		var err error
		switch f.Kind() {
		case spool.Decision:
			err = one(&l.decisions, seq, f)
		case spool.Erasure:
			var e journal.Erasure
			err = json.Unmarshal(f.Payload(), &e)
			l.erasures = append(l.erasures, e)
		case spool.Counts:
			err = many(&l.counts, seq, f)
		case spool.Outcomes:
			var ended []journal.Outcome
			ended, err = journal.DecodeOutcomes(f.Payload())
			l.outcomes = numbers(l.outcomes, seq, ended)
		case spool.Events:
			var b batch.Batch
			b, err = batch.FromFrame(f)
			l.events = append(l.events, events{seq: seq, batch: b})
		default:
			err = fmt.Errorf("unknown kind %d", f.Kind())
		}
		if err != nil {
			return load{}, fmt.Errorf("writer: frame at %d/%d: %w", f.At().Segment, f.At().Offset, err)
		}
	}
	return l, nil
}

func one[T any](to *[]numbered[T], seq uint64, f spool.Frame) error {
	var v T
	if err := json.Unmarshal(f.Payload(), &v); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	*to = append(*to, numbered[T]{seq: seq, value: v})
	return nil
}

// many gives the entries of one frame consecutive numbers; each takes more bytes
// in the frame than one, so no two frames share a number.
func many[T any](to *[]numbered[T], seq uint64, f spool.Frame) error {
	var vs []T
	if err := json.Unmarshal(f.Payload(), &vs); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	*to = numbers(*to, seq, vs)
	return nil
}

func numbers[T any](to []numbered[T], seq uint64, vs []T) []numbered[T] {
	for i, v := range vs {
		to = append(to, numbered[T]{seq: seq + uint64(i), value: v})
	}
	return to
}

// tallies are the final outcomes of accepted events, by frame, site and day.
type tallies struct {
	rows []numbered[journal.Outcome]
}

// add appends what became of the events of one frame.
func (t *tallies) add(seq uint64, site string, day time.Time, tally outcome.Tally) {
	for _, o := range outcome.All() {
		if tally[o] == 0 {
			continue
		}
		t.rows = append(t.rows, numbered[journal.Outcome]{
			seq: seq + uint64(o),
			value: journal.Outcome{
				Site: site, Day: day.UTC().Truncate(24 * time.Hour), Outcome: o.String(), Detail: o.Detail(), N: uint64(tally[o]),
			},
		})
	}
}
