package clickhouse

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var files embed.FS

// A Migration is one SQL file.
type Migration struct {
	// Version is the file's number: 1, 2, 3 … without gaps.
	Version uint32
	// Name is the rest of its file name.
	Name string
	// Checksum is the SHA-256 of the file in hex.
	Checksum string
	// statements have {database} where the database's name goes.
	statements []string
}

// Migrations returns every migration in order.
func Migrations() ([]Migration, error) {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("opening the migrations: %w", err)
	}
	return readMigrations(sub)
}

func readMigrations(dir fs.FS) ([]Migration, error) {
	entries, err := fs.ReadDir(dir, ".") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("listing the migrations: %w", err)
	}
	var migrations []Migration
	for _, entry := range entries {
		number, name, found := strings.Cut(strings.TrimSuffix(entry.Name(), ".sql"), "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil || !found || len(number) != 4 || !strings.HasSuffix(entry.Name(), ".sql") {
			return nil, fmt.Errorf("naming migration %s: want four digits, an underscore, words and .sql", entry.Name())
		}
		if int(version) != len(migrations)+1 {
			return nil, fmt.Errorf("naming migration %s: its number should be %04d", entry.Name(), len(migrations)+1)
		}
		text, err := fs.ReadFile(dir, entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading migration %s: %w", entry.Name(), err)
		}
		statements := splitStatements(string(text))
		if len(statements) == 0 && !strings.HasPrefix(string(text), comment) {
			return nil, fmt.Errorf("reading migration %s: it has no statement, and no comment that says why", entry.Name())
		}
		sum := sha256.Sum256(text)
		migrations = append(migrations, Migration{uint32(version), name, hex.EncodeToString(sum[:]), statements})
	}
	return migrations, nil
}

// comment begins a line that says something to the reader of a file.
const comment = "-- "

// splitStatements cuts at a semicolon that ends a line; no comment of ours does. Comments before a statement are left out.
func splitStatements(text string) []string {
	var statements []string
	for part := range strings.SplitSeq(text+"\n", ";\n") {
		part = strings.TrimSpace(part)
		for strings.HasPrefix(part, comment) {
			_, part, _ = strings.Cut(part, "\n")
			part = strings.TrimSpace(part)
		}
		if part != "" {
			statements = append(statements, part)
		}
	}
	return statements
}
