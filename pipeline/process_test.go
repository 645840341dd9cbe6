package pipeline_test

import (
	"context"
	"testing"
	"time"

	"kelisim/consent"
	"kelisim/pipeline"
	"kelisim/pipeline/batch"
	"kelisim/pipeline/enrich"
	"kelisim/pipeline/outcome"
	"kelisim/pipeline/validate"
)

// watched is events that know whether they were read.
type watched struct {
	pipeline.Decoded
	malformed int // the last so many
	read      int
}

func (w *watched) Read(i int) (validate.Raw, bool) {
	w.read++
	return w.Decoded[i], i < w.Len()-w.malformed
}

// last keeps what is to be known of what was made durable last.
type last struct {
	rows     int
	readBack bool
	drops    outcome.Tally
}

func (l *last) Append(ctx context.Context, _ string, _ time.Time, b batch.Batch, drops outcome.Tally) error {
	l.rows, l.readBack, l.drops = b.Len(), b.ReadBack(), drops
	return ctx.Err()
}

// whole is a pipeline over the parts of a way, and where its rows go.
func whole(t *testing.T, w *way) (*pipeline.Pipeline, *last) {
	t.Helper()
	sink := &last{}
	p, err := pipeline.New(pipeline.Options{
		Gate: w.gate, Enricher: w.enricher, Minimise: w.minimise, Recent: batch.NewRecent(100), Sink: sink, Started: w.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, sink
}

func (w *way) request(events pipeline.Events) pipeline.Request {
	return pipeline.Request{
		Site: "shop", Token: w.token, Client: w.client, Session: w.event.Session(), Events: events, Received: w.now,
	}
}

// TestNothingIsReadBeforeTheGate sends the same events with and without what they
// need: of a call that is refused nothing is looked at but the number.
func TestNothingIsReadBeforeTheGate(t *testing.T) {
	w := newWay(t)
	other, err := consent.NewKeyring(consent.Key{ID: 1, Secret: []byte("another secret of thirty-two bytes")})
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.keys.Verify(w.token, w.now)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := other.Sign(d)
	if err != nil {
		t.Fatal(err)
	}
	raw := w.event.Raw()
	for _, test := range []struct {
		what   string
		change func(*pipeline.Request)
		want   outcome.Outcome
		read   int
	}{
		{"no token", func(r *pipeline.Request) { r.Token = "" }, outcome.NoToken, 0},
		{"a forged token", func(r *pipeline.Request) { r.Token = forged }, outcome.TokenForged, 0},
		{"a garbled token", func(r *pipeline.Request) { r.Token = "x" }, outcome.TokenGarbled, 0},
		{"after the term", func(r *pipeline.Request) { r.Received = d.Expires() }, outcome.ConsentExpired, 0},
		{"another site", func(r *pipeline.Request) { r.Site = "other" }, outcome.TokenOtherSite, 0},
		{"another origin", func(r *pipeline.Request) { r.Refused = outcome.Foreign }, outcome.Foreign, 0},
		{"a crawler", func(r *pipeline.Request) { r.Client = enrich.Client{} }, outcome.BotNameless, 3},
		{"a consent", func(*pipeline.Request) {}, outcome.None, 3},
	} {
		p, sink := whole(t, w)
		events := &watched{Decoded: pipeline.Decoded{raw, raw, raw}, malformed: 1}
		r := w.request(events)
		test.change(&r)
		result, err := p.Process(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var want outcome.Tally
		switch {
		case test.want == outcome.None:
			want.Add(outcome.Malformed, 1)
			want.Add(outcome.Duplicate, 1)
		case test.read == 0:
			want.Add(test.want, 3)
		default:
			want.Add(outcome.Malformed, 1)
			want.Add(test.want, 2)
		}
		if events.read != test.read || result.Drops != want || sink.drops != want || int(result.Accepted) != sink.rows {
			t.Errorf("%s: %d events read, outcomes %v; want %d, %v", test.what, events.read, result.Drops.Drops(), test.read, want.Drops())
		}
	}
}

// TestRepeatsAreLookedFor says when the writer must look before it writes: when the
// browser repeats a call, and when one of its session could have been answered by
// an earlier process.
func TestRepeatsAreLookedFor(t *testing.T) {
	w := newWay(t)
	for _, test := range []struct {
		again    bool
		age, run time.Duration
		want     bool
	}{
		{again: false, age: time.Minute, run: time.Hour, want: false},
		{again: true, age: time.Minute, run: time.Hour, want: true},
		{again: true, age: 2 * time.Hour, run: time.Hour, want: true},
		{again: false, age: 2 * time.Hour, run: time.Hour, want: false},
		{again: false, age: time.Minute, run: 0, want: true},
		{again: false, age: time.Minute, run: time.Minute, want: false},
		{again: false, age: time.Minute + time.Second, run: time.Minute, want: true},
		{again: false, age: time.Hour, run: 2*time.Minute - time.Millisecond, want: true},
		{again: false, age: time.Hour, run: 2 * time.Minute, want: false},
	} {
		p, sink := whole(t, w)
		r := w.request(pipeline.Decoded{w.event.Raw()})
		r.Again, r.Session.Age, r.Received = test.again, test.age, w.now.Add(test.run)
		if _, err := p.Process(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if sink.rows != 1 || sink.readBack != test.want {
			t.Errorf("%+v: %d rows, looked for: %v", test, sink.rows, sink.readBack)
		}
	}
}
