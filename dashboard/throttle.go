package dashboard

import (
	"crypto/sha256"
	"sync"
	"time"
)

// Bounds of signing in. A name that is tried wrongly freeTries times has to
// wait, twice as long after every further try; the same holds for an address,
// with more free tries, because an office shares one.
const (
	freeTriesName    = 5
	freeTriesAddress = 20
	firstWait        = 30 * time.Second
	longestWait      = 15 * time.Minute
	forgetTries      = time.Hour
	maxTracked       = 10_000
)

// throttle slows down guessing. It keeps hashes of names and addresses, in
// memory only.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	tries map[[sha256.Size]byte]tries
}

type tries struct {
	wrong int
	last  time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, tries: map[[sha256.Size]byte]tries{}}
}

// wait is how long this name at this address has to wait; zero = it may try.
func (t *throttle) wait(name, address string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.left("name:"+name, freeTriesName), t.left("address:"+address, freeTriesAddress))
}

func (t *throttle) left(key string, free int) time.Duration {
	one, ok := t.tries[sha256.Sum256([]byte(key))]
	if !ok || one.wrong < free {
		return 0
	}
	wait := longestWait
	if doublings := one.wrong - free; doublings < 5 {
		wait = min(longestWait, firstWait<<doublings)
	}
	return max(0, one.last.Add(wait).Sub(t.now()))
}

// failed notes a wrong try.
func (t *throttle) failed(name, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.tries) >= maxTracked {
		for key, one := range t.tries {
			if now.Sub(one.last) >= forgetTries || len(t.tries) >= maxTracked {
				delete(t.tries, key)
			}
		}
	}
	for _, key := range []string{"name:" + name, "address:" + address} {
		sum := sha256.Sum256([]byte(key))
		one := t.tries[sum]
		if now.Sub(one.last) >= forgetTries {
			one.wrong = 0
		}
		t.tries[sum] = tries{wrong: one.wrong + 1, last: now}
	}
}

// succeeded forgets the wrong tries of a name.
func (t *throttle) succeeded(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tries, sha256.Sum256([]byte("name:"+name)))
}
