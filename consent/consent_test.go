package consent_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kelisim/consent"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func edition(t testing.TB) *consent.Edition {
	t.Helper()
	e, err := consent.NewEdition(consent.EditionOptions{
		Site: "shop", Hash: sha256.Sum256([]byte("one")), Number: 1, TermMonths: 6,
		Items: []consent.Item{
			{ID: "analytics", Fields: consent.FieldsOf(consent.FieldPage, consent.FieldSession, consent.FieldEngagement, consent.FieldAddress), RetentionDays: 90, AddressDays: 30},
			{ID: "marketing", Fields: consent.FieldsOf(consent.FieldCampaign, consent.FieldPage), RetentionDays: 60, GPC: true},
			{ID: "partners", Kind: consent.KindThirdParty, GPC: true},
		},
		Events: map[string][]string{"signup": {"plan"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func keyring(t testing.TB, ids ...uint32) *consent.Keyring {
	t.Helper()
	var keys []consent.Key
	for _, id := range ids {
		secret := sha256.Sum256(fmt.Appendf(nil, "secret %d", id))
		keys = append(keys, consent.Key{ID: id, Secret: secret[:]})
	}
	k, err := consent.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func decide(t testing.TB, c consent.Choice, previous consent.Decision, at time.Time) consent.Verdict {
	t.Helper()
	e := edition(t)
	v, err := consent.Decide(c, e, previous, e, at, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestStates(t *testing.T) {
	none := consent.Decision{}
	refused := decide(t, consent.Choice{Action: consent.RefuseAll}, none, noon)
	if refused.State != consent.StateRefused || !refused.Decision.IsZero() {
		t.Errorf("a refusal names somebody: %+v", refused.State)
	}
	nothing := decide(t, consent.Choice{Action: consent.Custom, Choices: map[string]bool{"analytics": false}}, none, noon)
	if nothing.State != consent.StateRefused {
		t.Errorf("nothing chosen is %s", nothing.State)
	}
	given := decide(t, consent.Choice{Action: consent.AcceptAll}, none, noon)
	if given.State != consent.StateGiven || given.Decision.Number() != 1 || given.Lowest != 0 {
		t.Errorf("accepting is %+v", given)
	}
	if want := time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC); !given.Decision.Expires().Equal(want) {
		t.Errorf("six months from %s end on %s, want %s", noon, given.Decision.Expires(), want)
	}
	narrowed := decide(t, consent.Choice{Action: consent.Custom, Choices: map[string]bool{"analytics": true}}, given.Decision, noon.Add(time.Hour))
	if narrowed.State != consent.StateRenewed || narrowed.Decision.ID() != given.Decision.ID() || narrowed.Decision.Number() != 2 || narrowed.Lowest != 2 {
		t.Errorf("narrowing is %+v", narrowed)
	}
	if narrowed.Lost != consent.FieldsOf(consent.FieldCampaign) {
		t.Errorf("narrowing loses %s", narrowed.Lost)
	}
	wider := decide(t, consent.Choice{Action: consent.AcceptAll}, narrowed.Decision, noon.Add(90*time.Minute))
	if narrowed.Spares || !wider.Spares || wider.Lowest != 3 || wider.Lost != 0 {
		t.Errorf("narrowing spares %v, widening %v", narrowed.Spares, wider.Spares)
	}
	set := consent.NewRevocations()
	set.Add(consent.Revocation{ID: wider.Decision.ID(), Lowest: wider.Lowest, Spares: wider.Spares, Expires: wider.Decision.Expires()})
	if id := wider.Decision.ID(); !set.Covers(id, 2) || set.Ends(id, 2) || set.Covers(id, 3) {
		t.Error("a wider choice: the older token must be dead, what was accepted under it must not")
	}
	early := decide(t, consent.Choice{Action: consent.Withdraw}, given.Decision, noon.Add(-time.Minute))
	if early.State != consent.StateWithdrawn || early.Lowest != consent.NothingValid {
		t.Error("a withdrawal at a node whose clock is behind was lost")
	}
	withdrawn := decide(t, consent.Choice{Action: consent.Withdraw}, narrowed.Decision, noon.Add(2*time.Hour))
	if withdrawn.State != consent.StateWithdrawn || withdrawn.Lowest != consent.NothingValid || withdrawn.Decision.Items() != 0 || withdrawn.Decision.Number() != 3 {
		t.Errorf("withdrawing is %+v", withdrawn)
	}
	again := decide(t, consent.Choice{Action: consent.AcceptAll}, consent.Decision{}, noon.Add(3*time.Hour))
	if again.Decision.ID() == given.Decision.ID() {
		t.Error("after a withdrawal the old id came back")
	}
	late := decide(t, consent.Choice{Action: consent.AcceptAll}, given.Decision, given.Decision.Expires())
	if late.State != consent.StateGiven || late.Decision.ID() == given.Decision.ID() {
		t.Error("a consent that ended was renewed instead of given anew")
	}
}

func TestGlobalPrivacyControl(t *testing.T) {
	e := edition(t)
	all := decide(t, consent.Choice{Action: consent.AcceptAll, GPC: true}, consent.Decision{}, noon)
	if got := e.IDs(all.Decision.Items()); fmt.Sprint(got) != "[analytics]" || all.Decision.GPC() {
		t.Errorf("accepting all under the signal grants %v", got)
	}
	chosen := decide(t, consent.Choice{Action: consent.Custom, GPC: true, Choices: map[string]bool{"marketing": true}}, consent.Decision{}, noon)
	if got := e.IDs(chosen.Decision.Items()); fmt.Sprint(got) != "[marketing]" || !chosen.Decision.GPC() {
		t.Errorf("an explicit choice under the signal grants %v", got)
	}
}

func TestUnknownThingsAreRefused(t *testing.T) {
	e := edition(t)
	for _, c := range []consent.Choice{
		{Action: "accept_some"},
		{Action: consent.Custom, Choices: map[string]bool{"surveillance": true}},
		{Action: consent.Custom, Choices: map[string]bool{"surveillance": false}},
	} {
		if v, err := consent.Decide(c, e, consent.Decision{}, nil, noon, rand.Reader); err == nil {
			t.Errorf("%+v became %+v", c, v)
		}
	}
}

// TestTransitions walks randomly and checks that nothing leads from an ended
// consent to a valid one without a new consent id.
func TestTransitions(t *testing.T) {
	e := edition(t)
	r := mrand.New(mrand.NewPCG(1, 2))
	actions := []consent.Choice{
		{Action: consent.AcceptAll},
		{Action: consent.RefuseAll},
		{Action: consent.Withdraw},
		{Action: consent.Custom, Choices: map[string]bool{"analytics": true}},
		{Action: consent.Custom, Choices: map[string]bool{}},
	}
	var live consent.Decision
	ended := map[consent.ID]bool{}
	set := consent.NewRevocations()
	now := noon
	for range 20_000 {
		now = now.Add(time.Duration(r.Int64N(int64(30 * 24 * time.Hour))))
		if !live.IsZero() && !live.InForce(now) {
			ended[live.ID()] = true
		}
		v, err := consent.Decide(actions[r.IntN(len(actions))], e, live, e, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if v.State.Permits() && (ended[v.Decision.ID()] || v.Decision.Number() <= live.Number() && v.Decision.ID() == live.ID()) {
			t.Fatalf("%s came back after it had ended, or its number did not grow", v.Decision.ID())
		}
		if v.Lowest > 0 {
			set.Add(consent.Revocation{ID: v.Decision.ID(), Lowest: v.Lowest, Expires: now.AddDate(2, 0, 0)})
			if !set.Covers(live.ID(), live.Number()) {
				t.Fatal("an older decision is still valid")
			}
		}
		switch {
		case v.State.Permits():
			if set.Covers(v.Decision.ID(), v.Decision.Number()) {
				t.Fatal("a new decision is revoked at birth")
			}
			live = v.Decision
		case v.State == consent.StateWithdrawn && !v.Decision.IsZero():
			ended[v.Decision.ID()], live = true, consent.Decision{}
		}
	}
}

func TestTokens(t *testing.T) {
	d := decide(t, consent.Choice{Action: consent.AcceptAll}, consent.Decision{}, noon).Decision
	k := keyring(t, 7)
	token, err := k.Sign(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Verify(token, noon.Add(time.Hour))
	if err != nil || got != d {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := keyring(t, 8, 7).Verify(token, noon); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	f := func(token string, at time.Time, want error) {
		t.Helper()
		got, err := k.Verify(token, at)
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if !errors.Is(err, consent.ErrExpired) && !got.IsZero() {
			t.Error("a refused token yields a decision")
		}
	}
	f("", noon, consent.ErrBadToken)
	f(token[:len(token)-1], noon, consent.ErrBadToken)
	f(token+"A", noon, consent.ErrBadToken)
	f(strings.Repeat("A", 4000), noon, consent.ErrBadToken)
	f(token, d.Expires(), consent.ErrExpired)
	f(token, noon.Add(-time.Hour), consent.ErrFuture)
	other, err := keyring(t, 8).Sign(d)
	if err != nil {
		t.Fatal(err)
	}
	f(other, noon, consent.ErrBadToken)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			flipped := bytes.Clone(raw)
			flipped[i] ^= 1 << bit
			f(base64.RawURLEncoding.EncodeToString(flipped), noon, consent.ErrBadToken)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := keyring(f, 1)
	// The same token in every process of the fuzzer.
	same := strings.NewReader("sixteen bytes of no randomness")
	v, err := consent.Decide(consent.Choice{Action: consent.AcceptAll}, edition(f), consent.Decision{}, nil, noon, same)
	if err != nil {
		f.Fatal(err)
	}
	token, err := k.Sign(v.Decision)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := k.Verify(s, noon); err == nil && s != token {
			t.Fatalf("accepted %q as %v", s, d)
		}
	})
}

func TestMarker(t *testing.T) {
	e := edition(t)
	given := consent.MarkerOf(decide(t, consent.Choice{Action: consent.AcceptAll}, consent.Decision{}, noon), e, noon)
	want := "1." + e.Key().String() + ".analytics+marketing+partners.pg.20939.0.g"
	if given.String() != want {
		t.Errorf("got %s, want %s", given, want)
	}
	back, ok := consent.ParseMarker(given.String())
	if !ok || back.String() != given.String() {
		t.Errorf("read back %v", back)
	}
	// Two people who refuse the same edition on the same day get the same bytes.
	one := consent.MarkerOf(decide(t, consent.Choice{Action: consent.RefuseAll}, consent.Decision{}, noon), e, noon)
	two := consent.MarkerOf(decide(t, consent.Choice{Action: consent.RefuseAll}, consent.Decision{}, noon.Add(3*time.Hour)), e, noon.Add(3*time.Hour))
	if one.String() != two.String() {
		t.Errorf("two refusals differ: %s, %s", one, two)
	}
}

func FuzzParseMarker(f *testing.F) {
	f.Add("1.0011223344556677.analytics+marketing.peg.20580.0.g")
	f.Add("1.0011223344556677...20580.0.r")
	f.Fuzz(func(t *testing.T, s string) {
		if m, ok := consent.ParseMarker(s); ok {
			if again, ok := consent.ParseMarker(m.String()); !ok || again.String() != m.String() {
				t.Fatalf("%q does not read back", s)
			}
		}
	})
}

func TestRecordCommits(t *testing.T) {
	e := edition(t)
	v := decide(t, consent.Choice{Action: consent.AcceptAll}, consent.Decision{}, noon)
	r, err := consent.NewRecord(v, consent.RecordOptions{
		Choice: consent.Choice{Action: consent.AcceptAll}, Edition: e, Lang: "kk", Channel: consent.ChannelWeb,
		ProofDays: 1095, Now: noon, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Intact() {
		t.Error("a fresh record is not intact")
	}
	r.Payload = bytes.Replace(r.Payload, []byte(`"kk"`), []byte(`"ru"`), 1)
	if r.Intact() {
		t.Error("an edited record is intact")
	}
	refused := decide(t, consent.Choice{Action: consent.RefuseAll}, consent.Decision{}, noon)
	if _, err := consent.NewRecord(refused, consent.RecordOptions{Edition: e, Random: rand.Reader}); err == nil {
		t.Error("a refusal got a record that names somebody")
	}
}

// TestRowExpiry checks the two bounds for random moments: never later than the
// purpose or the consent allows, always at 00:00 UTC, always after the event.
func TestRowExpiry(t *testing.T) {
	r := mrand.New(mrand.NewPCG(3, 4))
	e := edition(t)
	for range 100_000 {
		at := noon.Add(time.Duration(r.Int64N(int64(700 * 24 * time.Hour))))
		days, end := 1+r.IntN(400), e.ExpiryOf(at)
		got := consent.RowExpiry(at, days, end)
		switch {
		case got.After(at.AddDate(0, 0, days)), got.After(end), !got.Equal(got.Truncate(24 * time.Hour)), !got.After(at):
			t.Fatalf("%s, %d days, consent until %s: %s", at, days, end, got)
		}
	}
}

// TestEachItemStandsAlone is R65: a yes to one thing, such as accepting an offer or
// telemetry, is a yes to nothing else. What is granted is what was chosen, whatever
// else was asked, and accepting all is the only action that grants more than named.
func TestEachItemStandsAlone(t *testing.T) {
	items := []consent.Item{
		{ID: "activation", Kind: consent.KindPurpose, RetentionDays: 30},
		{ID: "analytics", Fields: consent.FieldsOf(consent.FieldPage), RetentionDays: 30},
		{ID: "marketing", Fields: consent.FieldsOf(consent.FieldCampaign), RetentionDays: 30},
		{ID: "third_party", Kind: consent.KindThirdParty}, {ID: "cross_border", Kind: consent.KindCrossBorder},
	}
	e, err := consent.NewEdition(consent.EditionOptions{Site: "shop", Hash: [32]byte{1}, Number: 1, Items: items, TermMonths: 6})
	if err != nil {
		t.Fatal(err)
	}
	for set := 1; set < 1<<len(items); set++ {
		choices, want := map[string]bool{}, []string{}
		for i, it := range items {
			choices[it.ID] = set&(1<<i) != 0
			if choices[it.ID] {
				want = append(want, it.ID)
			}
		}
		v, err := consent.Decide(consent.Choice{Action: consent.Custom, Choices: choices}, e, consent.Decision{}, nil, noon, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, e.IDs(v.Decision.Items())); d != "" {
			t.Errorf("chosen %v\n%s", want, d)
		}
		if fields := e.Permits(v.Decision.Items()).Fields; fields.Has(consent.FieldPage) != choices["analytics"] || fields.Has(consent.FieldCampaign) != choices["marketing"] {
			t.Errorf("chosen %v licenses %s", want, fields)
		}
	}
}

// TestSitesShareNoID is R38: what a browser decided on one site is nobody on
// another, also where it shows the token of the first.
func TestSitesShareNoID(t *testing.T) {
	sites := map[string]*consent.Edition{}
	for i, name := range []string{"one", "two"} {
		e, err := consent.NewEdition(consent.EditionOptions{
			Site: name, Hash: [32]byte{byte(i)}, Number: 1, TermMonths: 6,
			Items: []consent.Item{{ID: "analytics", Fields: consent.FieldsOf(consent.FieldPage), RetentionDays: 30}},
		})
		if err != nil {
			t.Fatal(err)
		}
		sites[name] = e
	}
	accept := consent.Choice{Action: consent.AcceptAll}
	first, err := consent.Decide(accept, sites["one"], consent.Decision{}, nil, noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := consent.Decide(accept, sites["two"], first.Decision, sites["one"], noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if second.Decision.ID() == first.Decision.ID() || second.Lowest != 0 || second.State != consent.StateGiven {
		t.Errorf("the second site knows the first: %+v", second)
	}
	refused, err := consent.Decide(consent.Choice{Action: consent.RefuseAll}, sites["two"], first.Decision, sites["one"], noon, rand.Reader)
	if err != nil || !refused.Decision.IsZero() || refused.Lowest != 0 {
		t.Errorf("a refusal on the second site ends the consent on the first: %+v, %v", refused, err)
	}
}
