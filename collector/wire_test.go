package collector

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kelisim/pipeline/validate"
)

var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const head = `{"v":1,"site":"shop","now":1000,"session":{"id":"00112233445566778899aabbccddeeff","start":400},"events":`

// decoded is what a call holds, all of it read.
type decoded struct {
	call
	good      []validate.Raw
	malformed int
}

func decode(body []byte) (*decoded, *fault) {
	d := &decoded{}
	if fault := d.open(body, at); fault != nil {
		return d, fault
	}
	for i := range d.Len() {
		if e, ok := d.Read(i); ok {
			d.good = append(d.good, e)
		} else {
			d.malformed++
		}
	}
	return d, nil
}

func TestDecodeEvents(t *testing.T) {
	f := func(events string, good, malformed int) {
		t.Helper()
		d, fault := decode([]byte(head + events + "}"))
		if fault != nil {
			t.Errorf("%s: %s", events, fault.Message)
			return
		}
		if len(d.good) != good || d.malformed != malformed {
			t.Errorf("%s: %d good, %d malformed; want %d, %d", events, len(d.good), d.malformed, good, malformed)
		}
	}
	f(`[{"seq":1,"name":"pageview","url":"https://example.com/"}]`, 1, 0)
	f(`[{"seq":1,"name":"pageview","url":"https://example.com/","ip":"203.0.113.7"}]`, 0, 1)
	f(`[{"seq":1,"name":"pageview","url":7}]`, 0, 1)
	f(`[{"seq":-1,"name":"pageview"}]`, 0, 1)
	f(`[{"seq":1,"name":"signup","props":{"plan":"free","n":3,"yes":true}}]`, 1, 0)
	f(`[{"seq":1,"name":"signup","props":{"plan":{"deep":1}}}]`, 0, 1)
	f(`[{"seq":1,"name":"signup","props":{"plan":null}}]`, 0, 1)
	f(`[{"seq":1,"name":"a","url":"u"},7,{"seq":2,"name":"b","url":"u"}]`, 2, 1)
	f(`[{"seq":1,"name":"vitals","props":{"lcp":1830.5,"inp":40,"cls":0.02,"ttfb":120,"fcp":900}}]`, 1, 0)
	// Whatever two readers could read differently spoils the event, and it alone.
	good := `,{"seq":2,"name":"b","url":"u"}]`
	f(`[{"seq":1,"seq":1,"name":"a"}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","name":"b"}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":{"p":1,"p":2}}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":{},"props":{"p":2}}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":{"p":1,"\u0070":2}}`+good, 1, 1)
	f(`[{"SEQ":1,"name":"a"}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","":""}`+good, 1, 1)
	f(`[null`+good, 1, 1)
	f(`[[]`+good, 1, 1)
	f(`[{"seq":null,"name":"a"}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","url":null}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","ago":null}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":null}`+good, 1, 1)
	f("[{\"seq\":1,\"name\":\"a\",\"url\":\"\xff\"}"+good, 1, 1)
	f("[{\"seq\":1,\"name\":\"a\",\"props\":{\"\xc3\":1}}"+good, 1, 1)
	f(`[{"seq":1,"name":"a","url":"\ud800"}`+good, 1, 1)
	f(`[{"seq":4294967296,"name":"a"}`+good, 1, 1)
	f(`[{"seq":1.5,"name":"a"}`+good, 1, 1)
	f(`[{"seq":"1","name":"a"}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","ago":1e999}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","ago":"5"}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":{"n":1e999}}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":{"n":[1]}}`+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":`+strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)+"}"+good, 1, 1)
	f(`[{"seq":1,"name":"a","props":{`+many(validate.MaxProps)+`}}`+good, 2, 0)
	f(`[{"seq":1,"name":"a","props":{`+many(validate.MaxProps+1)+`}}`+good, 1, 1)
}

// many writes n properties.
func many(n int) string {
	props := make([]string, n)
	for i := range props {
		props[i] = fmt.Sprintf(`"p%d":1`, i)
	}
	return strings.Join(props, ",")
}

