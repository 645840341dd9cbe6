package policy

import "strings"

// binRule says what is wrong with a business identification number; empty if
// nothing is. The last of the twelve digits is the weighted sum of the others
// modulo 11; where that gives 10, a second row of weights decides.
func binRule(bin string) string {
	if len(bin) != 12 || strings.Trim(bin, "0123456789") != "" {
		return "a BIN has twelve digits"
	}
	sum := func(weight func(i int) int) int {
		s := 0
		for i := range 11 {
			s += int(bin[i]-'0') * weight(i)
		}
		return s % 11
	}
	check := sum(func(i int) int { return i + 1 })
	if check == 10 {
		check = sum(func(i int) int { return (i+2)%11 + 1 })
	}
	if check != int(bin[11]-'0') {
		return "is no BIN: its last digit does not check"
	}
	return ""
}

// plausibleBIN reports whether the digits for the month of registration are a
// month, as in every number that was ever issued.
func plausibleBIN(bin string) bool {
	return bin[2:4] >= "01" && bin[2:4] <= "12"
}

// reservedDomain reports whether an address is under a name that is reserved
// for examples and tests.
func reservedDomain(email string) bool {
	_, host, _ := strings.Cut(strings.ToLower(email), "@")
	for _, name := range []string{"example.com", "example.org", "example.net", "example", "test", "invalid", "localhost"} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}
