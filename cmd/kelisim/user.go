package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"kelisim/cmd/kelisim/node"
	"kelisim/dashboard/accounts"
)

const userUsage = "usage: kelisim user add NAME [--role marketing|privacy] [--password-stdin] | list | remove NAME"

// user manages the accounts of the dashboard.
func user(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return errors.New(userUsage)
	}
	word, args := args[0], args[1:]
	var name string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("kelisim user "+word, flag.ContinueOnError)
	role := flags.String("role", string(accounts.Marketing), "marketing or privacy")
	fromStdin := flags.Bool("password-stdin", false, "read the password from standard input instead of making one")
	c, rest, ok, err := settings(flags, args, out, errs, nil)
	if err != nil || !ok {
		return err
	}
	if name == "" && len(rest) > 0 {
		name = rest[0]
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return err
	}
	all, err := accounts.Open(accounts.Options{Path: node.AccountsFile(c.DataDir)})
	if err != nil {
		return err
	}
	switch {
	case word == "list":
		return listUsers(ctx, all, out)
	case name == "":
		return errors.New(userUsage)
	case word == "add":
		return addUser(ctx, all, name, accounts.Role(*role), *fromStdin, out)
	case word == "remove":
		if err := all.Remove(ctx, name); err != nil {
			return err
		}
		fmt.Fprintf(out, "account %s is removed\n", name)
		return nil
	}
	return errors.New(userUsage)
}

func addUser(ctx context.Context, all *accounts.Accounts, name string, role accounts.Role, fromStdin bool, out io.Writer) error {
	var password string
	var err error
	if fromStdin {
		password, err = bufio.NewReader(os.Stdin).ReadString('\n')
		password = strings.TrimRight(password, "\r\n")
		if errors.Is(err, io.EOF) {
			err = nil
		}
	} else {
		password, err = accounts.GeneratePassword(rand.Reader)
	}
	if err != nil {
		return err
	}
	if err := all.Add(ctx, name, role, password); err != nil {
		return err
	}
	if fromStdin {
		fmt.Fprintf(out, "account %s is added\n", name)
		return nil
	}
	fmt.Fprintf(out, "account %s is added; its password, shown this once: %s\n", name, password)
	return nil
}

func listUsers(ctx context.Context, all *accounts.Accounts, out io.Writer) error {
	list, err := all.List(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(out, "there are no accounts yet; kelisim user add NAME makes one")
	}
	for _, a := range list {
		fmt.Fprintf(out, "%s\t%s\tsince %s\n", a.Name, a.Role, a.Created.Format("2006-01-02"))
	}
	return nil
}
