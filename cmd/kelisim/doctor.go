package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/node"
	"kelisim/consent/policy"
	"kelisim/storage"
	"kelisim/storage/embedded"
	"kelisim/storage/schema"
)

// Limits beyond which something is said.
const (
	keyAge      = 400 * 24 * time.Hour // a key that signs this long is due to be replaced
	geoAge      = 90 * 24 * time.Hour
	spoolAge    = 10 * time.Minute // the spool is emptied within seconds while the database answers
	freeEnough  = 2 << 30
	freeAtLeast = 256 << 20
	dialWithin  = 5 * time.Second
)

// doctor looks at an installation and changes nothing of it: one line a verdict.
// It ends with exit code 1 when one of them is bad.
func doctor(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) > 0 && args[0] == "ip" {
		return doctorIP(args[1:], out, errs)
	}
	x := &examination{out: out, now: time.Now()}
	c, ok, err := flagsOnly(flag.NewFlagSet("kelisim doctor", flag.ContinueOnError), args, out, errs, nil)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		x.bad("configuration", strings.TrimPrefix(err.Error(), "configuration: "), "correct it; docs/configuration.md lists every setting")
		return errSaid
	case !ok:
		return nil
	}
	x.c = c
	x.ok("configuration", "every setting can be read")
	for _, look := range []func(context.Context){
		x.policies, x.dataFolder, x.disk, x.keys, x.proxies, x.addresses, x.database, x.spool, x.countries, x.timeZones,
	} {
		look(ctx)
	}
	if x.faults > 0 {
		return errSaid
	}
	return nil
}

// examination looks at one part after the other.
type examination struct {
	c      *config.Config
	out    io.Writer
	now    time.Time
	faults int
}

func (x *examination) ok(what, found string) { x.line("ok", what, found) }

func (x *examination) warn(what, found, do string) { x.line("warn", what, found+": "+do) }

func (x *examination) bad(what, found, do string) {
	x.faults++
	x.line("bad", what, found+": "+do)
}

func (x *examination) line(verdict, what, text string) {
	fmt.Fprintf(x.out, "%-4s  %s: %s\n", verdict, what, strings.ReplaceAll(text, "\n", "; "))
}

func (x *examination) policies(context.Context) {
	policies, problems, err := node.LoadPolicies(x.c.Policies)
	if err == nil && len(problems) == 0 {
		var docs [][]byte
		if docs, err = node.Archive(x.c.DataDir); err == nil {
			_, problems = policy.NewCatalogue(policies, docs)
		}
	}
	switch {
	case err != nil:
		x.bad("policies", strings.TrimPrefix(err.Error(), "policies: "), "write one; policies/example.yaml is complete")
	case len(problems) > 0:
		x.bad("policies", fmt.Sprintf("%d problems in %s", len(problems), x.c.Policies), "kelisim check names each")
	default:
		var sites []string
		for _, p := range policies {
			sites = append(sites, fmt.Sprintf("%s (edition %d)", p.Site, p.Issue.Number))
		}
		x.ok("policies", strings.Join(sites, ", "))
	}
}

// dataFolder looks whether this user may write into the data folder, and whether
// others may read what lies in it.
func (x *examination) dataFolder(context.Context) {
	const what = "data folder"
	dir := x.c.DataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.warn(what, dir+" is not there yet", "kelisim serve makes it; check the path")
		return
	case err != nil:
		x.bad(what, err.Error(), "give another --data-dir, or let this user read it")
		return
	case !info.IsDir():
		x.bad(what, dir+" is a file", "give another --data-dir")
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		x.bad(what, fmt.Sprintf("%s belongs to user %d, and this is user %d", dir, owner.Uid, os.Geteuid()), "run kelisim as its owner, or change the owner")
		return
	}
	if unix.Access(dir, unix.W_OK|unix.X_OK) != nil {
		x.bad(what, dir+" cannot be written", "chmod u+rwx it, or mount it writable")
		return
	}
	if info.Mode().Perm()&0o077 != 0 {
		x.warn(what, fmt.Sprintf("others may enter %s (mode %o)", dir, info.Mode().Perm()), "chmod 700 it: it holds keys and telemetry")
		return
	}
	x.ok(what, dir+" can be written, by this user alone")
}

