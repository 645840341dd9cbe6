package load

import (
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// figures are what one worker counts. The first three are read while it plays.
type figures struct {
	requests atomic.Uint64 // all, repeats and warm-up included
	taken    atomic.Uint64 // events that were accepted, warm-up included
	answers  atomic.Uint64 // final ones, warm-up included

	warmed     time.Time // what was due before is warm-up
	last       time.Time // the last final answer
	measured   uint64    // final answers to calls after the warm-up
	offered    uint64    // in them
	kept       uint64    // of these
	drops      map[string]uint64
	statuses   map[int]uint64
	repeats    uint64
	cut        uint64 // calls that ended without an answer, each try
	givenUp    uint64 // calls that never got one
	strange    uint64 // answers that could not be read
	histograms [3]*hdrhistogram.Histogram
}

func newFigures() figures {
	return figures{
		drops: map[string]uint64{}, statuses: map[int]uint64{},
		histograms: [3]*hdrhistogram.Histogram{newHistogram(), newHistogram(), newHistogram()},
	}
}

// Places of the histograms.
const (
	tookEvents = iota
	tookDecisions
	tookBanners
)

// took records a final answer.
func (f *figures) took(c *call, now time.Time) {
	f.answers.Add(1)
	f.last = now
	if c.due.Before(f.warmed) {
		return
	}
	f.measured++
	h := tookDecisions
	switch c.stage {
	case atEvents:
		h = tookEvents
	case atBanner:
		h = tookBanners
	}
	note(f.histograms[h], now.Sub(c.due))
}

// gained records events of a final answer.
func (f *figures) gained(c *call, all, accepted uint64) {
	f.taken.Add(accepted)
	if !c.due.Before(f.warmed) {
		f.offered += all
		f.kept += accepted
	}
}

func (f *figures) refused(status int) { f.statuses[status]++ }
