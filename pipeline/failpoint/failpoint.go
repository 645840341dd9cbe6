//go:build !failpoints

// Package failpoint is where a test build dies. In an ordinary build Hit is empty
// and costs nothing; with the build tag failpoints the environment says at which
// point what happens, so that a crash can be had at every step of the way from
// the acknowledgement to the database.
package failpoint

// Hit is a named place. In this build nothing happens there.
func Hit(string) {}
