package consent

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Decision is what a person allowed, as proven by a token. It is sealed: it
// comes from Keyring.Verify or from Decide, never from a literal, and its zero
// value grants nothing.
type Decision struct {
	id      ID
	number  uint32
	site    string
	edition EditionKey
	items   Items
	gpc     bool
	issued  time.Time
	expires time.Time
}

// IsZero reports whether the decision was never minted.
func (d Decision) IsZero() bool { return d.id.IsZero() || d.number == 0 }

// ID is the consent id.
func (d Decision) ID() ID { return d.id }

// Number counts the decisions under one consent id, from 1.
func (d Decision) Number() uint32 { return d.number }

// Site is the site the decision was made on.
func (d Decision) Site() string { return d.site }

// Edition is the edition that was shown.
func (d Decision) Edition() EditionKey { return d.edition }

// Items is what was granted, as bits of the edition.
func (d Decision) Items() Items { return d.items }

// GPC reports whether the person overrode a Global Privacy Control signal.
func (d Decision) GPC() bool { return d.gpc }

// Issued is when the decision was made, to the second.
func (d Decision) Issued() time.Time { return d.issued }

// Expires is the end of the consent.
func (d Decision) Expires() time.Time { return d.expires }

// InForce reports whether the decision stands at an instant.
func (d Decision) InForce(at time.Time) bool {
	return !d.IsZero() && !at.Before(d.issued) && at.Before(d.expires)
}

// LogValue keeps decisions out of logs.
func (d Decision) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Reasons for which a token is refused. All but ErrExpired are an ErrBadToken.
var (
	ErrBadToken = errors.New("consent: bad token")
	ErrGarbled  = fmt.Errorf("%w: cut, or never one", ErrBadToken)
	ErrForeign  = fmt.Errorf("%w: signed with an unknown key", ErrBadToken)
	ErrForged   = fmt.Errorf("%w: the signature does not fit", ErrBadToken)
	ErrFuture   = fmt.Errorf("%w: issued in the future", ErrBadToken)
	ErrOverlong = fmt.Errorf("%w: lives longer than a consent can", ErrBadToken)
	ErrExpired  = errors.New("consent: consent expired")
	ErrNoKey    = errors.New("consent: no signing key")
)

// Layout of a token before base64url, big endian, 1+4+16+4+8+4+1+4+4+n+32 bytes:
// version, key id, consent id, decision number, edition, items, flags, issued,
// expires (seconds since 1970), site, MAC over all that stands before it.
const (
	tokenVersion = 1
	tokenFixed   = 1 + 4 + 16 + 4 + 8 + 4 + 1 + 4 + 4
	tokenMAC     = sha256.Size
	maxSite      = 64
	maxToken     = tokenFixed + maxSite + tokenMAC
	flagGPC      = 1
	maxSkew      = 2 * time.Minute      // between the clocks of two nodes
	maxLife      = 367 * 24 * time.Hour // twelve months, the longest term, and a day for clocks
)

// strict refuses bits that mean nothing.
var strict = base64.RawURLEncoding.Strict()

// Key is one secret that signs tokens.
type Key struct {
	ID     uint32
	Secret []byte // at least 32 bytes
}

// Keyring signs with one key and verifies with all of them, so that a key can
// be replaced without logging anybody out. It is safe for concurrent use.
type Keyring struct {
	ring atomic.Pointer[ring]
}

// ring is the keys of one moment.
type ring struct {
	active uint32
	byID   map[uint32]*mac
}

// NewKeyring makes a ring; the first key signs.
func NewKeyring(keys ...Key) (*Keyring, error) {
	k := new(Keyring)
	if err := k.Replace(keys...); err != nil {
		return nil, err
	}
	return k, nil
}

// Replace puts other keys in the place of all there are; the first signs. Keys
// that cannot be used change nothing.
func (k *Keyring) Replace(keys ...Key) error {
	r, err := newRing(keys)
	if err == nil {
		k.ring.Store(r)
	}
	return err
}

