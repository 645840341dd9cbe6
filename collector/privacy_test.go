package collector

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"kelisim/pipeline/spool"
)

func TestPrivacyPageWithoutJavaScript(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	for lang, want := range map[string]string{
		"kk": "Сіз келісім бердіңіз.", "ru": "Вы дали согласие.", "en": "You have given consent.",
	} {
		res, body := e.send("GET", "/privacy/demo?lang="+lang, "", "Cookie", jar(accepted))
		if res.StatusCode != 200 || !strings.Contains(body, want) || strings.Contains(body, "<script") || !strings.Contains(body, `lang="`+lang+`"`) {
			t.Errorf("%s: %d, %q is missing", lang, res.StatusCode, want)
		}
		if !strings.Contains(body, `value="erase"`) { // also while nothing is held yet, or it cannot be read
			t.Errorf("%s: nothing to demand erasure with", lang)
		}
	}
	res, _ := e.send("POST", "/privacy/demo?lang=kk", "action=withdraw", "Cookie", jar(accepted), "Content-Type", "application/x-www-form-urlencoded")
	if res.StatusCode != 303 || res.Header.Get("Location") != "demo?done=withdrawn&lang=kk" {
		t.Fatalf("%d to %s", res.StatusCode, res.Header.Get("Location"))
	}
	if _, body := e.send("GET", "/privacy/demo?done=withdrawn&lang=kk", "", "Cookie", jar(res)); !strings.Contains(body, "Келісіміңіз кері қайтарып алынды.") || !strings.Contains(body, "Сіз келісімді кері қайтарып алдыңыз.") {
		t.Error("the page does not say that the consent is withdrawn")
	}
	if _, body := e.send("POST", "/v1/events", fmt.Sprintf(pageview, 1), "Cookie", jar(accepted)); body != `{"accepted":0,"dropped":{"withdrawn":1}}` {
		t.Errorf("the old token: %s", body)
	}
}

// TestPrivacyPageTellsOtherTabs: the page has one script, where something was done,
// and its policy permits that script alone.
func TestPrivacyPageTellsOtherTabs(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	withdrawn, _ := e.send("POST", "/privacy/demo", "action=withdraw", "Cookie", jar(accepted), "Content-Type", form)
	res, body := e.send("GET", "/privacy/demo?done=withdrawn", "", "Cookie", jar(withdrawn))
	_, script, found := strings.Cut(body, "<script>")
	script, _, closed := strings.Cut(script, "</script>")
	if !found || !closed || script != `new BroadcastChannel("kelisim").postMessage(0)` || strings.Count(body, "<script") != 1 {
		t.Fatalf("the script is %q", script)
	}
	hash := sha256.Sum256([]byte(script))
	want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "';"
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") {
		t.Errorf("%s in %s is missing", want, policy)
	}
	live, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "2"))
	for _, cookies := range []string{"", jar(live)} {
		for _, done := range []string{"", "?done=", "?done=none", "?done=registered&request=none", "?done=withdrawn"} {
			if _, body := e.send("GET", "/privacy/demo"+done, "", "Cookie", cookies); strings.Contains(body, "<script") || strings.Contains(body, `class="said"`) {
				t.Errorf("%q: it says that something was done where nothing was", done)
			}
		}
	}
}

// TestPrivacyPageNamesServices: who decides reads the same as in the settings.
func TestPrivacyPageNamesServices(t *testing.T) {
	e := newEdge(t, spool.Options{})
	for lang, want := range map[string]string{
		"kk": "<dt>Example Ads</dt><dd>«Example Ads» ЖШС · Қазақстан · 30 күн",
		"ru": "<dt>Example Ads</dt><dd>ТОО «Example Ads» · Казахстан · 30 дней",
		"en": "<dt>Example Ads</dt><dd>Example Ads LLP · Kazakhstan · 30 days",
	} {
		_, body := e.send("GET", "/privacy/demo?lang="+lang, "")
		if !strings.Contains(body, want) || !strings.Contains(body, "<code>example_stats</code>, <code>example-stats</code>") {
			t.Errorf("%s: %s is missing", lang, want)
		}
	}
}
