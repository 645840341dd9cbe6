package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"kelisim/cmd/kelisim/config"
	"kelisim/cmd/kelisim/node"
	"kelisim/collector"
)

// doctorIP shows whose address a request would have, hop by hop, and what would
// be kept of it.
func doctorIP(args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("kelisim doctor ip", flag.ContinueOnError)
	from := flags.String("peer", "", "address that the connection comes from")
	var forwarded []string
	flags.Func("forwarded", "value of X-Forwarded-For; again for a second line of it", func(v string) error {
		forwarded = append(forwarded, v)
		return nil
	})
	c, ok, err := flagsOnly(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	peer, err := netip.ParseAddr(*from)
	if err != nil {
		return errors.New("doctor ip: --peer must be an address, such as 127.0.0.1")
	}
	client, hops := collector.Explain(peer, forwarded, c.TrustedProxies)
	for i, h := range hops {
		fmt.Fprintf(out, "hop %d: %s\n", i+1, said(h))
	}
	if !client.IsValid() {
		fmt.Fprint(out, "client: unknown\nkept: nothing\ncountry: unknown\n")
		return nil
	}
	fmt.Fprintf(out, "client: %s\n", client)
	kept := "nothing"
	if p := c.Keep.Of(client); p.IsValid() {
		kept = p.String() + ", where a consent permits it"
	}
	country, err := countryOf(c, client)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "kept: %s\ncountry: %s\n", kept, country)
	return nil
}

// said is a hop in words.
func said(h collector.Hop) string {
	switch h.Verdict {
	case collector.Believed:
		return h.Address.String() + " is a trusted proxy: what it says about the hop before is believed"
	case collector.Client:
		return h.Address.String() + " is no trusted proxy: it is the client"
	case collector.First:
		return h.Address.String() + " is a trusted proxy and names nobody before it: it is taken for the client"
	case collector.Unreadable:
		return "no address: the client is unknown, and nothing further left is read"
	case collector.TooFar:
		return "more proxies than are followed: the client is unknown"
	}
	return "not read: whoever stands right of it could have written anything"
}

// countryOf is the country of an address by the database that serve would use.
func countryOf(c *config.Config, a netip.Addr) (string, error) {
	db, err := node.OpenPlaces(c.GeoDB, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return "", err
	}
	is := db.Status()
	switch country := db.Place(a).Country; {
	case is.Wanted.Problem != "":
		return "", fmt.Errorf("country database %s: %s", is.Wanted.Path, is.Wanted.Problem)
	case !is.Wanted.InUse && !is.Fallback.InUse:
		return "unknown: there is no country database", nil
	case country == "":
		return "unknown", nil
	default:
		return country, nil
	}
}
