package source_test

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"kelisim/pipeline/enrich"
	"kelisim/pipeline/enrich/source"
)

var _ enrich.Sources = (*source.Sources)(nil)

func sources(t testing.TB) *source.Sources {
	t.Helper()
	s, err := source.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const page = "https://shop.kz/tea"

type visit struct {
	referrer, page      string
	name, channel, kind string
}

func check(t *testing.T, visits ...visit) {
	t.Helper()
	s := sources(t)
	for _, v := range visits {
		got := s.Source(v.referrer, v.page)
		if d := cmp.Diff(enrich.Source{Name: v.name, Channel: v.channel, Click: v.kind}, got); d != "" {
			t.Errorf("from %.120q to %.120q\n%s", v.referrer, v.page, d)
		}
	}
}

func TestReferrers(t *testing.T) {
	check(t,
		visit{"", page, "", source.Direct, ""},
		visit{"https://www.google.kz/", page, "Google", source.Search, ""},
		visit{"https://www.google.com/search?q=tea", page, "Google", source.Search, ""},
		visit{"https://docs.google.com/document/d/1", page, "Google", source.Referral, ""},
		visit{"https://mail.google.com/", page, "Gmail", source.Email, ""},
		visit{"https://gemini.google.com/app", page, "Gemini", source.Assistant, ""},
		visit{"https://yandex.kz/", page, "Yandex", source.Search, ""},
		visit{"https://ya.ru/search/?text=tea", page, "Yandex", source.Search, ""},
		visit{"https://mail.yandex.kz/", page, "Yandex Mail", source.Email, ""},
		visit{"https://go.mail.ru/search", page, "Mail.ru", source.Search, ""},
		visit{"https://e.mail.ru/inbox", page, "Mail.ru Mail", source.Email, ""},
		visit{"https://my.mail.ru/", page, "My World", source.Social, ""},
		visit{"https://news.mail.ru/", page, "Mail.ru", source.Referral, ""},
		visit{"https://vk.com/away.php", page, "VK", source.Social, ""},
		visit{"https://m.vk.com", page, "VK", source.Social, ""},
		visit{"https://ok.ru/", page, "Odnoklassniki", source.Social, ""},
		visit{"https://t.me/", page, "Telegram", source.Social, ""},
		visit{"https://web.telegram.org/k/", page, "Telegram", source.Social, ""},
		visit{"https://web.whatsapp.com/", page, "WhatsApp", source.Social, ""},
		visit{"https://l.instagram.com/", page, "Instagram", source.Social, ""},
		visit{"https://2gis.kz/almaty", page, "2GIS", source.Search, ""},
		visit{"https://chatgpt.com/", page, "ChatGPT", source.Assistant, ""},
		visit{"https://alice.yandex.ru/", page, "Alice", source.Assistant, ""},
		visit{"https://googleads.g.doubleclick.net/", page, "Google", source.Paid, ""},
		visit{"https://yabs.yandex.kz/count", page, "Yandex", source.Paid, ""},

		visit{"android-app://com.google.android.gm", page, "Gmail", source.Email, ""},
		visit{"android-app://com.google.android.gm/", page, "Gmail", source.Email, ""},
		visit{"android-app://com.google.android.googlequicksearchbox/https/www.google.com", page, "Google", source.Search, ""},
		visit{"android-app://org.telegram.messenger/", page, "Telegram", source.Social, ""},
		visit{"android-app://kz.example.bank/", page, "kz.example.bank", source.Referral, ""},
		visit{"android-app://Not a package/", page, "", "", ""},

		visit{"https://www.news.example.com/article?id=7", page, "news.example.com", source.Referral, ""},
		visit{"https://mail.example.kz/owa/", page, "mail.example.kz", source.Email, ""},
		visit{"https://webmail2.example.kz/", page, "webmail2.example.kz", source.Email, ""},
		visit{"https://mail.kz/", page, "mail.kz", source.Referral, ""},
		visit{"https://email-tips.example.kz/", page, "email-tips.example.kz", source.Referral, ""},
	)
}

// TestOwnHost: the site is no source of itself, however its host is written; its
// other hosts are.
func TestOwnHost(t *testing.T) {
	check(t,
		visit{"https://shop.kz/", page, "", "", ""},
		visit{"http://www.SHOP.kz:8080/cart?x=1", page, "", "", ""},
		visit{"https://shop.kz./", page, "", "", ""},
		visit{"https://shop.kz/", "https://www.shop.kz/", "", "", ""},
		visit{"https://pay.shop.kz/", page, "pay.shop.kz", source.Referral, ""},
		visit{"https://shop.kz.example.com/", page, "shop.kz.example.com", source.Referral, ""},
		visit{"https://shop.kz/", page + "?fbclid=7", "", "", "meta"},
		visit{"https://shop.kz/", page + "?utm_source=tg&utm_medium=social", "Telegram", source.Social, ""},
		visit{"https://www.google.kz/", "https://www.google.kz/", "", "", ""},
	)
}

// TestTags follows the table in the package comment.
func TestTags(t *testing.T) {
	const google, blog = "https://www.google.com/", "https://blog.example.com/"
	check(t,
		// Rule 1: the medium.
		visit{google, page + "?utm_source=google&utm_medium=cpc", "Google", source.Paid, ""},
		visit{"", page + "?utm_medium=CPC&utm_source=Yandex", "Yandex", source.Paid, ""},
		visit{blog, page + "?utm_medium=email&utm_source=june", "blog.example.com", source.Email, ""},
		visit{"", page + "?utm_medium=e%2Dmail", "", source.Email, ""},
		visit{"", page + "?utm_medium=paid+social&utm_source=fb", "Facebook", source.Paid, ""},
		visit{"", page + "?utm_medium=cpc-search", "", source.Paid, ""},
		visit{"", page + "?utm_medium=organic&utm_source=2gis", "2GIS", source.Search, ""},
		visit{google, page + "?utm_medium=affiliate", "Google", source.Referral, ""},
		visit{"", page + "?utm_medium=email&gclid=x", "Google", source.Email, "google"},
		visit{"", page + "?utm_medium=email&utm_medium=cpc", "", source.Email, ""},

		// Rule 2: click ids of advertisements.
		visit{google, page + "?gclid=Cj0KCQ", "Google", source.Paid, "google"},
		visit{"", page + "?wbraid=1", "Google", source.Paid, "google"},
		visit{blog, page + "?yclid=1", "Yandex", source.Paid, "yandex"},
		visit{"", page + "?a=b&msclkid=1", "Bing", source.Paid, "microsoft"},
		visit{"https://www.tiktok.com/", page + "?ttclid=1", "TikTok", source.Paid, "tiktok"},
		visit{"https://vk.com/", page + "?rb_clickid=1", "VK", source.Paid, "vk"},
		visit{"", page + "?fbclid=1&gclid=2", "Google", source.Paid, "google"},
		visit{"", page + "?gclid=", "", source.Direct, ""},
		visit{"", page + "#?gclid=1", "", source.Direct, ""},

		// Rule 3: a known source without a known medium.
		visit{"", page + "?utm_source=chatgpt.com", "ChatGPT", source.Assistant, ""},
		visit{"", page + "?utm_source=tg&utm_medium=post", "Telegram", source.Social, ""},
		visit{blog, page + "?utm_source=adwords", "Google", source.Paid, ""},

		// Rules 5 and 6: the referrer.
		visit{google, page + "?utm_source=leaflet&utm_medium=qr", "Google", source.Search, ""},
		visit{blog, page + "?utm_source=leaflet&utm_medium=qr", "blog.example.com", source.Referral, ""},
		visit{"https://www.facebook.com/", page + "?fbclid=1", "Facebook", source.Social, "meta"},
		visit{blog, page + "?fbclid=1", "blog.example.com", source.Referral, "meta"},

		// Rules 7 to 9.
		visit{"", page + "?fbclid=1", "", source.Social, "meta"},
		visit{"", page + "?ysclid=1", "Yandex", source.Search, "yandex"},
		visit{"", page + "?mc_eid=1", "", source.Email, "mailchimp"},
		visit{"", page + "?utm_source=leaflet&utm_medium=qr", "", source.Campaign, ""},
		visit{"", page + "?utm_campaign=june", "", source.Campaign, ""},
		visit{"", page + "?utm_source=", "", source.Direct, ""},
		visit{"about:blank", page, "", "", ""},
		visit{"null", page, "", "", ""},
	)
}

// TestForgedReferrers: nothing that only looks like a known source is taken for
// it, and what cannot be a public host has no name.
func TestForgedReferrers(t *testing.T) {
	check(t,
		visit{"https://google.example.com.evil.example/", page, "google.example.com.evil.example", source.Referral, ""},
		visit{"https://google.com.evil.example/", page, "google.com.evil.example", source.Referral, ""},
		visit{"https://evilgoogle.com/", page, "evilgoogle.com", source.Referral, ""},
		visit{"https://google.evil.kz/", page, "google.evil.kz", source.Referral, ""},
		visit{"https://notvk.com/", page, "notvk.com", source.Referral, ""},
		visit{"https://xn--ggle-0nda.com/", page, "xn--ggle-0nda.com", source.Referral, ""},
		visit{"https://gооgle.com/", page, "", "", ""}, // Cyrillic letters
		visit{"https://www.google.com@evil.example/", page, "", "", ""},
		visit{"https://user:secret@evil.example/", page, "", "", ""},
		visit{`https://www.google.com\@evil.example/`, page, "", "", ""},
		visit{"https://evil.example/@www.google.com/", page, "evil.example", source.Referral, ""},
		visit{"https://evil.example?www.google.com/", page, "evil.example", source.Referral, ""},
		visit{"https://evil.example#www.google.com/", page, "evil.example", source.Referral, ""},
		visit{"https://%67oogle.com/", page, "", "", ""},
		visit{"https://google.com\n.evil.example/", page, "", "", ""},
		visit{"javascript://google.com/", page, "", "", ""},
		visit{"//google.com/", page, "", "", ""},
		visit{"google.com", page, "", "", ""},

		visit{"HTTPS://WWW.GOOGLE.COM:443/", page, "Google", source.Search, ""},
		visit{"https://google.com./", page, "Google", source.Search, ""},
		visit{"https://google.com../", page, "", source.Referral, ""},
		visit{"https://google.com:port/", page, "", "", ""},
		visit{"https://google.com:443", page, "Google", source.Search, ""},
		visit{"https://", page, "", "", ""},
		visit{"https:///path", page, "", "", ""},
		visit{"https://.", page, "", "", ""},

		visit{"http://203.0.113.7/", page, "", source.Referral, ""},
		visit{"http://203.0.113.7:8080/x", page, "", source.Referral, ""},
		visit{"http://[2001:db8::1]/", page, "", source.Referral, ""},
		visit{"http://[2001:db8::1]:80/", page, "", source.Referral, ""},
		visit{"http://3405803783/", page, "", source.Referral, ""},
		visit{"http://0xcb.0x0.0x71.0x7/", page, "", source.Referral, ""},
		visit{"http://203-0-113-7.example.com/", page, "", source.Referral, ""},
		visit{"http://203.0.113.7.example.com/", page, "", source.Referral, ""},
		visit{"http://7.113.0.203.in-addr.arpa/", page, "", source.Referral, ""},
		visit{"http://cb007107.example.com/", page, "", source.Referral, ""},
		visit{"http://2001-db8--1.example.com/", page, "", source.Referral, ""},
		visit{"http://77011234567.example.com/", page, "", source.Referral, ""},
		visit{"http://mail.203.0.113.7/", page, "", source.Referral, ""},
		visit{"http://localhost:3000/", page, "", source.Referral, ""},
		visit{"http://intranet/", page, "", source.Referral, ""},
		visit{"http://ivanov-pc.local/", page, "", source.Referral, ""},
		visit{"http://my_host.example.com/", page, "", source.Referral, ""},
		visit{"http://-a.example.com/", page, "", source.Referral, ""},
		visit{"http://" + strings.Repeat("a", 64) + ".example.com/", page, "", source.Referral, ""},
		visit{"http://" + strings.Repeat("a.", 130) + "com/", page, "", "", ""},
	)
}

// TestNamesAreOwned: a name does not change when the memory of the referrer is
// used for another request.
func TestNamesAreOwned(t *testing.T) {
	s := sources(t)
	referrer := []byte("https://blog.example.com/")
	got := s.Source(unsafe.String(unsafe.SliceData(referrer), len(referrer)), page)
	copy(referrer, "https://xxxxxxxxxxxxxxx")
	if got.Name != "blog.example.com" {
		t.Errorf("the name became %q", got.Name)
	}
}

func TestFromManyGoroutines(t *testing.T) {
	s := sources(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if got := s.Source("https://WWW.google.kz/", page+"?gclid=1"); got.Name != "Google" || got.Channel != source.Paid {
					t.Errorf("got %+v", got)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSource(b *testing.B) {
	s := sources(b)
	for name, v := range map[string]visit{
		"direct":   {page: page},
		"search":   {referrer: "https://www.google.kz/", page: page},
		"own":      {referrer: "https://shop.kz/coffee", page: page},
		"unlisted": {referrer: "https://blog.example.com/", page: page},
		"tagged": {
			referrer: "https://www.google.com/",
			page:     page + "?utm_source=google&utm_medium=cpc&utm_campaign=spring&utm_term=green+tea&gclid=Cj0KCQiA4L67BhDUARIsADWrl7",
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Source(v.referrer, v.page)
			}
		})
	}
}

// TestTheBrowserKnowsTheClicks: the script of the page lets the key of every click
// id pass that is known here, and only its key.
func TestTheBrowserKnowsTheClicks(t *testing.T) {
	b, err := os.ReadFile("../../../js/telemetry/url.ts")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`const query =\s+/(.+)/g;`).FindSubmatch(b)
	if m == nil {
		t.Fatal("the pattern of what a query may hold is not in url.ts")
	}
	const click = 2 // the group of a click's key
	query := regexp.MustCompile(string(m[1]))
	for key := range source.Clicks() {
		if found := query.FindStringSubmatch("?" + key + "=secret"); found == nil || found[click] != key {
			t.Errorf("%s does not pass the script", key)
		}
	}
}
