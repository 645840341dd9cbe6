package consent

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// mac signs with one secret. It keeps the states that it has set up, because
// setting one up costs more than signing a token. It is safe for concurrent use.
type mac struct{ states sync.Pool }

// state is an HMAC that is ready to be written to, with room for its sum and for
// what is proven, which is no longer than a token: what a hash is given lies on the
// heap.
type state struct {
	hash hash.Hash
	sum  [sha256.Size]byte
	body [maxToken]byte
}

func newMAC(secret []byte) *mac {
	return &mac{states: sync.Pool{New: func() any { return &state{hash: hmac.New(sha256.New, secret)} }}}
}

// sign appends the signature of what stands in b.
func (m *mac) sign(b []byte) []byte {
	s := m.states.Get().(*state)
	defer m.states.Put(s)
	s.hash.Reset()
	s.hash.Write(b)
	return s.hash.Sum(b)
}

// fits proves a signature, in a time that does not depend on it.
func (m *mac) fits(body, sum []byte) bool {
	s := m.states.Get().(*state)
	defer m.states.Put(s)
	s.hash.Reset()
	s.hash.Write(s.body[:copy(s.body[:], body)])
	return hmac.Equal(s.hash.Sum(s.sum[:0]), sum)
}
