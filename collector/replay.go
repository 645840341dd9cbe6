package collector

import (
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Idempotency of decisions: the same key with the same body gets the same answer
// for ten minutes, so that a browser can repeat a decision until it has seen the
// answer. The memory is bounded and holds no token longer than that.
const (
	replayFor  = 10 * time.Minute
	replayKeys = 20_000
)

// answer is what a decision was answered with.
type answer struct {
	status int
	body   []byte
	token  string
	marker string
	life   time.Duration
	clears bool // the site's storage goes with the consent
}

type replay struct {
	body   [sha256.Size]byte
	at     time.Time
	mu     sync.Mutex // held while the first of the same calls is at work
	done   bool
	answer answer
}

// replays remembers answers by site and key. It is safe for concurrent use.
type replays struct {
	mu    sync.Mutex
	cache *lru.Cache[string, *replay]
	now   func() time.Time
}

func newReplays(now func() time.Time) (*replays, error) {
	cache, err := lru.New[string, *replay](replayKeys)
	if err != nil {
		return nil, fmt.Errorf("collector: memory of answers: %w", err)
	}
	return &replays{cache: cache, now: now}, nil
}

// do runs decide once for a key and body. Another body under a live key is
// refused; a decide that failed leaves no trace, so that a repeat runs it again.
func (r *replays) do(site, key string, body []byte, decide func() (answer, *fault)) (answer, *fault) {
	sum, name := sha256.Sum256(body), site+" "+key
	r.mu.Lock()
	entry, ok := r.cache.Get(name)
	if !ok || r.now().Sub(entry.at) > replayFor {
		entry = &replay{body: sum, at: r.now()}
		r.cache.Add(name, entry)
	}
	r.mu.Unlock()
	if entry.body != sum {
		return answer{}, &fault{status: 409, Code: "key_reused", Message: "this key stands for another decision: use a new one", Field: "key"}
	}
	entry.mu.Lock()
	defer entry.mu.Unlock()
	if entry.done {
		return entry.answer, nil
	}
	a, f := decide()
	if f != nil {
		r.forget(name, entry)
		return answer{}, f
	}
	entry.answer, entry.done = a, true
	return a, nil
}

func (r *replays) forget(name string, entry *replay) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now, ok := r.cache.Peek(name); ok && now == entry {
		r.cache.Remove(name)
	}
}

// locks lets one decision at a time be made under one token, so that two of them
// cannot get the same number. Tokens share a lock by chance; that costs time only.
type locks struct {
	seed maphash.Seed
	each [256]sync.Mutex
}

// lock waits for a token and returns what gives it back. Without a token there is
// nothing to share.
func (l *locks) lock(token string) (unlock func()) {
	if token == "" {
		return func() {}
	}
	m := &l.each[maphash.String(l.seed, token)%uint64(len(l.each))]
	m.Lock()
	return m.Unlock
}
