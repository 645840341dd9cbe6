// Package schema is the shape of the database: its tables and reader views as
// numbered migrations, the users that may touch them, and the settings a
// ClickHouse server needs so that it keeps no copy of what passes through.
//
// # Laws of the schema
//
// Every table that holds personal data carries expires_at (or keep_until) in
// each row and a TTL on it. Every column has a comment that ends with the field
// which licenses it, so that nobody adds a column without saying by what right.
// A view for the dashboard is named report_...: the reports user may read
// exactly those.
package schema
