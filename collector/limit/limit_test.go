package limit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"unsafe"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newLimiter(t testing.TB, rate int) *Limiter {
	t.Helper()
	l, err := New(Options{PerSecond: rate, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func at(s string) netip.Addr { return netip.MustParseAddr(s) }

// burst counts the requests that go on at one moment.
func burst(l *Limiter, b Bucket, a netip.Addr, now time.Time) (n int) {
	for n < 100_000 && l.Client(b, a, now) == 0 {
		n++
	}
	return n
}

func TestBurstAndRefill(t *testing.T) {
	l, a := newLimiter(t, 100), at("203.0.113.77")
	if got := burst(l, Events, a, noon); got != 1000 {
		t.Errorf("%d requests went on at once, want 1000", got)
	}
	wait := l.Client(Events, a, noon)
	if wait != 10*time.Millisecond {
		t.Errorf("the wait is %s, want 10ms", wait)
	}
	if l.Client(Events, a, noon.Add(wait-1)) == 0 {
		t.Error("a request went on before the wait was over")
	}
	if got := burst(l, Events, a, noon.Add(wait)); got != 1 {
		t.Errorf("%d requests went on after the wait, want 1", got)
	}
	if got := burst(l, Events, a, noon.Add(2*time.Second)); got != 199 {
		t.Errorf("%d requests went on after two seconds, want 199", got)
	}
	if got := burst(l, Events, a, noon.Add(time.Hour)); got != 1000 {
		t.Errorf("%d requests went on after an hour, want 1000", got)
	}
	if got := l.Stats().Refused["events"]; got != 6 {
		t.Errorf("%d refusals are counted, want 6", got)
	}
}

// A flood of one kind, or from one network, takes nothing from another.
func TestBucketsAndNetworksAreApart(t *testing.T) {
	l := newLimiter(t, 10)
	office := at("203.0.113.77")
	burst(l, Events, office, noon)
	for _, b := range []Bucket{Decisions, Rights, Others} {
		if l.Client(b, office, noon) != 0 {
			t.Errorf("a flood of events holds back %s", b)
		}
	}
	if got := burst(l, Decisions, office, noon); got != 19 {
		t.Errorf("%d more decisions went on, want 19", got)
	}
	if l.Client(Events, at("203.0.113.78"), noon) != 0 {
		t.Error("the neighbour of an address that floods is held back")
	}
	for _, same := range [][2]string{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9"},
		{"::ffff:198.51.100.1", "198.51.100.1"},
		{"64:ff9b::198.51.100.2", "198.51.100.2"},
	} {
		burst(l, Events, at(same[0]), noon)
		if l.Client(Events, at(same[1]), noon) == 0 {
			t.Errorf("%s and %s are two clients", same[0], same[1])
		}
	}
	for _, other := range []string{"2001:db8:1:3::1", "64:ff9b::198.51.100.3", "::198.51.100.1"} {
		if l.Client(Events, at(other), noon) != 0 {
			t.Errorf("%s is held back for another", other)
		}
	}
	burst(l, Events, netip.Addr{}, noon)
	if l.Client(Events, netip.Addr{}, noon) == 0 {
		t.Error("requests from nowhere are not held back together")
	}
}

func TestConsentIsAClient(t *testing.T) {
	l, id, now := newLimiter(t, 1), [16]byte{15: 1}, noon
	for i := range 4 {
		if wait := l.Consent(Demands, id, now); (wait > 0) != (i == 3) {
			t.Errorf("demand %d waits %s", i, wait)
		}
	}
	if l.Consent(Demands, [16]byte{15: 2}, now) != 0 {
		t.Error("another consent is held back")
	}
	if l.Consent(Demands, id, now.Add(time.Minute)) != 0 {
		t.Error("after a minute the consent is held back still")
	}
}

// Without a rate nobody waits, and nothing is kept.
func TestOff(t *testing.T) {
	l := newLimiter(t, 0)
	if got := burst(l, Events, at("203.0.113.77"), noon); got != 100_000 {
		t.Errorf("only %d requests went on", got)
	}
	if l.Consent(Demands, [16]byte{}, noon) != 0 || l.table != nil {
		t.Error("a limiter that is off keeps something")
	}
	l.Run(t.Context()) // ends at once
}

// A restart forgets, and so does every renewal of the key; the digests of one key
// mean nothing under another.
func TestRenewalForgets(t *testing.T) {
	a := at("203.0.113.77")
	l := newLimiter(t, 5)
	burst(l, Events, a, noon)
	if newLimiter(t, 5).Client(Events, a, noon) != 0 {
		t.Error("another limiter knows of the flood")
	}
	old, key := l.digest(Events, network(a), 0), [2]uint64{l.key[0].Load(), l.key[1].Load()}
	if err := l.Renew(); err != nil {
		t.Fatal(err)
	}
	if l.key[0].Load() == key[0] || l.key[1].Load() == key[1] || l.digest(Events, network(a), 0) == old {
		t.Error("the key is the old one")
	}
	if l.table.sets != [sets]set{} {
		t.Error("something is left in the table")
	}
	l.o.Random = iotest.ErrReader(errors.New("none"))
	key = [2]uint64{l.key[0].Load(), l.key[1].Load()}
	if err := l.Renew(); err == nil || l.key[0].Load() == key[0] {
		t.Error("without randomness the old key lives on")
	}
}

// Run renews the key well within ten minutes, and says what it held back without
// saying whom.
func TestRunRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		l, err := New(Options{PerSecond: 1, Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { l.Run(ctx) })
		burst(l, Events, at("203.0.113.77"), time.Now())
		for want := uint64(2); want < 8; want++ {
			time.Sleep(RenewEvery)
			synctest.Wait()
			if got := l.Stats().Renewed; got != want {
				t.Fatalf("%d keys, want %d", got, want)
			}
		}
		if RenewEvery > 9*time.Minute {
			t.Errorf("a key lives %s", RenewEvery)
		}
		cancel()
		running.Wait()
		if n := bytes.Count(log.Bytes(), []byte("requests=1 ")); n != 1 || bytes.Contains(log.Bytes(), []byte("203.0")) {
			t.Errorf("log: %s", log.Bytes())
		}
	})
}

// The memory is the same whoever calls: no more than the table has.
func TestMemoryIsBounded(t *testing.T) {
	const most = 2 << 20
	if size := unsafe.Sizeof(table{}); size > most {
		t.Errorf("the table takes %d bytes, at most %d are promised", size, most)
	}
	l := newLimiter(t, 1)
	var flood [8]byte
	allocated := testing.AllocsPerRun(1, func() {
		for i := range uint64(500_000) {
			binary.BigEndian.PutUint64(flood[:], i)
			l.Client(Events, netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, flood[4], flood[5], flood[6], flood[7], 15: 1}), noon)
		}
	})
	if allocated > 0 {
		t.Errorf("a million clients made %v allocations", allocated)
	}
	if l.Stats().Pushed == 0 {
		t.Error("more clients than places pushed nobody out")
	}
}

