package minimise

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kelisim/pipeline/validate"
)

func TestPath(t *testing.T) {
	for given, want := range map[string]string{
		"https://shop.example/a/b?c=d#e":              "/a/b",
		"https://shop.example":                        "/",
		"https://shop.example/?a":                     "/",
		"https://shop.example?a":                      "/",
		"https://shop.example#a/b":                    "/",
		"https://shop.example:8443/a":                 "/a",
		"https://shop.example/a%3Fgclid=1&utm_term=2": "/a",
		"https://shop.example/a%3fgclid=1%23b":        "/a",
		"https://shop.example/a%23b":                  "/a",
		"https://shop.example/100%25/%D0%B0":          "/100%25/%D0%B0",
		"https://shop.example/a%253Fb":                "/a",
		"https://shop.example/a%25253Fb":              "/a",
		"https://shop.example/a b\"c":                 "/a%20b%22c",
		"https://shop.example/келісім":                "/%D0%BA%D0%B5%D0%BB%D1%96%D1%81%D1%96%D0%BC",
		"https://shop.example/%zz":                    "/%25zz",
		"https://shop.example/list;jsessionid=1A/b;x": "/list/b",
		"/no/address":                                 "",
		"javascript:alert(1)":                         "",

		"https://shop.example/u/ivan@example.com/edit":                        "/u/{email}/edit",
		"https://shop.example/u/ivan%40example.com":                           "/u/{email}",
		"https://shop.example/u/ivan%2540example.com":                         "/u/{email}",
		"https://shop.example/u/i.v+n@mail.example.kz,x":                      "/u/{email}",
		"https://shop.example/u/%D0%B8@%D0%BF%D0%BE%D1%87.%D0%BA%D0%B0%D0%B7": "/u/{email}",
		"https://shop.example/@nickname":                                      "/@nickname",
		"https://shop.example/pkg@1.2.3":                                      "/pkg@1.2.3",
		"https://shop.example/u/900101300123":                                 "/u/{iin}",
		"https://shop.example/u/%39%30%30101300123":                           "/u/{iin}",
		"https://shop.example/u/iin-900101300123.pdf":                         "/u/{iin}",
		"https://shop.example/u/900101-300123":                                "/u/{iin}",
		"https://shop.example/u/٩٠٠١٠١٣٠٠١٢٣":                                 "/u/{iin}",
		"https://shop.example/call/+77071234567":                              "/call/{phone}",
		"https://shop.example/call/%2B77071234567":                            "/call/{phone}",
		"https://shop.example/call/8-707-123-45-67":                           "/call/{phone}",
		"https://shop.example/call/8%20(707)%20123%2045%2067":                 "/call/{phone}",
		"https://shop.example/call/87071234567":                               "/call/{phone}",
		"https://shop.example/call/7071234567":                                "/call/{phone}",
		"https://shop.example/call/+998-90-123-45-67":                         "/call/{phone}",

		"https://shop.example/goods/4870001234567":         "/goods/4870001234567", // a bar code
		"https://shop.example/2026-11-23-new":              "/2026-11-23-new",
		"https://shop.example/2026-11-23-1234567":          "/2026-11-23-1234567",
		"https://shop.example/t/1700000000":                "/t/1700000000",
		"https://shop.example/order/12345678":              "/order/12345678",
		"https://shop.example/v1.2.3/a_b-c~d":              "/v1.2.3/a_b-c~d",
		"https://shop.example/9d6f0c1e-0b4e-4d1c-8a2f-1b2": "/9d6f0c1e-0b4e-4d1c-8a2f-1b2",
	} {
		if got := Path(given); got != want {
			t.Errorf("path of %s: %s, want %s", given, got, want)
		}
	}
	if got := Path("https://shop.example/" + strings.Repeat("%D0%B0", 200)); len(got) > maxPath || strings.HasSuffix(got, "%") || strings.HasSuffix(got, "%D") {
		t.Errorf("a long path is cut to %d bytes: %s", len(got), got[len(got)-6:])
	}
}

func TestTag(t *testing.T) {
	for query, want := range map[string]string{
		"utm_source=news":                       "news",
		"a=1&utm_source=news&b":                 "news",
		"utm_medium=a&utm_source&utm_source=b":  "b",
		"utm_source=a&utm_source=b":             "a",
		"utm_source=%D0%96%D0%B0%D0%B7+2026":    "Жаз 2026",
		"utm_source=":                           "",
		"utm_sourc=x":                           "",
		"UTM_SOURCE=x":                          "",
		"utm_source=ivan@example.com":           "",
		"utm_source=%2B77071234567":             "",
		"utm_source=12345678-900101300123":      "",
		"utm_source=900101300123":               "",
		"utm_source=%3Cscript%3E":               "",
		"utm_source=%zz":                        "",
		"utm_source=" + strings.Repeat("a", 65): "",
		"utm_source=" + strings.Repeat("a", 64): strings.Repeat("a", 64),
	} {
		var v Values
		if v.tags(query); v.UTMSource != want {
			t.Errorf("source of %s: %q, want %q", query, v.UTMSource, want)
		}
	}
}

