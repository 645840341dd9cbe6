package schema_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"kelisim/cmd/kelisim/config"
	"kelisim/storage"
	"kelisim/storage/schema"
)

// root is the top of the repository.
const root = "../.."

func compose(t *testing.T) *types.Project {
	t.Helper()
	var environment []string
	for _, role := range schema.Roles() {
		environment = append(environment, role.PasswordVariable()+"=password0of0"+string(role))
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithEnv(environment))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeFile(t *testing.T) {
	project := compose(t)
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, service := range project.Services {
		for variable := range service.Environment {
			if strings.HasPrefix(variable, "KELISIM_") && !config.Known(variable) {
				t.Errorf("service %s: the configuration does not know %s", name, variable)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("service %s mounts what is not there: %v", name, err)
			}
			if rel, err := filepath.Rel(top, volume.Source); err != nil || strings.HasPrefix(rel, "..") {
				t.Errorf("service %s mounts %s from outside the project", name, volume.Source)
			}
			if !volume.ReadOnly {
				t.Errorf("service %s may write to %s", name, volume.Target)
			}
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("service %s opens port %s to other machines", name, port.Published)
			}
		}
	}
	if len(project.Services["clickhouse"].Ports) != 0 {
		t.Error("the database has a port of its own on the host")
	}
}

func TestComposeGivesEachRoleItsUser(t *testing.T) {
	project := compose(t)
	mounted := map[string]string{}
	for _, volume := range project.Services["clickhouse"].Volumes {
		mounted[volume.Target] = volume.Source
	}
	for target, want := range map[string]string{
		"/etc/clickhouse-server/users.d/kelisim.xml":  schema.UsersFile(),
		"/etc/clickhouse-server/config.d/kelisim.xml": schema.ServerFile(),
	} {
		text, err := os.ReadFile(mounted[target])
		if err != nil || string(text) != want {
			t.Errorf("%s is not the file the embedded engine loads: %v", target, err)
		}
	}
	server, collector := project.Services["clickhouse"], project.Services["kelisim"]
	for _, role := range schema.Roles() {
		password := server.Environment[role.PasswordVariable()]
		if password == nil || *password == "" {
			t.Errorf("the server is not given %s", role.PasswordVariable())
			continue
		}
		variable := "KELISIM_CLICKHOUSE_" + strings.ToUpper(string(role)) + "_DSN"
		if role == schema.RoleWriter {
			variable = "KELISIM_CLICKHOUSE_DSN"
		}
		dsn := collector.Environment[variable]
		want := "clickhouse://" + role.User() + ":" + *password + "@clickhouse:9000/" + schema.Database
		if dsn == nil || *dsn != want {
			t.Errorf("%s does not name user and password of %s", variable, role)
			continue
		}
		if err := storage.CheckDSN(*dsn); err != nil {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

// The build line of the Dockerfile is run as it stands, but for the place of the
// result, and must give a program that a glibc base can start.
func TestDockerfileBuilds(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	const line = "CGO_ENABLED=0 go build -trimpath -o bin/kelisim ./cmd/kelisim"
	lines := strings.Split(string(text), "\n")
	if !slices.Contains(lines, "RUN "+line) {
		t.Fatalf("the Dockerfile has no line RUN %s", line)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "USER ") && l != "USER root" }) {
		t.Error("the image runs as root")
	}
	binary := filepath.Join(t.TempDir(), "kelisim")
	command := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(line, "bin/kelisim", binary, 1))
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	if runtime.GOOS != "linux" {
		return // what follows is about the image
	}
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, library := range libraries {
		if !slices.Contains([]string{"libc.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}, library) {
			t.Errorf("the program needs %s, which the image does not have", library)
		}
	}
}
