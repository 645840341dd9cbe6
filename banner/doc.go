// Package banner makes what a visitor is asked: a policy and a language become
// the banner's document, with every sentence whole and every date, number and
// country in its own form. It also holds the texts of the privacy page and the
// built browser files, whose content hashes it knows.
package banner
