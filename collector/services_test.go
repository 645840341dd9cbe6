package collector

import (
	"strings"
	"testing"

	"kelisim/consent/policy"
	"kelisim/pipeline/spool"
	"kelisim/policies"
)

// serveWith puts the demo policy with a change in force.
func (e *edge) serveWith(was, is string) {
	e.t.Helper()
	changed := strings.Replace(string(policies.Demo()), was, is, 1)
	p, problems := policy.Parse("demo.yaml", []byte(changed))
	if err := problems.Err(); err != nil || changed == string(policies.Demo()) {
		e.t.Fatalf("%q: %v", was, err)
	}
	catalogue, problems := policy.NewCatalogue([]*policy.Policy{p}, nil)
	if err := problems.Err(); err != nil {
		e.t.Fatal(err)
	}
	if err := e.server.Serve(catalogue); err != nil {
		e.t.Fatal(err)
	}
}

func TestServices(t *testing.T) {
	e := newEdge(t, spool.Options{})
	res, body := e.send("GET", "/v1/services?site=demo", "")
	if res.StatusCode != 200 || !strings.Contains(body, `{"purpose":"marketing","cookies":["_example_ads","_example_ads_*"]`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if cache := res.Header.Get("Cache-Control"); cache != fiveMinutes || len(res.Cookies()) > 0 {
		t.Errorf("kept for %q, cookies %v", cache, res.Cookies())
	}
	if res, _ := e.send("GET", "/v1/services?site=nobody", ""); res.StatusCode != 404 {
		t.Errorf("an unknown site: %d", res.StatusCode)
	}
}

// Only a withdrawal clears the site's storage, only where the policy says so, and
// never the marker of the withdrawal.
func TestClearSiteData(t *testing.T) {
	e := newEdge(t, spool.Options{})
	accepted, _ := e.send("POST", "/v1/consent", e.decision("accept_all", "1"))
	if res, _ := e.send("POST", "/v1/consent", e.decision("withdraw", "2"), "Cookie", jar(accepted)); res.Header.Get("Clear-Site-Data") != "" {
		t.Error("storage is cleared where the policy does not say so")
	}
	e.serveWith("clear_site_data: false", "clear_site_data: true")
	narrowed := strings.Replace(e.decision("custom", "5"), `"action"`, `"choices":{"analytics":true},"action"`, 1)
	accepted, _ = e.send("POST", "/v1/consent", e.decision("accept_all", "3"))
	f := func(want bool, body, given string) {
		t.Helper()
		res, answer := e.send("POST", "/v1/consent", body, "Cookie", given)
		if res.StatusCode != 201 {
			t.Fatalf("%d %s", res.StatusCode, answer)
		}
		got := res.Header.Get("Clear-Site-Data")
		if got != "" != want || strings.Contains(got, "cookies") || strings.Contains(got, "*") {
			t.Errorf("%s: Clear-Site-Data %q", answer, got)
		}
		if marker := cookies(res)["__Host-kelisim-state"]; marker == nil || marker.MaxAge <= 0 {
			t.Errorf("%s: the marker is not set: %v", answer, marker)
		}
	}
	f(false, e.decision("refuse_all", "4"), "")
	f(false, narrowed, jar(accepted))
	accepted, _ = e.send("POST", "/v1/consent", e.decision("accept_all", "6"))
	f(true, e.decision("withdraw", "7"), jar(accepted))
	f(true, e.decision("withdraw", "7"), jar(accepted)) // the same call again
	accepted, _ = e.send("POST", "/v1/consent", e.decision("accept_all", "8"))
	f(true, e.decision("refuse_all", "9"), jar(accepted))
	accepted, _ = e.send("POST", "/v1/consent", e.decision("accept_all", "10"))
	res, _ := e.send("POST", "/privacy/demo?lang=kk", "action=withdraw", "Cookie", jar(accepted), "Content-Type", "application/x-www-form-urlencoded")
	if res.Header.Get("Clear-Site-Data") != clearedData {
		t.Errorf("on the privacy page: %v", res.Header)
	}
}
