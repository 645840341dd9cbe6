package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"kelisim/consent"
)

// documentFormat numbers the form of the canonical document. A new member of
// the form is left out where it is empty, so that older documents stay what
// they are, byte for byte.
const documentFormat = 1

// Document is the canonical form of the edition, as it is hashed and archived:
// JSON, one way of writing for one meaning. Hosts, mode, time zone, k and the
// test mark are not in it.
func (p *Policy) Document() []byte {
	if p.document != nil {
		return slices.Clone(p.document)
	}
	return p.encode()
}

func (p *Policy) encode() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		// Strings, numbers, lists and maps of strings always encode.
		panic(fmt.Sprintf("policy: encode document: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Hash is the SHA-256 of the document: it names the edition.
func (p *Policy) Hash() [32]byte {
	if p.document != nil {
		return sha256.Sum256(p.document)
	}
	return sha256.Sum256(p.encode())
}

// HashString is the hash in 64 hexadecimal digits, as `replaces` wants it.
func (p *Policy) HashString() string {
	h := p.Hash()
	return hex.EncodeToString(h[:])
}

// Key names the edition in tokens, cookies and answers.
func (p *Policy) Key() consent.EditionKey {
	h := p.Hash()
	return consent.EditionKey(h[:8])
}

// ErrDocument is returned for bytes that are no archived document.
var ErrDocument = errors.New("policy: not an archived document")

// ReadDocument reads an archived edition back. Its hash and its document are
// those of the bytes, and how the site is served (hosts, mode, time zone, k) is
// not known from it.
func ReadDocument(data []byte) (*Policy, error) {
	p := &Policy{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	if p.Format < 1 || p.Format > documentFormat || p.Site == "" || dec.More() {
		return nil, fmt.Errorf("%w: format %d", ErrDocument, p.Format)
	}
	p.document = slices.Clone(data)
	return p, nil
}

// Edition turns the policy into the edition that decisions and the gate work
// with: purposes first, then the other items.
func (p *Policy) Edition() (*consent.Edition, error) {
	var items []consent.Item
	for _, it := range p.Items() {
		item := consent.Item{ID: it.ID, Kind: it.Kind, GPC: it.GPC}
		if q, ok := p.Purpose(it.ID); ok && it.Kind == consent.KindPurpose {
			item.Fields, item.RetentionDays, item.AddressDays = q.FieldSet(), q.RetentionDays, q.AddressDays
		}
		items = append(items, item)
	}
	e, err := consent.NewEdition(consent.EditionOptions{
		Site: p.Site, Hash: p.Hash(), Number: p.Issue.Number, Items: items, TermMonths: p.TermMonths, Events: p.Events,
	})
	if err != nil {
		return nil, fmt.Errorf("policy: compile: %w", err)
	}
	return e, nil
}
