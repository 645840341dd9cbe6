package consent

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Action is what a person did in the banner or through another channel.
type Action string

// The actions of the wire format.
const (
	AcceptAll Action = "accept_all"
	RefuseAll Action = "refuse_all"
	Custom    Action = "custom"
	Withdraw  Action = "withdraw"
)

// State is the standing of a consent, in the terms of the W3C Data Privacy
// Vocabulary. Only Given and Renewed permit anything.
type State string

// The states that a record or an answer can carry.
const (
	StateUnknown   State = "ConsentUnknown"
	StateGiven     State = "ConsentGiven"
	StateRenewed   State = "RenewedConsentGiven"
	StateRefused   State = "ConsentRefused"
	StateExpired   State = "ConsentExpired"
	StateWithdrawn State = "ConsentWithdrawn"
)

// Permits reports whether a state lets anything be processed.
func (s State) Permits() bool { return s == StateGiven || s == StateRenewed }

// Choice is one decision as it was made.
type Choice struct {
	Action  Action
	Choices map[string]bool // for Custom: by item id; what is absent is refused
	GPC     bool            // a Global Privacy Control signal came with it
}

// Verdict is what a choice comes to.
type Verdict struct {
	State    State
	Decision Decision // sealed; zero for a refusal, and for a withdrawal of nothing. A withdrawal carries the next number and no items
	Lowest   uint32   // the lowest valid number from now on; 0 = nothing is revoked
	Spares   bool     // what was accepted under the older numbers may still be stored
	Lost     Fields   // fields that were licensed before and no longer are
}

// Lowest number of a consent under which nothing is valid any more.
const NothingValid = ^uint32(0)

// Errors of Decide, for the caller to tell the person's browser.
var (
	ErrAction = errors.New("consent: unknown action")
	ErrItem   = errors.New("consent: unknown item")
)

// Decide turns a choice into its verdict. previous is the live decision of the
// same browser on the same site, or the zero Decision; before is the edition it
// was made under (nil if none).
//
// A refusal without a live consent names nobody; with one it is a withdrawal.
// A changed choice keeps the id, takes the next number and makes the older
// numbers invalid, so that a wider token is dead as soon as it was narrowed. One
// that takes nothing away spares what was accepted under them.
func Decide(c Choice, e *Edition, previous Decision, before *Edition, now time.Time, random io.Reader) (Verdict, error) {
	granted, override, err := c.granted(e)
	if err != nil {
		return Verdict{}, err
	}
	// A token that verified may have been issued by a node whose clock is a little
	// ahead; it is live all the same.
	live := !previous.IsZero() && now.Before(previous.expires) && previous.site == e.site
	if live && now.Before(previous.issued) {
		now = previous.issued
	}
	switch {
	case granted == 0 && !live && c.Action == Withdraw:
		return Verdict{State: StateWithdrawn}, nil // there is nothing left to withdraw
	case granted == 0 && !live:
		return Verdict{State: StateRefused}, nil
	case granted == 0:
		d := previous
		d.number, d.items, d.gpc = previous.number+1, 0, false
		d.issued = now.UTC().Truncate(time.Second)
		return Verdict{
			State: StateWithdrawn, Decision: d, Lowest: NothingValid,
			Lost: before.Permits(previous.items).Fields,
		}, nil
	}
	d := Decision{
		number: 1, site: e.site, edition: e.Key(), items: granted, gpc: override,
		issued: now.UTC().Truncate(time.Second), expires: e.ExpiryOf(now),
	}
	if !live {
		if d.id, err = NewID(random); err != nil {
			return Verdict{}, err
		}
		return Verdict{State: StateGiven, Decision: d}, nil
	}
	d.id, d.number = previous.id, previous.number+1
	v := Verdict{
		State: StateRenewed, Decision: d,
		Lost: before.Permits(previous.items).Fields.Minus(e.Permits(granted).Fields),
	}
	v.Lowest = d.number
	v.Spares = v.Lost == 0 && before != nil && contains(e.IDs(granted), before.IDs(previous.items))
	return v, nil
}

// contains reports whether every id of some is in all.
func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(id string) bool { return !slices.Contains(all, id) })
}

// granted is what the choice grants, and whether it overrides a privacy signal.
// "Accept all" under the signal does not: the banner said that those items are
// off. An explicit choice of such an item does.
func (c Choice) granted(e *Edition) (set Items, override bool, err error) {
	switch c.Action {
	case AcceptAll:
		set = e.All()
		if c.GPC {
			set = e.Lowered(set)
		}
		return set, false, nil
	case RefuseAll, Withdraw:
		return 0, false, nil
	case Custom:
		var ids []string
		for id, yes := range c.Choices {
			if _, unknown := e.ItemsOf([]string{id}); unknown != "" {
				return 0, false, fmt.Errorf("%w in choices", ErrItem)
			}
			if yes {
				ids = append(ids, id)
			}
		}
		set, _ = e.ItemsOf(ids)
		return set, c.GPC && e.Lowered(set) != set, nil
	}
	return 0, false, ErrAction
}
