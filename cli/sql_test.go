package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/deploy/config"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// The command that `up` and `demo` print must work as it is printed, from a terminal without their flags and variables.
func TestPrintedSQLCommandWorks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's data")
	users, err := chdb.KeptUsers(dir)
	if err != nil {
		t.Fatal(err)
	}
	engine := chdbtest.Config(t, t.TempDir())
	engine.Users = users
	process, err := chdb.Start(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte("clickhouse: {database: default}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := &environment{configFile: file, set: []string{"clickhouse.addr=" + process.Address()}, environ: []string{"TRIBUTARY_DATA_DIR=" + dir}}
	from := env.sources()
	from.Sections = []string{}
	loaded, err := config.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	var greeting bytes.Buffer
	command := env.sqlCommand(from, loaded)
	greet(&greeting, &loaded.Config, "", command, "")
	if !strings.Contains(greeting.String(), command+" 'SELECT * FROM epc_roi_by_campaign'") || strings.Contains(greeting.String(), "8123") {
		t.Errorf("up prints %s", greeting.String())
	}
	words := shellWords(command)
	if want := []string{"tributary", "sql", "--config", file, "--set", "data_dir=" + dir, "--set", "clickhouse.addr=" + process.Address()}; strings.Join(words, "|") != strings.Join(want, "|") {
		t.Fatalf("the command is %q, want %q", words, want)
	}
	code, stdout, stderr := run(t, nil, append(words[1:], "SELECT getSetting('readonly'), 'x' AS b")...)
	if code != ExitOK || stdout != "1\tx\n" {
		t.Errorf("code %d, printed %q, %s", code, stdout, stderr)
	}
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{append(words[1:], "CREATE TABLE t (a UInt8) ENGINE = Memory"), ExitFailure, "readonly mode"},
		{append(words[1:], "SELECT 1", "FROM x"), ExitUsage, "put the query in quotes"},
		{append(words[1:], " ; "), ExitUsage, "the query is empty"},
		{append(words[1:], "--set", "clickhouse.addr=127.0.0.1:1", "SELECT 1"), ExitFailure, "reaching ClickHouse at 127.0.0.1:1 (clickhouse.addr): nobody answers"},
		{append(words[1:], "--set", "data_dir="+t.TempDir(), "SELECT 1"), ExitFailure, "no `tributary up` has run with this data_dir"},
	} {
		if code, stdout, stderr := run(t, nil, test.args...); code != test.code || stdout != "" || !strings.Contains(stderr, test.says) {
			t.Errorf("%q: code %d, printed %q, %s", test.args, code, stdout, stderr)
		}
	}
}

// shellWords splits as a shell does what shellWord quoted.
func shellWords(line string) (words []string) {
	var word strings.Builder
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted = !quoted
		case c == '\\' && !quoted:
			i++
			word.WriteByte(line[i])
		case c == ' ' && !quoted:
			words = append(words, word.String())
			word.Reset()
		default:
			word.WriteByte(c)
		}
	}
	return append(words, word.String())
}
