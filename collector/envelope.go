package collector

import (
	"encoding/hex"
	"strconv"
	"time"

	"kelisim/pipeline/validate"
)

// call is a call of POST /v1/events: its envelope, and where its events stand.
// The events are read when they are asked for, so that of a call that nothing
// licenses only shape and size are looked at. It is used again for other calls.
//
// Every text of a call is a part of one copy of the body, or a copy of its own.
type call struct {
	site    string
	token   string
	session validate.Session
	again   bool // the browser repeats a call that it has no answer for

	events []span
	reader reader
	said   said // by the headers
}

// envelope is what is said of a call beside its events. Unknown keys are ignored:
// a newer script must not lose honest events.
type envelope struct {
	v, now, start int64
	id            string
	events        int
}

// The keys that may stand once in an envelope, and in the session within it.
const (
	keyV keys = 1 << iota
	keySite
	keyToken
	keyNow
	keyAgain
	keySession
	keyID
	keyStart
	keyEvents
)

// open reads the envelope of a call. What is wrong inside an event is passed over
// and spoils that event alone.
func (c *call) open(body []byte, received time.Time) *fault {
	e, err := c.envelope(body)
	if err != nil {
		return badField("", "the body is not the JSON that this call takes")
	}
	switch {
	case e.v != wireVersion:
		return badField("v", "the version must be 1")
	case c.site == "":
		return badField("site", "the site is missing")
	case e.events == 0:
		return badField("events", "there is no event")
	case e.events > maxEvents:
		return badField("events", "more than "+strconv.Itoa(maxEvents)+" events in one call")
	case len(e.id) != 2*len(c.session.ID):
		return badField("session.id", "the session id must be 32 hexadecimal digits")
	}
	var digits [2 * len(c.session.ID)]byte
	copy(digits[:], e.id)
	if _, err := hex.Decode(c.session.ID[:], digits[:]); err != nil {
		return badField("session.id", "the session id must be 32 hexadecimal digits")
	}
	if e.now == 0 {
		e.now = received.UnixMilli()
	}
	c.session.Age = milliseconds(float64(e.now) - float64(e.start))
	return nil
}

// close forgets the call.
func (c *call) close() {
	c.reader.close()
	c.site, c.token, c.session, c.again, c.events, c.said = "", "", validate.Session{}, false, c.events[:0], said{}
}

// Len counts the events.
func (c *call) Len() int { return len(c.events) }

func (c *call) envelope(body []byte) (e envelope, err error) {
	r, seen := &c.reader, keys(0)
	r.open(body)
	err = r.members(func(name string) error {
		switch name {
		case "v":
			return seen.once(keyV, r.whole(&e.v))
		case "site":
			return seen.once(keySite, r.text(&c.site))
		case "token":
			return seen.once(keyToken, r.text(&c.token))
		case "now":
			return seen.once(keyNow, r.whole(&e.now))
		case "again":
			return seen.once(keyAgain, r.boolean(&c.again))
		case "events":
			return seen.once(keyEvents, c.list(&e.events))
		case "session":
			return seen.once(keySession, r.members(func(name string) error {
				switch name {
				case "id":
					return seen.once(keyID, r.text(&e.id))
				case "start":
					return seen.once(keyStart, r.whole(&e.start))
				}
				return r.skip(2)
			}))
		}
		return r.skip(1)
	})
	if err != nil {
		return envelope{}, err
	}
	return e, r.end()
}

// list notes where the events stand, and counts them.
func (c *call) list(n *int) error {
	return c.reader.elements(func(s span) {
		if *n++; *n <= maxEvents {
			c.events = append(c.events, s)
		}
	})
}

// The keys of an event.
const (
	keySeq keys = 1 << iota
	keyName
	keyURL
	keyReferrer
	keyAgo
	keyEngaged
	keyProps
)

// Read reads an event. An unknown key, one that stands twice, text that is no
// UTF-8 and a null make it malformed: then ok is false.
func (c *call) Read(i int) (e validate.Raw, ok bool) {
	r, seen := &c.reader, keys(0)
	if r.exactly(c.events[i]) != nil {
		return validate.Raw{}, false
	}
	var ago, engaged float64
	err := r.members(func(name string) error {
		switch name {
		case "seq":
			return seen.once(keySeq, r.count(&e.Seq))
		case "name":
			return seen.once(keyName, r.text(&e.Name))
		case "url":
			return seen.once(keyURL, r.text(&e.URL))
		case "referrer":
			return seen.once(keyReferrer, r.text(&e.Referrer))
		case "ago":
			return seen.once(keyAgo, r.number(&ago))
		case "engaged":
			return seen.once(keyEngaged, r.number(&engaged))
		case "props":
			return seen.once(keyProps, r.props(&e.Props))
		}
		return errShape
	})
	if err != nil {
		return validate.Raw{}, false
	}
	e.Ago, e.Engaged = milliseconds(ago), milliseconds(engaged)
	return e, true
}

// props reads the properties of an event.
func (r *reader) props(into *map[string]string) error {
	return r.members(func(name string) error {
		if *into == nil {
			*into = make(map[string]string)
		}
		if _, twice := (*into)[name]; twice {
			return errTwice
		}
		if len(*into) == validate.MaxProps {
			return errShape
		}
		var value string
		err := r.scalar(&value)
		(*into)[name] = value
		return err
	})
}