func newRing(keys []Key) (*ring, error) {
	if len(keys) == 0 {
		return nil, ErrNoKey
	}
	byID := make(map[uint32]*mac, len(keys))
	for _, k := range keys {
		if len(k.Secret) < 32 {
			return nil, fmt.Errorf("consent: key %d is %d bytes, want at least 32", k.ID, len(k.Secret))
		}
		if byID[k.ID] != nil {
			return nil, fmt.Errorf("consent: key id %d stands twice", k.ID)
		}
		byID[k.ID] = newMAC(k.Secret)
	}
	return &ring{active: keys[0].ID, byID: byID}, nil
}

// Sign makes the token of a decision.
func (k *Keyring) Sign(d Decision) (string, error) {
	if d.IsZero() {
		return "", fmt.Errorf("%w: the decision is empty", ErrBadToken)
	}
	if len(d.site) > maxSite {
		return "", fmt.Errorf("%w: site id of %d bytes, at most %d", ErrBadToken, len(d.site), maxSite)
	}
	keys := k.ring.Load()
	var flags byte
	if d.gpc {
		flags |= flagGPC
	}
	b := make([]byte, 0, maxToken)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint32(b, keys.active)
	b = append(b, d.id[:]...)
	b = binary.BigEndian.AppendUint32(b, d.number)
	b = append(b, d.edition[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(d.items))
	b = append(b, flags)
	b = binary.BigEndian.AppendUint32(b, uint32(d.issued.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(d.expires.Unix()))
	b = append(b, d.site...)
	return base64.RawURLEncoding.EncodeToString(keys.byID[keys.active].sign(b)), nil
}

// Verify reads a token and proves it. The decision is returned with ErrExpired
// as well, so that a caller can tell whose consent ended; with every other
// error it is zero.
func (k *Keyring) Verify(token string, now time.Time) (Decision, error) {
	var buf [maxToken]byte
	var text [(maxToken*8 + 5) / 6]byte
	n, err := strict.Decode(buf[:], text[:copy(text[:], token)])
	// The decoder passes over line ends, and of what is too long only the begin
	// was copied: a token has one form and one length.
	whole := err == nil && n > tokenFixed+tokenMAC && base64.RawURLEncoding.EncodedLen(n) == len(token)
	if !whole || buf[0] != tokenVersion { // guard: token form
		return Decision{}, ErrGarbled
	}
	body, sum := buf[:n-tokenMAC], buf[n-tokenMAC:n]
	key, known := k.ring.Load().byID[binary.BigEndian.Uint32(body[1:])]
	if !known { // guard: token key
		return Decision{}, ErrForeign
	}
	if !key.fits(body, sum) { // guard: token signature
		return Decision{}, ErrForged
	}
	d := readDecision(body)
	if d.IsZero() { // guard: token of somebody
		return Decision{}, ErrGarbled
	}
	if d.issued.After(now.Add(maxSkew)) { // guard: token not of the future
		return Decision{}, ErrFuture
	}
	if d.expires.Sub(d.issued) > maxLife { // guard: token life
		return Decision{}, ErrOverlong
	}
	if !now.Before(d.expires) { // guard: token term
		return d, ErrExpired
	}
	return d, nil
}

// readDecision reads the body of a token whose signature is proven.
func readDecision(body []byte) Decision {
	return Decision{
		id:      ID(body[5:21]),
		number:  binary.BigEndian.Uint32(body[21:]),
		edition: EditionKey(body[25:33]),
		items:   Items(binary.BigEndian.Uint32(body[33:])),
		gpc:     body[37]&flagGPC != 0,
		issued:  time.Unix(int64(binary.BigEndian.Uint32(body[38:])), 0).UTC(),
		expires: time.Unix(int64(binary.BigEndian.Uint32(body[42:])), 0).UTC(),
		site:    string(body[tokenFixed:]),
	}
}
