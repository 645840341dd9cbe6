package consent

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// ID is a consent id: 128 random bits minted by the server. It stays the same
// while a person changes their choice. The zero value names nobody.
type ID [16]byte

// NewID mints an id from a source of randomness.
func NewID(random io.Reader) (ID, error) {
	var id ID
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return ID{}, fmt.Errorf("consent: mint id: %w", err)
	}
	id[6] = id[6]&0x0f | 0x40 // UUID version 4, so that every tool prints it alike
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// ErrID is returned for text that is not a consent id.
var ErrID = errors.New("consent: not a consent id")

// ParseID reads the UUID form, with or without dashes.
func ParseID(s string) (ID, error) {
	var id ID
	digits := make([]byte, 0, 32)
	for i := range len(s) {
		if s[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23) {
			continue
		}
		digits = append(digits, s[i])
	}
	if len(digits) != 32 {
		return ID{}, ErrID
	}
	if _, err := hex.Decode(id[:], digits); err != nil {
		return ID{}, ErrID
	}
	return id, nil
}

// IsZero reports whether the id names nobody.
func (id ID) IsZero() bool { return id == ID{} }

// String is the UUID form.
func (id ID) String() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// LogValue keeps ids out of logs.
func (id ID) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// EditionKey names an edition in tokens, cookies and answers: the first eight
// bytes of its SHA-256.
type EditionKey [8]byte

// ParseEditionKey reads sixteen hexadecimal digits.
func ParseEditionKey(s string) (EditionKey, bool) {
	var k EditionKey
	if len(s) != 2*len(k) {
		return k, false
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return EditionKey{}, false
	}
	return k, true
}

// String is sixteen hexadecimal digits.
func (k EditionKey) String() string { return hex.EncodeToString(k[:]) }
