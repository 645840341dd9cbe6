package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"kelisim/cmd/kelisim/node"
)

const keyUsage = "usage: kelisim key list | rotate | prune"

// key manages the keys that sign tokens. No word shows a secret.
func key(_ context.Context, args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return errors.New(keyUsage)
	}
	flags := flag.NewFlagSet("kelisim key "+args[0], flag.ContinueOnError)
	c, rest, ok, err := settings(flags, args[1:], out, errs, nil)
	if err != nil || !ok {
		return err
	}
	now := time.Now()
	switch {
	case len(rest) > 0:
		return errors.New(keyUsage)
	case args[0] == "list":
		keys, err := node.ReadKeys(c.Keys)
		if err != nil {
			return err
		}
		listKeys(keys, now, out)
		return nil
	case args[0] == "rotate":
		k, err := node.RotateKey(c.Keys, now, rand.Reader)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "key %d is made; every node reads it within seconds, and it signs from %s; tokens of older keys stay good\n", k.ID, stamp(k.Begins()))
		return nil
	case args[0] == "prune":
		removed, err := node.PruneKeys(c.Keys, now)
		for _, k := range removed {
			fmt.Fprintf(out, "key %d is removed\n", k.ID)
		}
		if err == nil && len(removed) == 0 {
			fmt.Fprintln(out, "no key can be removed yet; kelisim key list says when")
		}
		return err
	}
	return errors.New(keyUsage)
}

func listKeys(keys node.KeyFiles, now time.Time, out io.Writer) {
	signer := keys.Signer(now)
	for _, k := range keys {
		age := "made " + stamp(k.Created)
		if !k.Recorded {
			age = "does not tell when it was made"
		} else if days := int(now.Sub(k.Created).Hours() / 24); days > 0 {
			age += fmt.Sprintf(" (%d days ago)", days)
		}
		does := "verifies"
		switch at, ok := keys.Removable(k.ID, now); {
		case k.ID == signer.ID:
			does = "signs"
		case k.ID > signer.ID:
			does = "verifies; signs from " + stamp(k.Begins())
		case ok && !now.Before(at):
			does = "its last token is dead: kelisim key prune removes it"
		case ok:
			does = "verifies until " + stamp(at)
		}
		fmt.Fprintf(out, "key %d\t%s\t%s\n", k.ID, age, does)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
