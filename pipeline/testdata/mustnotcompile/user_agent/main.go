// What is kept has no room for a User-Agent.
//
// want: unknown field UserAgent in struct literal of type minimise.Values
package main

import "kelisim/pipeline/minimise"

func main() { _ = minimise.Values{UserAgent: "Mozilla/5.0"} }
