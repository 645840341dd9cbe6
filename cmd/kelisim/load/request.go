package load

import (
	"encoding/hex"
	"strconv"
	"time"
)

// head writes a request of a visitor up to the length of its body: what a
// browser of theirs sends.
func (w *world) head(b []byte, v *visitor, method, path string) []byte {
	b = append(b, method...)
	b = append(b, ' ')
	b = append(b, w.target.Path...)
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, w.target.Host...)
	b = header(b, "User-Agent", v.browser.agent)
	if v.browser.brands != "" {
		b = header(b, "Sec-CH-UA", v.browser.brands)
		b = header(b, "Sec-CH-UA-Mobile", v.browser.mobile)
		b = header(b, "Sec-CH-UA-Platform", v.browser.platform)
	}
	b = header(b, "Accept", "*/*")
	b = header(b, "Accept-Language", v.tongue.header)
	b = header(b, "Origin", w.o.Origin)
	b = header(b, "Referer", w.o.Origin+"/")
	b = header(b, "Sec-Fetch-Site", "same-origin")
	b = header(b, "Sec-Fetch-Mode", "cors")
	b = header(b, "X-Forwarded-For", v.from)
	if v.cookies[0].value != "" {
		b = append(b, "\r\nCookie: "...)
		for i, c := range v.cookies {
			if c.value == "" {
				continue
			}
			if i > 0 {
				b = append(b, "; "...)
			}
			b = append(append(append(b, c.name...), '='), c.value...)
		}
	}
	if method == "GET" {
		return append(b, "\r\n\r\n"...)
	}
	return append(b, "\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: "...)
}

func header(b []byte, name, value string) []byte {
	return append(append(append(append(b, "\r\n"...), name...), ": "...), value...)
}

// put takes over the cookies of an answer, as a browser does.
func (v *visitor) put(cookies []cookie) {
	for _, c := range cookies {
		at := -1
		for i := range v.cookies {
			if v.cookies[i].name == c.name || v.cookies[i].name == "" && at < 0 {
				at = i
				if v.cookies[i].name == c.name {
					break
				}
			}
		}
		if at >= 0 {
			v.cookies[at] = c
		}
	}
	if v.cookies[0].value == "" { // the first is looked at to see whether there are any
		v.cookies[0], v.cookies[1] = v.cookies[1], cookie{}
	}
}

// request writes the bytes of a visitor's call, made now or repeated.
func (w *worker) request(v *visitor, now time.Time) []byte {
	c := &v.call
	if c.tries == 0 {
		w.body = w.compose(w.body[:0], v, now)
	} else {
		w.body = append(w.body[:0], c.body...)
	}
	switch c.stage {
	case atBanner:
		return w.world.head(w.bytes[:0], v, "GET", string(w.body))
	case atEvents:
		w.bytes = append(w.bytes[:0], v.head...)
	default:
		w.bytes = w.world.head(w.bytes[:0], v, "POST", "/v1/consent")
	}
	const said = `"again":true,`
	length, again := len(w.body), c.again && c.stage == atEvents
	if again {
		length += len(said)
	}
	b := strconv.AppendInt(w.bytes, int64(length), 10)
	b = append(b, "\r\n\r\n"...)
	if again {
		b = append(append(append(b, '{'), said...), w.body[1:]...)
	} else {
		b = append(b, w.body...)
	}
	w.bytes = b
	return b
}

