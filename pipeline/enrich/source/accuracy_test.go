package source_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kelisim/pipeline/enrich/source"
)

// judgement is a case of the list that judges.
type judgement struct{ URI, Medium, Source, Term string }

// judged reads the list that judges: referrers collected by another project. Our
// list has services with families of hosts, not its lines; but it was in sight when
// ours was written, so the figures are not those of unseen cases. Where its folder
// is absent the test is skipped, and says so.
func judged(t *testing.T) (cases []judgement) {
	t.Helper()
	folder := os.Getenv("KELISIM_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("SKIPPED: THE TEST DATA ARE ABSENT (%s); name their folder with KELISIM_TEST_DATA", folder)
	}
	text, err := os.ReadFile(filepath.Join(folder, "referer-tests.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// Why an answer differs from the judge's.
const (
	pathUnread = "the kind of search stands in the path, and the path is not read: the name of the engine stays"
	byWord     = "a webmail by the first word of its host; the service is not on our list, so the host is its name"
	unknown    = "not on our list: a link from a host by its name"
	renamed    = "the service goes by another name today"
)

// sameName holds pairs of names, the judge's and ours, that mean one service.
var sameName = map[[2]string]bool{
	{"Yahoo!", "Yahoo"}: true, {"Yahoo! Mail", "Yahoo Mail"}: true, {"Outlook.com", "Outlook"}: true,
	{"Mail.com", "mail.com"}: true, {"Orange Webmail", "Orange"}: true, {"Proton", "Proton Mail"}: true,
	{"T-online", "T-Online"}: true, {"1und1", "1&1"}: true, {"Claude.ai", "Claude"}: true,
	{"Google Gemini", "Gemini"}: true, {"META.ai", "Meta AI"}: true, {"Microsoft Copilot", "Copilot"}: true,
	{"Mistral.ai", "Mistral"}: true, {"Perplexity.ai", "Perplexity"}: true,
}

// listed are the hosts of the cases that differ.
var listed = map[string]string{
	"www.google.fr": pathUnread, "it.images.search.yahoo.com": pathUnread, "www.bing.com": pathUnread, "images.yandex.ru": pathUnread,
	"s3-us3.ixquick.com": renamed, "t.co": renamed, "search.tb.ask.com": renamed,
	"mail01.orange.fr": byWord, "mail02.orange.fr": byWord, "webmail.tim.it": byWord, "mail.vodafone.de": byWord,
	"isearch.avg.com": unknown, "www.pricerunner.co.uk": unknown, "search.ke.voila.fr": unknown, "www.dalesearch.com": unknown,
	"rich-v01.bluewin.ch": unknown, "rich-v02.bluewin.ch": unknown, "webmail1m.orange.fr": unknown, "messageriepro3.orange.fr": unknown,
	"deref-1und1-02.de": unknown, "upcmail.hispeed.ch": unknown, "search.babylon.com": unknown, "searchassist.babylon.com": unknown,
}

// TestAccuracyReferrers: every case of the judge is answered as it says, or is
// listed with a reason. No search term is in an answer.
func TestAccuracyReferrers(t *testing.T) {
	s, cases := sources(t), judged(t)
	right, channels, reasons, used := 0, 0, map[string]int{}, map[string]bool{}
	for _, c := range cases {
		got := s.Source(c.URI, "https://www.example.com/")
		want := c.Medium
		if want == "chatbot" {
			want = source.Assistant
		}
		u, err := url.Parse(c.URI)
		if err != nil {
			t.Fatal(err)
		}
		if got.Channel == want {
			channels++
		}
		same := got.Channel == want && (got.Name == c.Source || sameName[[2]string{c.Source, got.Name}])
		switch reason := listed[u.Hostname()]; {
		case same && reason != "":
			t.Errorf("%s is right and listed: strike it from the list", c.URI)
		case same:
			right++
		case reason != "":
			reasons[reason]++
			used[u.Hostname()] = true
		default:
			t.Errorf("%s is %s %q, want %s %q", c.URI, got.Channel, got.Name, want, c.Source)
		}
		if text := strings.ToLower(got.Name + got.Click); c.Term != "" && strings.Contains(text, strings.ToLower(c.Term)) {
			t.Errorf("%s: the search term is in %+v", c.URI, got)
		}
	}
	if len(used) != len(listed) {
		t.Errorf("%d hosts are listed, %d of them differ", len(listed), len(used))
	}
	if right < 90 {
		t.Errorf("only %d of %d cases are right", right, len(cases))
	}
	t.Logf("cases                                  %d", len(cases))
	t.Logf("right in channel and name              %d", right)
	t.Logf("right in channel                       %d", channels)
	for reason, n := range reasons {
		t.Logf("listed with a reason                   %d: %s", n, reason)
	}
	t.Logf("list built from                        sources.txt, written by this project")
	t.Logf("list judged by                         referer-tests.json of snowplow-referer-parser, in sight when ours was written")
}
