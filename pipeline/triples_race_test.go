//go:build race

package pipeline_test

// triples is how many random triples are tried while the race detector watches,
// which makes each of them many times slower.
const triples = 40_000