// compose writes the body of a new call; of a banner, its path.
func (w *worker) compose(b []byte, v *visitor, now time.Time) []byte {
	site := w.world.o.Policy.Site
	switch v.call.stage {
	case atBanner:
		return append(b, "/v1/banner?site="+site+"&lang="+v.tongue.lang...)
	case atEvents:
		return w.events(b, v, now)
	}
	b = append(b, `{"v":1,"site":"`+site+`","edition":"`+w.world.knownEdition()+`","lang":"`+v.tongue.lang+`","action":"`...)
	action, choices := "accept_all", []string(nil)
	switch {
	case v.call.stage == atWithdrawal:
		action = "withdraw"
	case v.call.stage == atChange && !v.part, v.call.stage == atDecision && v.kind == gives && v.part:
		action, choices = "custom", w.world.base
		if n := len(w.world.more); n > 0 && v.call.stage == atDecision && v.chance(0.5) {
			choices = append(choices[:len(choices):len(choices)], w.world.more[v.draw(n)])
		}
	case v.kind == refuses:
		action = "refuse_all"
	}
	b = append(append(b, action...), '"')
	for i, item := range choices {
		if i == 0 {
			b = append(b, `,"choices":{"`...)
		} else {
			b = append(b, `,"`...)
		}
		b = append(append(b, item...), `":true`...)
	}
	if choices != nil {
		b = append(b, '}')
	}
	w.keys++
	b = append(b, `,"key":"`...)
	b = appendUUID(b, w.ledger.id(ofKey, w.number, w.keys))
	return append(b, `","shown":{"variant":"bar-1"}}`...)
}

func appendUUID(b []byte, id [16]byte) []byte {
	for i, part := range [...][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, id[part[0]:part[1]])
	}
	return b
}

// events writes a call with the next events of a visit.
func (w *worker) events(b []byte, v *visitor, now time.Time) []byte {
	if v.at == v.end {
		w.open(v, now)
	}
	b = append(b, w.start...)
	b = append(b, v.id[:]...)
	b = append(b, `","start":`...)
	b = strconv.AppendInt(b, v.began, 10)
	b = append(b, `},"events":[`...)
	v.call.from = v.at
	first := w.shard.sessions[v.last].first
	for n := 0; n < w.world.o.Batch && v.at < v.end; v.at++ {
		slot := w.shard.slots[v.at]
		if slot&exists == 0 {
			continue
		}
		if n > 0 {
			b = append(b, ',')
		}
		n++
		b = append(b, `{"seq":`...)
		b = strconv.AppendUint(b, uint64((v.at-first)/2+1), 10)
		if (v.at-first)%2 == 1 {
			b = append(b, `,"name":"engagement","engaged":`...)
			b = strconv.AppendInt(b, int64(1000+v.many(25_000, 1_800_000)), 10)
			b = append(b, '}')
			continue
		}
		b = w.event(b, v, slot&nameOf>>nameShift)
	}
	if w.shard.rest(v.at, v.end) == 0 {
		v.at = v.end
	}
	v.call.to = v.at
	return append(b, `]}`...)
}

// event writes a page view or a declared event, after its number.
func (w *worker) event(b []byte, v *visitor, name uint8) []byte {
	b = append(append(append(b, `,"name":"`...), w.world.names[name]...), `","url":"`...)
	if name == 0 {
		return w.view(b, v)
	}
	b = append(append(b, v.seen...), '"')
	for i, prop := range w.world.props[name] {
		if i == 0 {
			b = append(b, `,"props":{"`...)
		} else {
			b = append(b, `,"`...)
		}
		b = append(append(append(append(b, prop...), `":"`...), values[v.draw(len(values))]...), '"')
	}
	if len(w.world.props[name]) > 0 {
		b = append(b, '}')
	}
	return append(b, '}')
}

// view writes the address of a page view, and where the visitor comes from.
func (w *worker) view(b []byte, v *visitor) []byte {
	v.seen = w.world.page(v)
	b = append(b, v.seen...)
	from := v.before
	if from == "" { // the first page of a visit
		if v.chance(campaignShare) {
			b = append(append(b, '?'), campaigns[v.draw(len(campaigns))]...)
		}
		from = referrers[v.draw(len(referrers))]
	}
	v.before = v.seen
	b = append(b, '"')
	if from != "" {
		b = append(append(append(b, `,"referrer":"`...), from...), '"')
	}
	return append(b, '}')
}