func TestDecodeEventsRefusesTheEnvelope(t *testing.T) {
	f := func(body, field string) {
		t.Helper()
		_, fault := decode([]byte(body))
		if fault == nil || fault.status != 400 || fault.Field != field {
			t.Errorf("%s: got %+v, want a fault in %q", body, fault, field)
		}
	}
	f(`nonsense`, "")
	f(`{"v":2}`, "v")
	f(`{"v":1}`, "site")
	f(`{"v":1,"site":"shop"}`, "events")
	f(`{"v":1,"site":"shop","events":[{}]}`, "session.id")
	f(`{"v":1,"site":"shop","events":[{}],"session":{"id":"zz112233445566778899aabbccddeeff"}}`, "session.id")
	f(head+"["+strings.Repeat("{},", maxEvents)+"{}]}", "events")
	// Two readers must not see two calls in one body.
	f(head+`[{"seq":1,"name":"a"}],"site":"other"}`, "")
	f(head+`[{"seq":1,"name":"a"}],"events":[]}`, "")
	f(head+`[{"seq":1,"name":"a"}],"token":"a","token":"b"}`, "")
	f(`{"v":1,"site":"shop","session":{"id":"00112233445566778899aabbccddeeff","id":"ff112233445566778899aabbccddeeff"},"events":[{}]}`, "")
	f(`{"V":1,"site":"shop"}`, "v")
	f(head+`[{}]} {}`, "")
	f(strings.Repeat(`{"a":`, 20_000), "")
	f(head+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+"}", "")
	f(head+`[{}],"x":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+"}", "")
	if d, fault := decode([]byte(head + `[{"seq":1,"name":"a"}],"future_key":{"a":1,"a":2},"future_key":"` + "\xff" + `"}`)); fault != nil || len(d.good) != 1 {
		t.Error("an unknown key of the envelope lost an honest event")
	}
}

// TestOwnedValues overwrites the body after decoding, as the server does with
// the next request.
func TestOwnedValues(t *testing.T) {
	body := []byte(head + `[{"seq":1,"name":"pageview","url":"https://example.com/a","props":{"p":"v","n":12345}}]}`)
	d, fault := decode(body)
	if fault != nil {
		t.Fatal(fault.Message)
	}
	for i := range body {
		body[i] = 'X'
	}
	e := d.good[0]
	if d.site != "shop" || e.URL != "https://example.com/a" || e.Name != "pageview" || e.Props["p"] != "v" || e.Props["n"] != "12345" {
		t.Errorf("what was decoded changed with the buffer: %+v", e)
	}
}

// TestBrowserClock shows that only the difference of the browser's own times is
// read.
func TestBrowserClock(t *testing.T) {
	for _, now := range []string{"0", "1000", "4102444800000", "-5"} {
		body := strings.Replace(head, `"now":1000`, `"now":`+now, 1) + `[{"seq":1,"name":"a","url":"u"}]}`
		if _, fault := decode([]byte(body)); fault != nil {
			t.Errorf("now=%s: %s", now, fault.Message)
		}
	}
	d, _ := decode([]byte(head + `[{"seq":1,"name":"a"}]}`))
	if d.session.Age != 600*time.Millisecond {
		t.Errorf("age %s, want 600ms", d.session.Age)
	}
}

func TestDecodeConsent(t *testing.T) {
	const whole = `{"v":1,"site":"shop","action":"custom","choices":{"a":true},"key":"00000000-0000-4000-8000-000000000000","gpc":true`
	c, fault := decodeConsent([]byte(whole + `,"future_key":[1]}`))
	if fault != nil || !c.GPC || !c.Choices["a"] {
		t.Errorf("got %+v, %v", c, fault)
	}
	for _, broken := range []string{
		whole + `,"action":"accept_all"}`, whole + `,"gpc":false}`, strings.Replace(whole, `"a":true`, `"a":false,"a":true`, 1) + "}",
		whole + "," + "\"lang\":\"\xff\"}", whole + `,"shown":{"variant":"a","variant":"b"}}`, whole,
	} {
		if _, fault := decodeConsent([]byte(broken)); fault == nil || fault.status != 400 {
			t.Errorf("%s: was taken", broken)
		}
	}
	if c, fault := decodeConsent([]byte(strings.Replace(whole, `"gpc"`, `"GPC"`, 1) + "}")); fault != nil || c.GPC {
		t.Error("a key in other letters was read as the known one")
	}
}

func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte(head + `[{"seq":1,"name":"pageview","url":"https://example.com/","ago":1e300}]}`))
	f.Add([]byte(head + `[{"seq":1,"name":"signup","props":{"a":"b"}}]}`))
	f.Add([]byte(`{"v":1,"session":{"start":-9e99}}`))
	f.Add([]byte(head + `[{"seq":1,"seq":2,"name":"a"},{"seq":1,"name":null},{"seq":1,"name":"vitals","props":{"lcp":1e999}},[]]}`))
	f.Add([]byte(head + "[{\"seq\":1,\"name\":\"a\",\"url\":\"\xff\"}],\"site\":\"b\"}"))
	f.Add([]byte(head + `[{"s\u0065q":1,"name":"\u0061","props":{"\u0070":"\n","q":true}}],"again":true,"\u0074oken":"\u0041"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, fault := decode(body)
		if fault != nil && len(d.good) > 0 {
			t.Fatal("a refused call yields something")
		}
		if d.Len() > maxEvents {
			t.Fatal("more events than allowed")
		}
		for _, e := range d.good {
			for _, s := range append(slices.Collect(maps.Values(e.Props)), e.Name, e.URL, e.Referrer) {
				if !utf8.ValidString(s) {
					t.Fatal("text that is no UTF-8")
				}
			}
			if len(e.Props) > validate.MaxProps {
				t.Fatal("more properties than allowed")
			}
		}
		if diff := differs(body); diff != "" {
			t.Fatal(diff)
		}
	})
}

