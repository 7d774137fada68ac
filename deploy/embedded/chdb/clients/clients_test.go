package clients

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// Versions of the clients, each the newest that the tests ran with; the JDBC driver's is in testdata/pom.xml.
const (
	pythonClient = "clickhouse-connect==1.12.0"
	nodeClient   = "@clickhouse/client@1.23.1"
	javaClient   = "clickhouse-jdbc-0.10.0"
)

// limit is for one client's run, its fetching included.
const limit = 5 * time.Minute

// need skips a test where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here (Debian: apt-get install python3-pip nodejs npm default-jdk-headless maven)", program)
		}
	}
}

// fetched returns a folder into which install has put a client, once for this user.
func fetched(t *testing.T, name string, install func(dir string) *exec.Cmd) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "tributary", "clients", strings.NewReplacer("/", "_", "@", "", "=", "-").Replace(name))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "fetching-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	command := install(fresh)
	command.Dir = fresh
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("fetching %s with %s: %v\n%s", name, command, err, out)
	}
	// Of two that fetch at once the second finds the first one's.
	if err := os.Rename(fresh, dir); err != nil {
		if _, missing := os.Stat(dir); missing != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a client's script, which prints "done" when everything was as it must be.
func run(t *testing.T, env []string, program string, arguments ...string) {
	t.Helper()
	engine := chdbtest.Start(t)
	database := strings.ToLower(t.Name())
	conn, err := clickhouse.Open(engine.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(t.Context(), "CREATE DATABASE "+database); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(engine.Address())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, program, append(arguments, port, database, chdbtest.Password, chdbtest.GuestPassword)...)
	command.Env = append(os.Environ(), env...)
	out, err := command.CombinedOutput()
	if err != nil || !bytes.HasSuffix(bytes.TrimSpace(out), []byte("done")) {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	slotsAreFree(t, engine)
}

// slotsAreFree holds that nothing of a client goes on in the engine after it.
func slotsAreFree(t *testing.T, engine *chdb.Process) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		status, err := engine.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status.Roles.Running == 0 && status.Guests.Running == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("queries go on after their client: %+v", status)
		}
	}
}

func TestPython(t *testing.T) {
	need(t, "python3")
	t.Parallel() // each waits for a registry of its own, then for its client
	if err := exec.Command("python3", "-m", "pip", "--version").Run(); err != nil {
		t.Skipf("pip for python3 is not installed here (Debian: apt-get install python3-pip): %v", err)
	}
	version, err := exec.Command("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s-python%s", pythonClient, bytes.TrimSpace(version))
	dir := fetched(t, name, func(dir string) *exec.Cmd {
		return exec.Command("python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--target", dir, pythonClient)
	})
	run(t, []string{"PYTHONPATH=" + dir, "PYTHONDONTWRITEBYTECODE=1"}, "python3", filepath.Join("testdata", "client.py"))
}

func TestNode(t *testing.T) {
	need(t, "node", "npm")
	t.Parallel() // each waits for a registry of its own, then for its client
	dir := fetched(t, nodeClient, func(string) *exec.Cmd {
		return exec.Command("npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", nodeClient)
	})
	// A script finds its modules beside it.
	script, err := os.ReadFile(filepath.Join("testdata", "client.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	here := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "node_modules"), filepath.Join(here, "node_modules")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(here, "client.mjs")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "node", path)
}

func TestJava(t *testing.T) {
	need(t, "java", "javac", "mvn")
	t.Parallel() // each waits for a registry of its own, then for its client
	pom, err := filepath.Abs(filepath.Join("testdata", "pom.xml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := fetched(t, javaClient, func(dir string) *exec.Cmd {
		return exec.Command("mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
	run(t, nil, "java", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(dir, "*"), filepath.Join("testdata", "Client.java"))
}
