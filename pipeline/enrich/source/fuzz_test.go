package source_test

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"kelisim/pipeline/enrich/source"
)

// hostName is what a name that the list does not hold must look like: labels of
// letters, digits and inner hyphens, and nothing before or behind.
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(xn--[a-z0-9-]+|[a-z]{2,63})$`)

// onList are the names of the list, read from its lines and from nothing else.
func onList(t testing.TB) map[string]bool {
	t.Helper()
	names := map[string]bool{"": true}
	text, err := os.ReadFile("sources.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if p := strings.Split(line, "|"); len(p) == 3 && line[0] != '#' {
			names[strings.TrimSpace(p[1])] = true
		}
	}
	return names
}

const canary = "qzcanaryqz"

// FuzzSource: whatever is sent, the answer holds words of the list or a plain host,
// and nothing of what stands around the host.
func FuzzSource(f *testing.F) {
	for _, s := range [...][2]string{
		{"https://www.google.kz/search?q=tea", "https://shop.kz/?utm_source=google&utm_medium=cpc&gclid=1"},
		{"android-app://com.google.android.gm/", "https://shop.kz/?fbclid=1#x"},
		{"https://user:secret@203.0.113.7:8080/", "https://shop.kz/?utm_source=%FF%2&utm_medium=+paid+"},
		{"http://[2001:db8::1]/", "?&&=&utm_source"},
		{"https://a..b./", "http://"},
		{"https://2001-db8--1.203-0-113-7.in-addr.arpa", "https://shop.kz/?yclid"},
	} {
		f.Add(s[0], s[1])
	}
	s, names := sources(f), onList(f)
	channels := map[string]bool{"": true}
	for _, c := range [...]string{source.Direct, source.Referral, source.Search, source.Paid, source.Social, source.Email, source.Assistant, source.Campaign} {
		channels[c] = true
	}
	f.Fuzz(func(t *testing.T, referrer, page string) {
		for _, r := range planted(referrer) {
			for _, p := range planted(page) {
				got := s.Source(r, p)
				if !channels[got.Channel] {
					t.Fatalf("%q is no channel", got.Channel)
				}
				if !names[got.Name] {
					checkHost(t, got.Name)
				}
				if strings.Contains(got.Name+got.Channel+got.Click, canary) {
					t.Fatalf("from %q to %q: the canary is in %+v", r, p, got)
				}
				if again := s.Source(r, p); again != got {
					t.Fatalf("%+v, then %+v", got, again)
				}
			}
		}
	})
}

// planted adds a canary to an address everywhere but in its host.
func planted(address string) []string {
	if strings.Contains(strings.ToLower(address), canary) {
		return nil
	}
	forms := []string{address, address + "/" + canary, address + "?" + canary + "=" + canary + "&utm_source=" + canary, address + "#" + canary}
	if scheme, rest, ok := strings.Cut(address, "://"); ok && !strings.ContainsAny(scheme, "/?#") {
		forms = append(forms, scheme+"://"+canary+":"+canary+"@"+rest, scheme+"://"+canary+"@"+rest)
	}
	if !strings.ContainsAny(address, "/") {
		return forms[:1] // a canary behind it could be a part of the host
	}
	return forms
}

func checkHost(t *testing.T, host string) {
	t.Helper()
	if len(host) > 253 || !hostName.MatchString(host) {
		t.Fatalf("%q is no host", host)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		t.Fatalf("%q is an address", host)
	}
	parts := strings.FieldsFunc(host, func(r rune) bool { return r == '.' || r == '-' })
	for i := range parts {
		if i+4 > len(parts) {
			break
		}
		if _, err := netip.ParseAddr(strings.Join(parts[i:i+4], ".")); err == nil {
			t.Fatalf("%q spells an address", host)
		}
	}
}