// differs says how a call is read otherwise than by the reference.
func differs(body []byte) string {
	d, fault := decode(body)
	r, other := refer(body, at)
	if (fault == nil) != (other == nil) {
		return fmt.Sprintf("got %+v, the reference says %+v", fault, other)
	}
	if fault != nil {
		return ""
	}
	said := reference{site: d.site, token: d.token, session: d.session, events: d.good, malformed: d.malformed, again: d.again}
	if !utf8.ValidString(d.site) || !utf8.ValidString(d.token) {
		r.site, r.token = said.site, said.token // no site and no token holds such bytes
	}
	return cmp.Diff(r, said, cmp.AllowUnexported(reference{}), cmpopts.EquateEmpty())
}

// TestReadsAsTheReference puts every sign that means something to JSON in every
// place of a call, beside what stands there and instead of it.
func TestReadsAsTheReference(t *testing.T) {
	const whole = ` { "v" : 1 , "site":"shop","again":false,"token":"\u0041\n","x":[{"y":[]},-0.5e+1,null,{}],"now":1000,` +
		`"session":{"id":"00112233445566778899aabbccddeeff","start":400,"z":{"z":""}},"events":[ {"seq":1,"name":"a","ago":10.5,` +
		`"props":{"\u0070":"\ud83d\ude00","n":-12e2,"t":true,"f":false}} , {"seq":2,"name":"é","url":"u","engaged":0}]} `
	signs := []string{"", "{", "}", "[", "]", ",", ":", "\"", "\\", "-", "+", ".", "e", "0", "1", "n", "null", "t", "true", "u", " ", "\n", "\x00", "\x1f", "\x7f", "\xff", "\ufeff", "/"}
	n := 0
	for i := range len(whole) + 1 {
		for _, sign := range signs {
			for cut := range 2 {
				if i+cut > len(whole) {
					continue
				}
				body := whole[:i] + sign + whole[i+cut:]
				if diff := differs([]byte(body)); diff != "" {
					t.Fatalf("%s\n%s", body, diff)
				}
				n++
			}
		}
		if diff := differs([]byte(whole[:i])); diff != "" {
			t.Fatalf("%s\n%s", whole[:i], diff)
		}
	}
	if d, fault := decode([]byte(whole)); fault != nil || len(d.good) != 2 {
		t.Errorf("as it stands: %+v, %d events", fault, len(d.good))
	}
	t.Logf("%d calls", n)
}

func FuzzDecodeConsent(f *testing.F) {
	f.Add([]byte(`{"v":1,"site":"shop","key":"00000000-0000-4000-8000-000000000000","action":"custom","choices":{"a":true}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, fault := decodeConsent(body); fault == nil && (c.Site == "" || len(c.Key) != 36) {
			t.Fatal("an incomplete decision was taken")
		}
	})
}
