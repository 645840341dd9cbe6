//go:build !race

package pipeline_test

// triples is how many random (policy, decision, event) triples are tried.
const triples = 1_000_000