func (x *examination) disk(context.Context) {
	dir, err := filepath.Abs(x.c.DataDir)
	if err != nil {
		x.bad("disk", err.Error(), "give another --data-dir")
		return
	}
	var at unix.Statfs_t
	for {
		err := unix.Statfs(dir, &at)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			x.bad("disk", "the free space cannot be read: "+err.Error(), "check the path of --data-dir")
			return
		}
		dir = filepath.Dir(dir) // it is made there
	}
	free := uint64(at.Bavail) * uint64(at.Bsize)
	found := mebibytes(free) + " free"
	switch {
	case free < freeAtLeast:
		x.bad("disk", found, "make room: without it decisions and events are refused with 503")
	case free < freeEnough:
		x.warn("disk", found, "make room before it is used up")
	default:
		x.ok("disk", found)
	}
}

func mebibytes(n uint64) string { return fmt.Sprintf("%d MiB", n>>20) }

// keys looks at what signs tokens, and makes none.
func (x *examination) keys(context.Context) {
	const what = "keys"
	names, err := filepath.Glob(filepath.Join(x.c.Keys, "token-*.key"))
	if err != nil || len(names) == 0 {
		x.warn(what, "none in "+x.c.Keys+" yet", "the first start makes one; nodes of one database need the same folder (--keys)")
		return
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			x.bad(what, err.Error(), "let this user read it")
			return
		}
		if info.Mode().Perm()&0o077 != 0 {
			x.bad(what, fmt.Sprintf("others may read %s (mode %o)", name, info.Mode().Perm()), "chmod 600 it: who has it can forge consents")
			return
		}
	}
	files, err := node.ReadKeys(x.c.Keys)
	if err != nil {
		x.bad(what, strings.TrimPrefix(err.Error(), "keys: "), "restore it from a copy; without it the consents it signed are lost")
		return
	}
	oldest, newest := files[0].Created, files[0].Created
	for _, k := range files {
		if k.Created.Before(oldest) {
			oldest = k.Created
		}
		if k.Created.After(newest) {
			newest = k.Created
		}
	}
	found := fmt.Sprintf("%d, the oldest %s old, the newest %s", len(files), days(x.now.Sub(oldest)), days(x.now.Sub(newest)))
	if x.now.Sub(newest) > keyAge {
		x.warn(what, found, "kelisim key rotate makes the next one; tokens of the old ones stay good")
		return
	}
	x.ok(what, found)
}

func days(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }

// proxies looks whether visitors can have addresses of their own.
func (x *examination) proxies(context.Context) {
	const what = "trusted proxies"
	host, _, err := net.SplitHostPort(x.c.Listen)
	at, parsed := netip.ParseAddr(host)
	loopback := err == nil && (host == "localhost" || parsed == nil && at.IsLoopback())
	named := make([]string, len(x.c.TrustedProxies))
	for i, p := range x.c.TrustedProxies {
		named[i] = p.String()
	}
	switch {
	case loopback && len(named) == 0:
		x.warn(what, "none, though only this machine can reach "+x.c.Listen, "name the site's web server (--trusted-proxies 127.0.0.1/32), or every visitor has its address")
	case len(named) == 0:
		x.ok(what, "none: visitors are expected to connect themselves")
	default:
		x.ok(what, strings.Join(named, ", ")+"; kelisim doctor ip shows what they come to")
	}
}

func (x *examination) addresses(context.Context) {
	bits := func(n int) string {
		if n == 0 {
			return "nothing"
		}
		return fmt.Sprintf("/%d", n)
	}
	x.ok("addresses", fmt.Sprintf("where a consent permits it, %s of IPv4 and %s of IPv6 is kept", bits(x.c.Keep.V4), bits(x.c.Keep.V6)))
}

