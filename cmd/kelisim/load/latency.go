package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies are measured from the moment a call was due to its last answer, so
// that a collector that stands still is not spared the calls that wait.
const (
	finest  = 1           // microseconds
	longest = 600_000_000 // microseconds
	digits  = 2           // figures that are right: one in a hundred
)

// Latency is how long calls of a kind took, in milliseconds.
type Latency struct {
	Calls uint64  `json:"calls"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(finest, longest, digits) }

// note records a latency; what is out of bounds counts as the bound.
func note(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), finest), longest)) // within the bounds
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(percent float64) float64 { return float64(h.ValueAtQuantile(percent)) / 1000 }
	return Latency{Calls: uint64(h.TotalCount()), P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.Max()) / 1000}
}
