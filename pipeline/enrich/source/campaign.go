package source

import (
	"bytes"
	"strings"
)

// maxPage is how much of a page's address is read, in bytes; tags behind it are
// not seen.
const maxPage = 8192

// tags is what a page's address says about the link that led to it. The two texts
// are the raw values, slices of the address.
type tags struct {
	medium, source string
	click          click
	any            bool // an utm tag with a value
}

// click is what the name of a click id says. Its value is never looked at, but
// that there is one.
type click struct {
	rank                int // the lowest counts where there are several; 0 is none
	kind, name, channel string
}

// tags reads the query of an address. Of a tag that stands there twice the first
// counts, as in a browser.
func (s *Sources) tags(page string) tags {
	var t tags
	if len(page) > maxPage {
		page = page[:maxPage]
	}
	page, _, _ = strings.Cut(page, "#")
	_, query, found := strings.Cut(page, "?")
	for found {
		var pair string
		pair, query, found = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if value == "" {
			continue
		}
		if strings.HasPrefix(key, "utm_") {
			t.any = true
			switch {
			case key == "utm_medium" && t.medium == "":
				t.medium = value
			case key == "utm_source" && t.source == "":
				t.source = value
			}
			continue
		}
		if c, ok := s.clicks[key]; ok && (t.click.rank == 0 || c.rank < t.click.rank) {
			t.click = c
		}
	}
	return t
}

// maxValue is the longest value of a tag that is compared with the lists, in
// bytes, after its escapes are read.
const maxValue = 64

// fold writes a value in lower case, without escapes and outer spaces; nothing
// where it is too long or an escape is broken.
func fold(value string, space []byte) []byte {
	out := space[:0]
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%':
			if i+2 >= len(value) {
				return nil
			}
			high, low := unhex(value[i+1]), unhex(value[i+2])
			if high > 15 || low > 15 {
				return nil
			}
			c = high<<4 | low
			i += 2
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if len(out) == maxValue {
			return nil
		}
		out = append(out, c)
	}
	for len(out) > 0 && out[0] == ' ' {
		out = out[1:]
	}
	for len(out) > 0 && out[len(out)-1] == ' ' {
		out = out[:len(out)-1]
	}
	return out
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// medium is the channel of a value of utm_medium. Two rules of the field stand
// behind the list: what begins with "paid" or holds "cp" (cpc-search, retail_cpm)
// is paid.
func (s *Sources) medium(value []byte) string {
	if channel, ok := s.mediums[string(value)]; ok {
		return channel
	}
	if bytes.HasPrefix(value, []byte("paid")) || bytes.Contains(value, []byte("cp")) {
		return Paid
	}
	return ""
}

// mediums are the known values of utm_medium.
func mediums() map[string]string {
	m := map[string]string{}
	for channel, values := range map[string][]string{
		Paid:      {"ppc", "display", "banner", "retargeting", "remarketing", "ads", "ad", "sem", "context", "contextual", "interstitial", "native", "targeting"},
		Email:     {"email", "e-mail", "e_mail", "e mail", "mail", "mailing", "newsletter"},
		Social:    {"social", "social-network", "social-media", "social_network", "social_media", "social network", "social media", "socialmedia", "sm", "smm", "messenger"},
		Search:    {"organic", "seo", "search"},
		Referral:  {"referral", "referer", "referrer", "affiliate", "affiliates", "partner", "partners", "link"},
		Assistant: {"assistant", "ai", "ai-assistant", "ai_assistant", "ai assistant", "chatbot", "llm"},
	} {
		for _, v := range values {
			m[v] = channel
		}
	}
	return m
}

// clicks are the click ids. Those of the channel paid are put on links by
// advertising systems alone; the others on every link of a service.
func clicks() map[string]click {
	m := map[string]click{}
	for i, c := range [...]struct{ keys, kind, name, channel string }{
		{"gclid gbraid wbraid dclid", "google", "Google", Paid},
		{"yclid", "yandex", "Yandex", Paid},
		{"msclkid", "microsoft", "Bing", Paid},
		{"ttclid", "tiktok", "TikTok", Paid},
		{"rb_clickid", "vk", "VK", Paid},
		{"twclid", "x", "X", Paid},
		{"li_fat_id", "linkedin", "LinkedIn", Paid},
		{"rdt_cid", "reddit", "Reddit", Paid},
		{"ScCid sccid", "snapchat", "Snapchat", Paid},
		{"qclid", "quora", "Quora", Paid},
		{"tblci", "taboola", "Taboola", Paid},
		{"dicbo", "outbrain", "Outbrain", Paid},
		{"fbclid", "meta", "", Social}, // Facebook or Instagram: it does not say which
		{"igsh igshid", "meta", "Instagram", Social},
		{"epik", "pinterest", "Pinterest", Social},
		{"ysclid", "yandex", "Yandex", Search},
		{"srsltid", "google", "Google", Search},
		{"mc_eid mc_cid", "mailchimp", "", Email},
		{"_hsenc", "hubspot", "", Email},
		{"mkt_tok", "marketo", "", Email},
	} {
		for _, key := range strings.Fields(c.keys) {
			m[key] = click{rank: i + 1, kind: c.kind, name: c.name, channel: c.channel}
		}
	}
	return m
}
