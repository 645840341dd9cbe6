package datadir_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"kelisim/storage/datadir"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// TestFilesAreWhole: a write that fails leaves what was there, and nothing else.
func TestFilesAreWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	broken := func(w io.Writer) error {
		return errors.Join(text("half")(w), errors.New("no more"))
	}
	for _, step := range []struct {
		do    func(string, func(io.Writer) error) error
		write func(io.Writer) error
		fails bool
		want  string
	}{
		{datadir.Create, broken, true, ""},
		{datadir.Replace, broken, true, ""},
		{datadir.Create, text("one"), false, "one"},
		{datadir.Create, text("two"), true, "one"},
		{datadir.Replace, broken, true, "one"},
		{datadir.Replace, text("three"), false, "three"},
	} {
		if err := step.do(path, step.write); (err != nil) != step.fails {
			t.Errorf("error %v, want one: %v", err, step.fails)
		}
		b, err := os.ReadFile(path)
		if string(b) != step.want || (err != nil) != (step.want == "") {
			t.Errorf("the file holds %q, want %q: %v", b, step.want, err)
		}
		names, err := os.ReadDir(dir)
		if err != nil || len(names) > 1 || step.want == "" && len(names) > 0 {
			t.Errorf("%d names are left: %v", len(names), err)
		}
	}
	if err := datadir.Create(path, text("")); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", err)
	}
}
