package chdb_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// ofEveryKind are statements whose definitions the engine keeps in files.
var ofEveryKind = []string{
	measured,
	"CREATE TABLE plain (a UInt8 COMMENT 'a (bracket, a ''quote'' and ENGINE') ENGINE = Memory COMMENT 'two\nlines'",
	"CREATE TABLE of_function AS numbers(10)",
	"CREATE VIEW united AS (SELECT 1 AS a) UNION ALL (SELECT 2 AS a)",
	"CREATE VIEW with_names AS WITH 1 AS one SELECT one",
	"CREATE MATERIALIZED VIEW into_plain TO plain AS SELECT toUInt8(id) AS a FROM measured",
	"CREATE DICTIONARY looked_up (a UInt64, b String) PRIMARY KEY a SOURCE(CLICKHOUSE(TABLE 'plain')) LAYOUT(FLAT()) " +
		"LIFETIME(0)",
	"CREATE DATABASE second ENGINE = Atomic COMMENT 'of its own'",
}

// definitionFiles are the paths of the definitions of a data directory.
func definitionFiles(t *testing.T, dataDir string) (files []string) {
	t.Helper()
	for _, pattern := range []string{"metadata/*.sql", "store/*/*/*.sql"} {
		some, err := filepath.Glob(filepath.Join(dataDir, "engine", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	return files
}

// The engine writes a file in pages: whatever it leaves of a definition is told from the whole.
func TestDefinitionsCutShortAreFound(t *testing.T) {
	dir := t.TempDir()
	process, err := chdb.Start(context.Background(), chdbtest.Config(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range ofEveryKind {
		if answer, err := tryPost(process.Address(), statement); err != nil || strings.Contains(answer, "SYNTAX") {
			t.Fatalf("%s: %s %v", statement, answer, err)
		}
	}
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	// The embedded engine makes no dictionaries; data of another may have one.
	if !chdb.WholeDefinition("ATTACH DICTIONARY _ UUID '1'\n(\n    `a` UInt64\n)\nPRIMARY KEY " +
		"a\nSOURCE(CLICKHOUSE(TABLE 'plain'))\nLAYOUT(FLAT())\n") {
		t.Error("a dictionary is whole")
	}
	files := definitionFiles(t, dir)
	if len(files) < len(ofEveryKind)-1 { // a dictionary may be refused
		t.Fatalf("files %q", files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !chdb.WholeDefinition(string(text)) {
			t.Errorf("%s is whole:\n%s", file, text)
		}
		unnoticed := 0
		for n := range text {
			if chdb.WholeDefinition(string(text[:n])) {
				unnoticed++
			}
		}
		// At a line's end behind the columns a clause less is as good a definition.
		if lines := strings.Count(string(text), "\n"); unnoticed > lines/2 {
			t.Errorf("%s: %d of %d beginnings pass for whole, in %d lines", file, unnoticed, len(text), lines)
		}
	}
}

// Definitions that a full disk emptied do not keep the engine from its other tables: what a change of a table replaced
// is put back, and a table whose making nobody was told of is set aside.
func TestIncompleteDefinitionsArePutBack(t *testing.T) {
	dir := t.TempDir()
	process, err := chdb.Start(context.Background(), chdbtest.Config(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	mustPost(t, process.Address(), nil, measured)
	mustPost(t, process.Address(), nil, "INSERT INTO measured (id) VALUES (7)")
	mustPost(t, process.Address(), nil, "CREATE VIEW seen AS SELECT id FROM measured")
	mustPost(t, process.Address(), nil, "DROP VIEW seen")
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, file := range definitionFiles(t, dir) {
		if filepath.Base(file) != "measured.sql" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// As the engine does: another file takes the name.
		err = errors.Join(os.WriteFile(file+".tmp", text[:len(text)/2], 0o600), os.Rename(file+".tmp", file),
			os.WriteFile(filepath.Join(filepath.Dir(file), "unfinished.sql"), nil, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	next := chdbtest.StartIn(t, dir)
	if ids := mustPost(t, next.Address(), nil, "SELECT id FROM measured"); ids != "7" {
		t.Errorf("rows %q, want 7", ids)
	}
	if names := mustPost(t, next.Address(), nil, "SHOW TABLES"); names != "measured" {
		t.Errorf("tables %q, want measured", names)
	}
	mustPost(t, next.Address(), nil, "ALTER TABLE measured ADD COLUMN more UInt8")
	again, err := chdb.Restore(dir)
	if err != nil || len(again) != 0 {
		t.Errorf("put back again: %q, %v", again, err)
	}
}
