package banner

import (
	"errors"
	"fmt"
	"time"
)

// Options says what the banner promises.
type Options struct {
	ErasureDays int // days after a withdrawal by which the data are said to be gone; default 15
}

func (o Options) withDefaults() Options {
	if o.ErasureDays == 0 {
		o.ErasureDays = 15
	}
	return o
}

func (o Options) validate() error {
	if o.ErasureDays < 1 || o.ErasureDays > 30 {
		return fmt.Errorf("banner: ErasureDays is %d, want 1 to 30", o.ErasureDays)
	}
	return nil
}

// Banner makes documents. It is immutable and safe for concurrent use.
type Banner struct {
	options Options
	texts   texts
}

// New makes a banner.
func New(o Options) (*Banner, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	t, err := readTexts()
	if err != nil {
		return nil, err
	}
	return &Banner{options: o, texts: t}, nil
}

// Reason says why a visitor is asked.
type Reason string

// The reasons to ask.
const (
	First    Reason = "first"    // there is no choice yet
	Material Reason = "material" // the policy changed in a way that matters
	Expired  Reason = "expired"  // the consent's term is over
	Again    Reason = "again"    // six months have passed since a refusal
	Settings Reason = "settings" // the visitor opened the settings
)

// Reasons lists the reasons.
func Reasons() []Reason { return []Reason{First, Material, Expired, Again, Settings} }

// Errors of Document.
var (
	ErrReason   = errors.New("banner: unknown reason")
	ErrLanguage = errors.New("banner: language not offered")
)

// ErasedBy is the day by which data are said to be gone after a withdrawal.
func (b *Banner) ErasedBy(withdrawn time.Time) time.Time {
	return withdrawn.AddDate(0, 0, b.options.ErasureDays)
}
