package consent_test

import (
	"bufio"
	"encoding/binary"
	"io"
	mrand "math/rand/v2"
	"runtime"
	"testing"
	"time"

	"kelisim/consent"
)

// tenMillion is the written form of a set of ten million withdrawals, spread
// over twelve months.
func tenMillion(w io.Writer) error {
	const n = 10_000_000
	r := mrand.New(mrand.NewPCG(10, 11))
	for first := range uint64(256) {
		count := n/256 + n%256*(first/255)
		b := binary.LittleEndian.AppendUint32(nil, uint32(count))
		gap, key := uint64(1)<<56/count, first<<56
		for range count {
			key += 1 + r.Uint64N(2*gap-gap/32)
			b = binary.LittleEndian.AppendUint64(b, key)
		}
		for range count {
			b = append(b, byte(12+r.IntN(12)))
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	_, err := w.Write(make([]byte, 4))
	return err
}

func manyRevocations(t testing.TB) *consent.Revocations {
	t.Helper()
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(tenMillion(write)) }() // the reader meets the error
	set, err := consent.ReadRevocations(bufio.NewReader(read), 10_000_000*9+257*4)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// heap is what lives after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryOfRevocations: ten million withdrawals take at most 100 MB, also
// when as much as ever waits to be merged.
func TestMemoryOfRevocations(t *testing.T) {
	before := heap()
	set := manyRevocations(t)
	r := mrand.New(mrand.NewPCG(12, 13))
	most := heap() - before
	for range 4 {
		for range 39_000 { // just before a merge, after four times
			set.Add(consent.Revocation{ID: randomID(r), Lowest: consent.NothingValid, Expires: newYear.AddDate(1, 0, 0)})
		}
		most = max(most, heap()-before)
	}
	t.Logf("%d withdrawals take %.1f MB at most", set.Len(), float64(most)/1e6)
	if most > 100e6 {
		t.Errorf("%d withdrawals take %d bytes, want at most 100 MB", set.Len(), most)
	}
	id := randomID(r)
	if n := testing.AllocsPerRun(1000, func() { set.Standing(id, 1) }); n != 0 {
		t.Errorf("a question allocates %.0f times", n)
	}
	runtime.KeepAlive(set)
}

func BenchmarkStanding(b *testing.B) {
	set, r := manyRevocations(b), mrand.New(mrand.NewPCG(14, 15))
	ids := make([]consent.ID, 1<<20)
	for i := range ids {
		ids[i] = randomID(r)
	}
	members := ids[:150_000]
	ask := func(ids []consent.ID) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				set.Standing(ids[i%len(ids)], 1)
			}
		}
	}
	b.Run("10M", ask(ids))
	v := consent.Revocation{Lowest: consent.NothingValid, Expires: newYear.AddDate(1, 0, 0)}
	for _, v.ID = range members {
		set.Add(v)
	}
	b.Run("10M, as many as ever not merged", ask(ids))
	v.Lowest = 2
	for range 100_000 {
		v.ID = randomID(r)
		set.Add(v)
	}
	b.Run("10M, and 100k that go on", ask(ids))
	b.Run("10M, parallel", func(b *testing.B) {
		b.RunParallel(func(p *testing.PB) {
			for i := 0; p.Next(); i++ {
				set.Standing(ids[i%len(ids)], 1)
			}
		})
	})
	if _, err := set.WriteTo(io.Discard); err != nil { // merges
		b.Fatal(err)
	}
	b.Run("10M, withdrawn", ask(members))
}

func BenchmarkAdd(b *testing.B) {
	set, r := manyRevocations(b), mrand.New(mrand.NewPCG(16, 17))
	var longest time.Duration
	for b.Loop() {
		v := consent.Revocation{ID: randomID(r), Lowest: consent.NothingValid, Expires: newYear.AddDate(1, 0, 0)}
		began := time.Now()
		set.Add(v)
		longest = max(longest, time.Since(began))
	}
	b.ReportMetric(float64(longest.Milliseconds()), "ms-longest")
}