// Where there are more clients than places, a newcomer is not refused, and a
// client that floods stays known.
func TestFullTable(t *testing.T) {
	var tab table
	s := sizeOf(time.Second, 10)
	heavy := uint64(1)
	for tab.take(heavy, s, 0) == 0 {
	}
	for i := range uint64(100) {
		if wait := tab.take(3+2*i, s, 0); wait != 0 {
			t.Fatalf("newcomer %d waits %d", i, wait)
		}
	}
	if tab.take(heavy, s, 0) == 0 {
		t.Error("who floods was forgotten for newcomers")
	}
	if got := tab.pushed.Load(); got != 100-(ways-1) {
		t.Errorf("%d were pushed out", got)
	}
	// A place whose bucket is full again is free.
	if tab.take(1001, s, int64(time.Hour)); tab.pushed.Load() != 100-(ways-1) {
		t.Error("a place that says nothing was not taken")
	}
}

// A clock that is put back never locks anybody out for longer than an empty
// bucket does.
func TestClockPutBack(t *testing.T) {
	l, a := newLimiter(t, 10), at("203.0.113.77")
	burst(l, Events, a, noon.Add(time.Hour))
	if wait := l.Client(Events, a, noon); wait > time.Second {
		t.Errorf("the wait is %s", wait)
	}
	if l.Client(Events, a, noon.Add(time.Second)) != 0 {
		t.Error("nothing comes after a second")
	}
	if got := burst(l, Events, at("203.0.113.78"), noon.Add(-time.Hour)); got != 100 {
		t.Errorf("before the limiter began %d requests went on, want 100", got)
	}
}

func TestOptions(t *testing.T) {
	quiet, now := slog.New(slog.DiscardHandler), time.Now
	for _, o := range []Options{
		{}, {Logger: quiet}, {Now: now}, {Logger: quiet, Now: now, PerSecond: -1}, {Logger: quiet, Now: now, PerSecond: MostPerSecond + 1},
		{Logger: quiet, Now: now, PerSecond: 1, Random: io.LimitReader(nil, 0)},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestConcurrent(t *testing.T) {
	l, a := newLimiter(t, 100), at("203.0.113.77")
	var (
		all sync.WaitGroup
		mu  sync.Mutex
		on  int
	)
	for range 8 {
		all.Go(func() {
			mine := 0
			for range 1000 {
				if l.Client(Events, a, noon) == 0 {
					mine++
				}
				l.Client(Others, at("2001:db8::1"), noon)
			}
			mu.Lock()
			on += mine
			mu.Unlock()
		})
	}
	all.Wait()
	if on != 1000 {
		t.Errorf("%d requests went on, want 1000", on)
	}
}

// TestAlloc: a request costs no memory.
func TestAlloc(t *testing.T) {
	l, a := newLimiter(t, 100), at("2001:db8::1")
	if n := testing.AllocsPerRun(1000, func() { l.Client(Events, a, noon) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkClient is one request out of those of many clients.
func BenchmarkClient(b *testing.B) {
	l := newLimiter(b, 100)
	var clients [4096]netip.Addr
	for i := range clients {
		clients[i] = netip.AddrFrom4([4]byte{2, 132, byte(i >> 8), byte(i)})
	}
	b.ReportAllocs()
	now := noon
	for i := range b.N {
		now = now.Add(time.Microsecond)
		l.Client(Events, clients[i%len(clients)], now)
	}
}