// What FuzzPath looks for, told in another way than the program tells it.
var (
	escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	iin    = regexp.MustCompile(`(^|\P{Nd})[0-9]{12}(\P{Nd}|$)`)
	mail   = regexp.MustCompile(`[A-Za-z0-9._%+-]@[A-Za-z0-9-]+\.[A-Za-z]{2}`)
)

// TestNumbersBesideNumbers: a number that must not be kept is found whatever
// stands beside it.
func TestNumbersBesideNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	signs := []string{"-", "_", ".", "--", "~", "+", "%20", ",", "a", ""}
	for range 20_000 {
		segment := "900101300123"
		for range 1 + r.IntN(3) {
			sign := signs[r.IntN(len(signs)-1)]
			other := fmt.Sprint(r.Uint64N(1 << (1 + r.IntN(50))))
			if r.IntN(2) == 0 {
				segment = other + sign + segment
			} else {
				segment += sign + other
			}
		}
		if p := Path("https://shop.example/" + segment); strings.Contains(p, "900101300123") {
			t.Fatalf("%s becomes %s", segment, p)
		}
	}
}

// TestProperty: values of declared properties are masked as paths are.
func TestProperty(t *testing.T) {
	for given, want := range map[string]string{
		"basic": "basic", "12.5": "12.5", "true": "true", "2026-11-23": "2026-11-23", "a b": "a b",
		"ivan@example.com": "{email}", "ivan%40example.com": "{email}", "+7 707 123 45 67": "{phone}", "ИИН 900101300123": "{iin}",
		"203.0.113.7": "{ip}", "https://x.example/?email=ivan%40example.com": "{email}",
		"https://x.example/a?gclid=abc#d": "https://x.example/a", "what? that": "what? that",
	} {
		if got := property(given); got != want {
			t.Errorf("%q is kept as %q, want %q", given, got, want)
		}
	}
}

// TestHost: the host of a referrer is kept only where the public may know it.
func TestHost(t *testing.T) {
	for given, want := range map[string]string{
		"https://News.Example.com/a?b": "news.example.com", "http://xn--80ak6aa92e.com": "xn--80ak6aa92e.com",
		"http://203-0-113-7.dyn.isp.example/": "", "http://203.0.113.7.nip.io": "", "http://7.113.0.203.in-addr.arpa": "", "http://3405803783/": "",
		"http://0xcb007107/": "", "http://203.0.113.7../": "", "http://203.0.113.7:80/": "", "http://[2001:db8::1]/": "",
		"http://900101300123.mail.example": "", "http://77071234567.site.example/": "", "http://ivanov-pc.corp/": "", "http://localhost/": "",
		"": "", "android-app://com.example/": "", "javascript:alert(1)": "", "https://u:p@news.example.com/": "news.example.com",
	} {
		if got := Host(given); got != want {
			t.Errorf("host of %s: %q, want %q", given, got, want)
		}
	}
}

// FuzzPath: whatever the address, no query, fragment, user name or personal
// pattern is in the path, and what was cut once is not cut again.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"https://u:p@shop.example/a/b?c=d#e", "https://shop.example/ivan%40example.com/%2B77071234567;a=b/900101300123",
		"http://shop.example/%25253f%2523", "https://shop.example/٩٠٠١٠١٣٠٠١٢٣/\xff%",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if len(address) > validate.MaxURL {
			return // the stage before refuses it
		}
		p := Path(address)
		if p == "" {
			return
		}
		if len(p) > maxPath || p[0] != '/' || strings.ContainsAny(p, "?# \"<>\\^`|\x00\n\x7f") {
			t.Fatalf("path %q", p)
		}
		for i := range len(p) {
			if p[i] >= 0x80 {
				t.Fatalf("path %q is not encoded", p)
			}
		}
		for part := range strings.SplitSeq(p, "/") {
			text := part
			for range 8 {
				text = escape.ReplaceAllStringFunc(text, func(e string) string {
					c, err := url.PathUnescape(e)
					if err != nil {
						return e
					}
					return c
				})
			}
			if len(p) < maxPath-3 && (iin.MatchString(text) || mail.MatchString(text)) {
				t.Fatalf("path %q of %q still holds %q", p, address, text)
			}
		}
		if again := Path("https://shop.example" + strings.NewReplacer("{", "", "}", "").Replace(p)); len(again) > maxPath {
			t.Fatal("grows")
		}
	})
}
