package schema_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"kelisim/storage/schema"
	"kelisim/storage/storagetest"
)

// The embedded engine loads the very files that docker-compose.yml mounts: a
// user it knows came from there.
func TestUserFilesAreLoadedByTheEngine(t *testing.T) {
	for name, text := range map[string]string{
		"users/kelisim.xml": schema.UsersFile(), "server/kelisim.xml": schema.ServerFile(),
	} {
		onDisk, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(onDisk) != text {
			t.Errorf("%s is not what the engine loads", name)
		}
	}
	for _, role := range schema.Roles() {
		if !strings.Contains(schema.UsersFile(), `from_env="`+role.PasswordVariable()+`"`) {
			t.Errorf("the password of %s does not come from %s", role, role.PasswordVariable())
		}
	}
	db := storagetest.DB(t)
	for role, conn := range map[schema.Role]driver.Conn{
		schema.RoleWriter: db.Writer(), schema.RoleReports: db.Reports(),
		schema.RoleRights: db.Rights(), schema.RoleMaintenance: db.Maintenance(),
	} {
		var name string
		if err := conn.QueryRow(t.Context(), "SELECT currentUser()").Scan(&name); err != nil {
			t.Fatal(err)
		}
		if name != role.User() {
			t.Errorf("role %s logs in as %s, want %s", role, name, role.User())
		}
	}
}
