// Package dashboard is marketing's and the privacy officer's view: reports about
// visitors who gave consent, behind a login. It renders on the server and needs
// no script in the browser.
//
// It asks its Reader for figures and never computes one about visitors itself,
// except shares of figures it was given.
package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"kelisim/dashboard/accounts"
	"kelisim/dashboard/report"
)

// Reader gives figures that may be published: each stands for at least k
// distinct consents.
type Reader interface {
	Report(ctx context.Context, k uint32, spec report.Spec) (report.Result, error)
	Presence(ctx context.Context, spec report.Spec) (report.Presence, error)
}

// Accounts knows who may sign in.
type Accounts interface {
	Verify(ctx context.Context, name, password string) (accounts.Account, error)
	Find(ctx context.Context, name string) (accounts.Account, error)
}

// Bounds of k, the least number of distinct consents a figure stands for.
const (
	DefaultK = 10
	LeastK   = 5
)

// Site is one site that reports can be read of.
type Site struct {
	ID    string
	Names map[string]string // by language; the id stands in where one is missing
	Zone  *time.Location    // whose days are meant; nil = UTC
	K     uint32            // 0 = DefaultK; never below LeastK
	// Tag is the line to put on the site's pages, shown while nothing has been
	// heard of the site. Default: that of a site whose collector lives at /kelisim/.
	Tag string
}

// Options is what New needs.
type Options struct {
	Reader   Reader           // required
	Accounts Accounts         // required
	Sites    []Site           // in the order of the site switch; at least one
	Logger   *slog.Logger     // default: nothing is logged
	Now      func() time.Time // default time.Now
	Random   io.Reader        // default crypto/rand
	// K takes the place of every site's own, without a lower bound. It is for
	// tests: no flag and no file leads here.
	K uint32
	// Secure marks the cookies for HTTPS only. Off only where browsers reach the
	// dashboard by plain http on the machine itself.
	Secure bool
}

// Dashboard serves the reports.
type Dashboard struct {
	o        Options
	log      *slog.Logger
	now      func() time.Time
	sites    atomic.Pointer[[]Site]
	texts    map[string]texts
	pages    *template.Template
	assets   assets
	sessions *sessions
	throttle *throttle
}

// New prepares a dashboard.
func New(o Options) (*Dashboard, error) {
	switch {
	case o.Reader == nil:
		return nil, errors.New("dashboard: options: Reader is missing")
	case o.Accounts == nil:
		return nil, errors.New("dashboard: options: Accounts is missing")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	all, err := loadTexts()
	if err != nil {
		return nil, err
	}
	static, err := loadAssets()
	if err != nil {
		return nil, err
	}
	pages, err := template.New("").Funcs(template.FuncMap{"pair": pair}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("dashboard: templates: %w", err)
	}
	d := &Dashboard{
		o: o, log: o.Logger, now: o.Now,
		texts: all, pages: pages, assets: static,
		sessions: newSessions(o.Now, o.Random),
		throttle: newThrottle(o.Now),
	}
	if err := d.Serve(o.Sites); err != nil {
		return nil, err
	}
	return d, nil
}

// Serve puts other sites in the place of those that reports can be read of.
func (d *Dashboard) Serve(sites []Site) error {
	checked, err := checkSites(d.o, sites)
	if err == nil {
		d.sites.Store(&checked)
	}
	return err
}

func checkSites(o Options, sites []Site) ([]Site, error) {
	if len(sites) == 0 {
		return nil, errors.New("dashboard: options: Sites is empty")
	}
	sites = slices.Clone(sites)
	for i := range sites {
		s := &sites[i]
		if s.ID == "" {
			return nil, errors.New("dashboard: options: a site has no ID")
		}
		if s.Zone == nil {
			s.Zone = time.UTC
		}
		if s.Tag == "" {
			s.Tag = `<script async src="/kelisim/k.js" data-site="` + s.ID + `"></script>`
		}
		if s.K == 0 {
			s.K = DefaultK
		}
		if s.K < LeastK {
			return nil, fmt.Errorf("dashboard: site %s: k is %d, must be at least %d", s.ID, s.K, LeastK)
		}
		if o.K > 0 {
			s.K = o.K
		}
	}
	return sites, nil
}

// Register mounts the dashboard on the admin listener, whose error handler must
// be HandleError.
func (d *Dashboard) Register(app *fiber.App) {
	app.Use(recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: d.panicked}))
	app.Get("/", d.headers, d.signedIn(d.showReport))
	app.Get("/login", d.headers, d.showLogin)
	app.Post("/login", d.headers, d.login)
	app.Post("/logout", d.headers, d.logout)
	app.Get("/api/v1/report", d.headers, d.signedIn(d.serveReport))
	app.Get("/dashboard/:file", d.headers, d.serveAsset)
}

// site finds the site a request asks for; the first one when it names none.
func (d *Dashboard) site(id string) (Site, bool) {
	sites := *d.sites.Load()
	if id == "" {
		return sites[0], true
	}
	for _, s := range sites {
		if s.ID == id {
			return s, true
		}
	}
	return Site{}, false
}

// name is what the site is called in a language.
func (s Site) name(lang string) string {
	if n := s.Names[lang]; n != "" {
		return n
	}
	return s.ID
}