// database looks for the engine of a running serve, for the library of the
// embedded one, or for the server of the DSN.
func (x *examination) database(ctx context.Context) {
	const what = "clickhouse"
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	if x.c.ClickHouseDSN == "" {
		access, err := embedded.Attach(ctx, x.c.DataDir)
		if err == nil {
			x.ok(what, fmt.Sprintf("the embedded one of process %d answers", access.PID))
			return
		}
		if !errors.Is(err, embedded.ErrNotRunning) {
			x.bad(what, err.Error(), "look at the log of kelisim serve")
			return
		}
		path, err := embedded.FindLibrary(x.c.ChDBLib)
		if err != nil {
			x.bad(what, err.Error(), "or use the Docker image, which has it")
			return
		}
		x.ok(what, "embedded, not running; its library is "+path)
		return
	}
	roles := node.RoleDSNs(x.c)
	db, err := storage.Open(ctx, storage.Options{DSN: x.c.ClickHouseDSN, RoleDSNs: roles})
	if err != nil {
		x.bad(what, err.Error(), "correct the DSN")
		return
	}
	defer func() { _ = db.Close() }() // nothing was written
	switch err := db.Ping(ctx); {
	case err != nil:
		x.bad(what, "the server of --clickhouse-dsn cannot be reached", "start it or correct the address; until then everything waits in the spool")
	case len(roles) < len(schema.Roles())-1:
		x.warn(what, "the server answers; one user serves several roles", "give the reports, rights and maintenance DSNs users of their own")
	default:
		x.ok(what, "the server answers, with a user for each role")
	}
}

// spool looks at what waits for the database.
func (x *examination) spool(context.Context) {
	const what = "spool"
	segments, err := os.ReadDir(filepath.Join(x.c.DataDir, "spool"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		x.bad(what, err.Error(), "let this user read it")
		return
	}
	var size int64
	var oldest time.Time
	for _, s := range segments {
		info, err := s.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // it was flushed and removed meanwhile
		}
		size += info.Size()
		if made := info.ModTime(); info.Size() > 0 && (oldest.IsZero() || made.Before(oldest)) {
			oldest = made
		}
	}
	found := fmt.Sprintf("%d files, %s", len(segments), mebibytes(uint64(size)))
	if size >= 1<<20 && x.now.Sub(oldest) > spoolAge {
		x.warn(what, found+", some of it "+x.now.Sub(oldest).Round(time.Minute).String()+" old", "the database does not take it: look at /readyz and the log")
		return
	}
	x.ok(what, found)
}

func (x *examination) countries(context.Context) {
	const what = "country database"
	db, err := node.OpenPlaces(x.c.GeoDB, slog.New(slog.DiscardHandler), func() time.Time { return x.now })
	if err != nil {
		x.bad(what, err.Error(), "name a whole file in MaxMind's format with --geo-db")
		return
	}
	is := db.Status()
	use := is.Wanted
	if !use.InUse {
		use = is.Fallback
	}
	switch {
	case is.Wanted.Problem != "":
		x.bad(what, is.Wanted.Path+": "+is.Wanted.Problem, "name a whole file in MaxMind's format with --geo-db")
	case !use.InUse:
		x.warn(what, "none: countries stay unknown", "run npm install in js/, or name a file with --geo-db")
	case use.Age > geoAge:
		x.warn(what, fmt.Sprintf("%s is %s old", use.Path, days(use.Age)), "get a newer one: networks change hands")
	default:
		x.ok(what, fmt.Sprintf("%s, %s, %s old", use.Path, use.Type, days(use.Age)))
	}
}

func (x *examination) timeZones(context.Context) {
	const known = "Asia/Almaty"
	if _, err := time.LoadLocation(known); err != nil {
		x.bad("time zones", err.Error(), "unset ZONEINFO, or let it name whole data")
		return
	}
	x.ok("time zones", known+" is known")
}
