package consent

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Channel says where a decision was made.
type Channel string

// ChannelWeb is the banner or the privacy page.
const ChannelWeb Channel = "web"

// Shown is what the person saw when they decided.
type Shown struct {
	Variant    string `json:"variant"`
	TextSHA256 string `json:"text_sha256"`
}

// Payload is the deletable part of a record: the evidence.
type Payload struct {
	SchemaVersion string    `json:"schema_version"`
	RecordID      string    `json:"record_id"`
	PrincipalID   string    `json:"pii_principal_id"` // the consent id
	Site          string    `json:"site"`
	Edition       string    `json:"edition"`
	EditionNumber int       `json:"edition_number"`
	Language      string    `json:"language"`
	Channel       Channel   `json:"channel"`
	Action        Action    `json:"action"`
	State         State     `json:"event_state"`
	Granted       []string  `json:"granted"`
	NotGranted    []string  `json:"not_granted"`
	Shown         Shown     `json:"shown"`
	GPC           bool      `json:"gpc"`
	Time          time.Time `json:"event_time"`
	ValidUntil    time.Time `json:"valid_until"`
}

// Record is one decision as the ledger keeps it: an immutable commitment, and
// the payload and nonce that it commits to and that can be destroyed later.
type Record struct {
	Site       string
	ID         ID
	Number     uint32
	State      State
	Action     Action
	Channel    Channel
	Edition    [32]byte
	Lang       string
	GPC        bool
	Items      []string // what was granted
	Time       time.Time
	Expires    time.Time // end of the consent
	KeepUntil  time.Time // end of the proof's own term
	Commitment [32]byte  // SHA-256(nonce || payload)
	Nonce      [32]byte
	Payload    []byte // JSON of Payload
}

// RecordOptions is what a record is made of beside its verdict.
type RecordOptions struct {
	Choice    Choice
	Edition   *Edition // the edition that was shown
	Lang      string
	Channel   Channel
	Shown     Shown
	ProofDays int // how long the proof outlives the consent
	Now       time.Time
	Random    io.Reader
}

// NewRecord writes the record of a verdict that names a consent.
func NewRecord(v Verdict, o RecordOptions) (Record, error) {
	d := v.Decision
	if d.IsZero() {
		return Record{}, fmt.Errorf("consent: a %s names nobody and has no record", v.State)
	}
	granted := o.Edition.IDs(d.items)
	p := Payload{
		SchemaVersion: "1", RecordID: fmt.Sprintf("%s.%d", d.id, d.number), PrincipalID: d.id.String(),
		Site: d.site, Edition: fmt.Sprintf("%x", o.Edition.hash), EditionNumber: o.Edition.number,
		Language: o.Lang, Channel: o.Channel, Action: o.Choice.Action, State: v.State,
		Granted: granted, NotGranted: o.Edition.IDs(o.Edition.All() &^ d.items), Shown: o.Shown,
		GPC: o.Choice.GPC, Time: o.Now.UTC(), ValidUntil: d.expires,
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return Record{}, fmt.Errorf("consent: encode payload: %w", err)
	}
	r := Record{
		Site: d.site, ID: d.id, Number: d.number, State: v.State, Action: o.Choice.Action, Channel: o.Channel,
		Edition: o.Edition.hash, Lang: o.Lang, GPC: o.Choice.GPC, Items: granted,
		Time: o.Now.UTC(), Expires: d.expires, KeepUntil: d.expires.AddDate(0, 0, o.ProofDays), Payload: raw,
	}
	if _, err := io.ReadFull(o.Random, r.Nonce[:]); err != nil {
		return Record{}, fmt.Errorf("consent: mint nonce: %w", err)
	}
	r.Commitment = r.commitment()
	return r, nil
}

// Intact reports whether the payload is the one that was committed to.
func (r Record) Intact() bool { return r.commitment() == r.Commitment }

func (r Record) commitment() [32]byte {
	return sha256.Sum256(append(r.Nonce[:len(r.Nonce):len(r.Nonce)], r.Payload...))
}
