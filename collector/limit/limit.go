// Package limit holds back clients that call too fast. It keeps everything in
// memory and nothing for long: a client is a keyed digest of its network, the key
// is destroyed and drawn anew every few minutes, and what was known under it goes
// with it. Nothing of it leaves the process, and a restart forgets it.
package limit

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// Bucket is a kind of request. Each has tokens of its own, so that a flood of one
// kind leaves the others alone.
type Bucket uint8

// The buckets.
const (
	Events    Bucket = iota // POST /v1/events
	Decisions               // what a person decides or demands
	Rights                  // the page where people see what is held and take back; what else is read cannot keep them from it
	Others                  // everything else that is read
	Demands                 // demands for erasure under one consent, whatever address they come from
	buckets
)

var bucketNames = [buckets]string{"events", "decisions", "rights", "others", "demands"}

// String is the name of the bucket.
func (b Bucket) String() string {
	if b >= buckets {
		return fmt.Sprintf("bucket(%d)", uint8(b))
	}
	return bucketNames[b]
}

// Of the rate that is configured, decisions get a share: each costs a sync of the
// disk and a record that is kept for years, and people decide seldom. So does the
// page of rights, which asks the database. A bucket
// holds what comes in burstSeconds, because an office or the network of a mobile
// operator sends in waves.
const (
	decisionShare = 5
	burstSeconds  = 10
	demandEvery   = time.Minute
	demandBurst   = 3
)

// MostPerSecond bounds the rate that can be configured.
const MostPerSecond = 1_000_000

// RenewEvery is how long a key lives. It is well below the ten minutes that are
// the most.
const RenewEvery = 5 * time.Minute

// Options of a limiter.
type Options struct {
	PerSecond int // requests a second of one client; 0 = nobody is held back
	Logger    *slog.Logger
	Now       func() time.Time
	Random    io.Reader // default crypto/rand
}

// Limiter says who has to wait. It is safe for concurrent use. Run renews its key.
type Limiter struct {
	o       Options
	key     [2]atomic.Uint64
	seed    maphash.Seed
	began   time.Time // what times in the table count from
	table   *table
	sizes   [buckets]size
	refused [buckets]atomic.Uint64
	renewed atomic.Uint64
}

// New makes a limiter with a key of its own.
func New(o Options) (*Limiter, error) {
	switch {
	case o.Logger == nil || o.Now == nil:
		return nil, errors.New("limit: a logger and a clock are needed")
	case o.PerSecond < 0 || o.PerSecond > MostPerSecond:
		return nil, fmt.Errorf("limit: the rate must be from 0 to %d a second", MostPerSecond)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	l := &Limiter{o: o, seed: maphash.MakeSeed(), began: o.Now()}
	if o.PerSecond == 0 {
		return l, nil
	}
	l.table = &table{}
	every := time.Second / time.Duration(o.PerSecond)
	l.sizes = [buckets]size{
		Events: sizeOf(every, burstSeconds*o.PerSecond), Others: sizeOf(every, burstSeconds*o.PerSecond),
		Decisions: sizeOf(decisionShare*every, max(1, burstSeconds*o.PerSecond/decisionShare)),
		Rights:    sizeOf(decisionShare*every, max(1, burstSeconds*o.PerSecond/decisionShare)),
		Demands:   sizeOf(demandEvery, demandBurst),
	}
	return l, l.Renew()
}

// Client takes a token of a client and returns how long it has to wait; 0 means
// that the request may go on. Requests from nowhere known share one client.
func (l *Limiter) Client(b Bucket, a netip.Addr, now time.Time) time.Duration {
	if l.table == nil {
		return 0
	}
	return l.take(b, network(a), 0, now)
}

// Consent takes a token of a consent, as Client does.
func (l *Limiter) Consent(b Bucket, id [16]byte, now time.Time) time.Duration {
	if l.table == nil {
		return 0
	}
	return l.take(b, binary.BigEndian.Uint64(id[:]), binary.BigEndian.Uint64(id[8:]), now)
}

func (l *Limiter) take(b Bucket, high, low uint64, now time.Time) time.Duration {
	wait := l.table.take(l.digest(b, high, low), l.sizes[b], max(int64(now.Sub(l.began)), 0))
	if wait > 0 {
		l.refused[b].Add(1)
	}
	return time.Duration(wait)
}

// digest stands for a client in the table. Without the key nothing leads from it
// to the client.
func (l *Limiter) digest(b Bucket, high, low uint64) uint64 {
	var d [40]byte
	binary.LittleEndian.PutUint64(d[:], l.key[0].Load())
	binary.LittleEndian.PutUint64(d[8:], l.key[1].Load())
	binary.LittleEndian.PutUint64(d[16:], high)
	binary.LittleEndian.PutUint64(d[24:], low)
	d[32] = byte(b)
	return maphash.Bytes(l.seed, d[:]) | 1 // never that of a free place
}

// translated is the well-known prefix of NAT64. Behind it every client of IPv4
// would be one.
var translated = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x00, 0x64, 0xff, 0x9b}), 96)

// network is what counts as one client: an IPv4 address, and a /64 of IPv6.
func network(a netip.Addr) uint64 {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return 1<<32 | uint64(binary.BigEndian.Uint32(b[:])) // of IPv6, 0::/8 is assigned to nobody
	}
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	if translated.Contains(a) {
		return 1<<32 | uint64(binary.BigEndian.Uint32(b[12:]))
	}
	return binary.BigEndian.Uint64(b[:8])
}

// Renew destroys the key and everything that is known under it, and draws another.
func (l *Limiter) Renew() error {
	var b [16]byte
	_, err := io.ReadFull(l.o.Random, b[:])
	l.key[0].Store(binary.LittleEndian.Uint64(b[:]))
	l.key[1].Store(binary.LittleEndian.Uint64(b[8:]))
	clear(b[:])
	l.table.clear()
	l.renewed.Add(1)
	if err != nil {
		return fmt.Errorf("limit: draw a key: %w", err) // the old one is destroyed all the same
	}
	return nil
}

// Run renews the key until ctx ends, and says at each renewal whether clients had
// to be held back.
func (l *Limiter) Run(ctx context.Context) {
	if l.table == nil {
		return
	}
	tick := time.NewTicker(RenewEvery)
	defer tick.Stop()
	var before uint64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := l.Renew(); err != nil {
			l.o.Logger.Error("limit: there is no randomness for a key", "error", err)
		}
		var refused uint64
		for b := range buckets {
			refused += l.refused[b].Load()
		}
		if refused > before {
			l.o.Logger.Warn("limit: requests were refused because a client called too fast; a proxy of your own that is not named in --trusted-proxies counts as one client",
				"requests", refused-before, "in", RenewEvery.String())
		}
		before = refused
	}
}

// Stats are the figures of a limiter.
type Stats struct {
	Refused map[string]uint64 // requests, by bucket
	Pushed  uint64            // clients that were forgotten early because there were too many
	Renewed uint64            // keys drawn
}

// Stats are the figures of now.
func (l *Limiter) Stats() Stats {
	s := Stats{Refused: make(map[string]uint64, buckets), Renewed: l.renewed.Load()}
	for b := range buckets {
		s.Refused[b.String()] = l.refused[b].Load()
	}
	if l.table != nil {
		s.Pushed = l.table.pushed.Load()
	}
	return s
}
