package schema

import (
	_ "embed"
)

// Database is the database Kelisim keeps its tables in.
const Database = "kelisim"

// Role is one of the database users Kelisim works with, each confined to what
// its work needs. The zero value is no role.
type Role string

// The roles. users/kelisim.xml says what each may do.
const (
	RoleWriter      Role = "writer"
	RoleReports     Role = "reports"
	RoleRights      Role = "rights"
	RoleMaintenance Role = "maintenance"
)

// Roles lists every role, always in the same order.
func Roles() []Role {
	return []Role{RoleWriter, RoleReports, RoleRights, RoleMaintenance}
}

// User is the name of the role's database user.
func (r Role) User() string { return "kelisim_" + string(r) }

// PasswordVariable is the environment variable from which ClickHouse reads the
// password of the role's user.
func (r Role) PasswordVariable() string {
	switch r {
	case RoleWriter:
		return "CLICKHOUSE_WRITER_PASSWORD"
	case RoleReports:
		return "CLICKHOUSE_REPORTS_PASSWORD"
	case RoleRights:
		return "CLICKHOUSE_RIGHTS_PASSWORD"
	case RoleMaintenance:
		return "CLICKHOUSE_MAINTENANCE_PASSWORD"
	default:
		return ""
	}
}

//go:embed users/kelisim.xml
var usersFile string

//go:embed server/kelisim.xml
var serverFile string

// UsersFile is the ClickHouse configuration of the four users, as
// docker-compose.yml mounts it and as the embedded engine loads it.
func UsersFile() string { return usersFile }

// ServerFile is the ClickHouse configuration that keeps a server from writing
// logs about queries, as docker-compose.yml mounts it and as the embedded
// engine loads it.
func ServerFile() string { return serverFile }
