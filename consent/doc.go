// Package consent is the domain: what can be asked, what was decided, and what
// a decision permits. It does no input or output and imports nothing of this
// module, so that every rule in it can be tested as arithmetic.
//
// The types that grant something (Edition, Decision) are sealed: their fields
// are unexported, their zero values permit nothing, and they are minted only by
// NewEdition, Keyring.Verify and Decide.
package consent
