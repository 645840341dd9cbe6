package demo

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"kelisim/cmd/kelisim/visitor"
)

// Traffic plays made-up visitors on the demo site: a crowd at once, then a few
// a second until ctx ends. They decide as people do, and send only what their
// choice permits.
type Traffic struct {
	Collector string // address of the collector; it must believe X-Forwarded-For from here
	Origin    string // of the pages
	Crowd     int    // visitors at the beginning
	Logger    *slog.Logger
}

const (
	workers    = 4
	afterCrowd = 700 * time.Millisecond // between two visitors of one worker
)

// What the visitors come with. The addresses are drawn from networks of several
// countries; they never leave this machine.
var (
	networks = []netip.Prefix{
		netip.MustParsePrefix("2.75.0.0/16"), netip.MustParsePrefix("95.56.0.0/16"), netip.MustParsePrefix("92.46.0.0/16"),
		netip.MustParsePrefix("178.88.0.0/16"), netip.MustParsePrefix("95.24.0.0/16"), netip.MustParsePrefix("213.230.64.0/18"),
		netip.MustParsePrefix("88.198.0.0/16"), netip.MustParsePrefix("78.160.0.0/16"),
	}
	userAgents = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
		"Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1",
	}
	referrers = []string{"", "", "", "https://www.google.com/", "https://yandex.kz/", "https://news.example.com/", "https://t.me/", "https://blog.example.org/"}
	campaigns = []string{"", "", "", "", "?utm_source=newsletter&utm_medium=email&utm_campaign=autumn", "?utm_source=poster&utm_medium=offline"}
)

// Run plays until ctx ends.
func (t Traffic) Run(ctx context.Context) {
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := t.visit(ctx, client); err != nil && ctx.Err() == nil {
					t.Logger.Debug("demo: a visitor failed", "error", err)
				}
				if i < t.Crowd/workers {
					continue
				}
				timer := time.NewTimer(afterCrowd + rand.N(afterCrowd))
				select {
				case <-timer.C:
				case <-ctx.Done():
					timer.Stop()
				}
			}
		})
	}
	wg.Wait()
}

func pick[T any](from []T) T { return from[int(rand.Float64()*rand.Float64()*float64(len(from)))] }

// visit plays one visitor: the banner, a choice, and perhaps a few pages.
func (t Traffic) visit(ctx context.Context, client *http.Client) error {
	lang := pick([]string{"kk", "ru", "kk", "ru", "en"})
	v := visitor.New(visitor.Options{
		Base: t.Collector, Site: Site, Origin: t.Origin, Lang: lang, Client: client, Now: time.Now,
		Address: address(pick(networks)), UserAgent: pick(userAgents),
	})
	if err := v.See(ctx); err != nil {
		return err
	}
	switch choice := rand.IntN(100); {
	case choice < 15: // did not answer
		return nil
	case choice < 38:
		return v.Decide(ctx, "refuse_all", nil)
	case choice < 55:
		if err := v.Decide(ctx, "custom", map[string]bool{"analytics": true}); err != nil {
			return err
		}
	default:
		if err := v.Decide(ctx, "accept_all", nil); err != nil {
			return err
		}
	}
	if err := t.browse(ctx, v, lang); err != nil {
		return err
	}
	if rand.IntN(100) < 3 {
		return v.Decide(ctx, "withdraw", nil)
	}
	return nil
}

// browse opens one to six pages.
func (t Traffic) browse(ctx context.Context, v *visitor.Visitor, lang string) error {
	referrer, campaign := pick(referrers), pick(campaigns)
	for range 1 + rand.IntN(6) {
		name := pick([]string{"", "plans", "files", "about"})
		page := v.Pageview(t.Origin+"/"+lang+"/"+name+campaign, referrer)
		events := []visitor.Event{page, v.Engaged(page, time.Duration(1+rand.IntN(120))*time.Second)}
		switch {
		case name == "plans" && rand.IntN(4) == 0:
			events = append(events, v.Custom("signup", t.Origin+"/"+lang+"/plans", map[string]string{"plan": pick([]string{"basic", "family"})}))
		case name == "files" && rand.IntN(3) == 0:
			events = append(events, v.Custom("download", t.Origin+"/"+lang+"/files", map[string]string{"file": "guide"}))
		}
		if _, err := v.Send(ctx, events...); err != nil {
			return err
		}
		referrer, campaign = "", ""
	}
	return nil
}

// address draws a host of a network.
func address(p netip.Prefix) string {
	b := p.Addr().As4()
	b[2] |= byte(rand.IntN(256) >> max(0, p.Bits()-16))
	b[3] = byte(1 + rand.IntN(254))
	return netip.AddrFrom4(b).String()
}
