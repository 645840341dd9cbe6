// Package geo finds the place of an address in a local database file, so that no
// address leaves the process. It reads MaxMind's format: GeoIP2 and GeoLite2, City
// or Country, DB-IP's files of the same shape, and flat files whose records hold
// country_code alone.
//
// A file is read into memory, never mapped: whatever happens to it on disk, what is
// in use stays whole, and the garbage collector frees it when the last lookup is
// done. Every record is read and checked once, when the file is loaded; a lookup
// walks the tree and takes a place that is ready. No address is kept, cached or
// logged.
//
// A file that is missing, damaged, of a wrong kind or old is said in the log, once,
// and survived: the last good one stays in use, else the fallback, else there are
// no places.
package geo

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"kelisim/pipeline/enrich"
)

// Options of a database.
type Options struct {
	Path     string           // the file that is wanted; empty: the fallback alone
	Fallback string           // the file that stands in while the other was never good; empty: none
	Logger   *slog.Logger     // needed
	Now      func() time.Time // needed; for the age of files
	Every    time.Duration    // between two looks at the files; one minute when it is zero
	MaxAge   time.Duration    // an older file is used and complained of; 180 days when it is zero
}

// Database answers from the files. It is safe for concurrent use. A nil one and the
// zero one know no place.
type Database struct {
	current atomic.Pointer[atlas]

	o               Options
	mu              sync.Mutex // held while files are read, never by a lookup
	wanted, standin candidate
}

// Open reads the files. It fails on bad options only: a file that cannot be used is
// said in the log.
func Open(o Options) (*Database, error) {
	if o.Logger == nil || o.Now == nil {
		return nil, errors.New("geo: a logger and a clock are needed")
	}
	if o.Every < 0 || o.MaxAge < 0 {
		return nil, errors.New("geo: a period is negative")
	}
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.MaxAge == 0 {
		o.MaxAge = 180 * 24 * time.Hour
	}
	d := &Database{o: o, wanted: candidate{path: o.Path}, standin: candidate{path: o.Fallback}}
	d.look()
	return d, nil
}

// Place finds the place of an address; what is not known is empty. It takes no lock.
func (d *Database) Place(a netip.Addr) enrich.Place {
	if d == nil {
		return enrich.Place{}
	}
	return d.current.Load().place(outward(a))
}

// Run looks at the files until the context ends, and takes them up when they
// change or appear.
func (d *Database) Run(ctx context.Context) {
	if d == nil || d.o.Every == 0 {
		return
	}
	ticks := time.NewTicker(d.o.Every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			d.look()
		}
	}
}

// look reads what has changed and decides which file is in use.
func (d *Database) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say(&d.wanted, d.wanted.look())
	if d.wanted.good == nil {
		d.say(&d.standin, d.standin.look())
	}
	use, other := &d.wanted, &d.standin
	if d.wanted.good == nil {
		use, other = &d.standin, &d.wanted
	} else {
		d.standin = candidate{path: d.standin.path} // its memory is not needed any more
	}
	other.inUse = false
	if use.good != d.current.Load() {
		d.current.Store(use.good)
		use.inUse = use.good != nil
		if use.inUse {
			d.o.Logger.Info("geo: a database is in use", "path", use.path, "type", use.good.kind,
				"built", use.good.built.Format(time.DateOnly), "networks", use.good.networks, "places", len(use.good.places))
		}
	}
	if use.inUse && !use.saidOld && d.age(use.good) > d.o.MaxAge {
		use.saidOld = true
		d.o.Logger.Warn("geo: the database is old; addresses move, so countries will be wrong more and more",
			"path", use.path, "built", use.good.built.Format(time.DateOnly), "days", int(d.age(use.good).Hours()/24),
			"remedy", "put a newer file in its place; it is taken up without a restart")
	}
}

func (d *Database) age(a *atlas) time.Duration { return d.o.Now().Sub(a.built) }

// say logs what look found wrong with a file, with what follows from it.
func (d *Database) say(s *candidate, fresh bool) {
	if !fresh || s.problem == nil {
		return
	}
	follows := "no places are known"
	switch {
	case s.good != nil:
		follows = "the last good one stays in use, built " + s.good.built.Format(time.DateOnly)
	case s == &d.wanted && d.standin.path != "":
		follows = "the fallback is tried"
	}
	d.o.Logger.Warn("geo: a database cannot be used", "path", s.path, "problem", s.problem, "follows", follows, "remedy", remedy(s.problem))
}

// remedy says what an operator can do.
func remedy(problem error) string {
	switch {
	case errors.Is(problem, errMissing):
		return "put the file there; it is taken up without a restart"
	case errors.Is(problem, ErrKind):
		return "take a City or Country database in MaxMind's format"
	case errors.Is(problem, errUnsettled):
		return "none: it is read again; write new files elsewhere and rename them into place"
	}
	return "fetch the file again, and rename it into place when it is whole"
}

// Status is the state of both files, for a person who looks for a fault.
type Status struct{ Wanted, Fallback File }

// File is the state of one file.
type File struct {
	Path     string // empty: none is configured
	InUse    bool
	Type     string        // as the file calls itself; of the one that is loaded
	Built    time.Time     // zero: none is loaded
	Age      time.Duration // since it was built
	Old      bool          // older than is tolerated
	Networks int
	Places   int
	Problem  string // what is wrong with the file on disk; empty: nothing
}

// Status reports the state of the files as it was found at the last look.
func (d *Database) Status() Status {
	if d == nil {
		return Status{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return Status{Wanted: d.file(&d.wanted), Fallback: d.file(&d.standin)}
}

func (d *Database) file(s *candidate) File {
	f := File{Path: s.path, InUse: s.inUse}
	if s.problem != nil {
		f.Problem = s.problem.Error()
	}
	if a := s.good; a != nil {
		f.Type, f.Built, f.Age, f.Networks, f.Places = a.kind, a.built, d.age(a), a.networks, len(a.places)
		f.Old = f.Age > d.o.MaxAge
	}
	return f
}
