// Package embedded runs a ClickHouse of Kelisim's own: the program starts itself
// again as a child, the child loads libchdb and answers ClickHouse's native
// protocol on a free loopback port.
//
// # Life of the child
//
// The child lives on a pipe it inherits. When the parent stops it, or dies in
// whatever way, the pipe closes, the child ends its session and exits; if that
// takes too long it exits hard. After a crash it is started again, with growing
// pauses, on the same port and with the same passwords, so that open connection
// pools find it again.
//
// A program that uses this package must begin with:
//
//	if embedded.IsChild() {
//		os.Exit(embedded.RunChild())
//	}
//
// and so must the TestMain of every test that starts an engine.
package embedded
