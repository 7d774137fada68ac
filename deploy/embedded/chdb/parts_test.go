package chdb_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
)

// measured has everything that a part of the pipeline's tables has: skip indexes, a projection, compressed columns.
const measured = `CREATE TABLE measured (id UInt64, at DateTime64(3, 'UTC'), source LowCardinality(String),
	cost Decimal(18, 6), tags Array(String),
	INDEX by_id id TYPE minmax, PROJECTION sums (SELECT source, sum(cost), count() GROUP BY source))
	ENGINE = MergeTree PARTITION BY toYYYYMM(at) ORDER BY (source, at)`

const measuredRows = `INSERT INTO measured SELECT number + %d, toDateTime64('2026-03-01 00:00:00', 3, 'UTC') + number,
	's' || number %% 7, number / 3, ['a', 'b'] FROM numbers(1000)`

// partFolders are the folders of a data directory's parts that have rows of the test's own tables.
func partFolders(t *testing.T, dataDir string) (folders []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dataDir, "engine", "store", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^202603_\d+_\d+_\d+$`)
	for _, folder := range all {
		if name.MatchString(filepath.Base(folder)) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// A part of which a file is missing, empty or cut short is told from a whole one, whichever file it is.
func TestIncompletePartsAreFound(t *testing.T) {
	dir := t.TempDir()
	process, err := chdb.Start(context.Background(), chdbtest.Config(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	mustPost(t, process.Address(), nil, measured)
	mustPost(t, process.Address(), nil, "SYSTEM STOP MERGES measured")
	mustPost(t, process.Address(), nil, fmt.Sprintf(measuredRows, 0))
	mustPost(t, process.Address(), nil, "CREATE TABLE wide AS measured ENGINE = MergeTree PARTITION BY toYYYYMM(at) "+
		"ORDER BY (source, at) "+
		"SETTINGS min_bytes_for_wide_part = 0")
	mustPost(t, process.Address(), nil, strings.Replace(fmt.Sprintf(measuredRows, 0), "measured", "wide", 1))
	mustPost(t, process.Address(), nil, "ALTER TABLE wide ADD COLUMN late UInt8 DEFAULT 3, DELETE WHERE id = 5 "+
		"SETTINGS mutations_sync = 1")
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	parts := partFolders(t, dir)
	if len(parts) < 2 {
		t.Fatalf("parts %q, want one of each table", parts)
	}
	for _, part := range parts {
		if err := chdb.CheckPart(part); err != nil {
			t.Errorf("a whole part: %v", err)
		}
		err := filepath.WalkDir(part, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			whole, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, keep := range []int{-1, 0, len(whole) - 1} {
				if keep == len(whole) || keep > 0 && len(whole) < 5 {
					continue // empty as it is; or a number, of which a digit less is another
				}
				if keep < 0 {
					err = os.Remove(path)
				} else {
					err = os.Truncate(path, int64(keep))
				}
				if err != nil {
					return err
				}
				found := chdb.CheckPart(part)
				listed := !strings.HasSuffix(path, "metadata_version.txt") &&
					!strings.HasSuffix(path, "default_compression_codec.txt") &&
					!strings.HasSuffix(path, "columns.txt") && !strings.HasSuffix(path, "columns_substreams.txt") &&
					!strings.HasSuffix(path, "serialization.json")
				switch {
				case !listed && keep < 0, // a file that may be left out
					strings.HasSuffix(path, "default_compression_codec.txt") && keep > 0:
				case !errors.Is(found, chdb.Incomplete) || !strings.Contains(found.Error(), filepath.Base(path)):
					t.Errorf("%s with %d of %d bytes: %v", path, keep, len(whole), found)
				}
				if err := os.WriteFile(path, whole, 0o600); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := chdb.CheckPart(part); err != nil {
			t.Errorf("a part made whole again: %v", err)
		}
	}
}

// A part that the engine believes in and that is not whole on disk ends the engine before what it was merged of is
// deleted; the next one sets it aside and has the rows.
func TestAnIncompleteMergeIsUndone(t *testing.T) {
	dir := t.TempDir()
	process, err := chdb.Start(context.Background(), chdbtest.Config(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = process.Kill() }()
	mustPost(t, process.Address(), nil, measured)
	mustPost(t, process.Address(), nil, fmt.Sprintf(measuredRows, 0))
	mustPost(t, process.Address(), nil, fmt.Sprintf(measuredRows, 1000))
	mustPost(t, process.Address(), nil, "SYSTEM STOP MERGES measured")
	// As a full disk does: the file is empty when the part gets its name.
	damaged := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				damaged <- errors.New("there was no merge")
				return
			default:
			}
			for _, folder := range partFolders(t, dir) {
				if strings.HasSuffix(folder, "_1") {
					damaged <- os.Truncate(filepath.Join(folder, "sums.proj", "columns.txt"), 0)
					return
				}
			}
		}
	}()
	mustPost(t, process.Address(), nil, "SYSTEM START MERGES measured")
	// The answer may come before the end.
	if answer, err := tryPost(process.Address(), "OPTIMIZE TABLE measured FINAL"); err == nil && answer != "" {
		t.Logf("OPTIMIZE: %s", answer)
	}
	select {
	case err := <-damaged:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		close(stop)
		t.Fatal(<-damaged)
	}
	// A look that came before the damage holds the part for whole: only a new part is looked at. So the engine is killed
	// here where it has not ended itself; both ways lead to the same next start.
	select {
	case <-process.Done():
		if err := process.Err(); !errors.Is(err, chdb.ErrIncomplete) {
			t.Errorf("it ended: %v", err)
		}
	case <-time.After(5 * time.Second):
		_ = process.Kill()
	}
	next := chdbtest.StartIn(t, dir)
	if rows := mustPost(t, next.Address(), nil, "SELECT count(), sum(id) FROM measured"); rows != "2000\t1999000" {
		t.Errorf("rows after the next start: %s, want 2000 with the sum 1999000", rows)
	}
	status, err := next.Status(context.Background())
	if err != nil || status.PartsSetAside != 1 {
		t.Errorf("status %+v, %v: want one part set aside", status, err)
	}
	reason := mustPost(t, next.Address(), nil, "SELECT reason FROM system.detached_parts WHERE table = 'measured'")
	if reason != "broken-on-start" {
		t.Errorf("set aside as %q", reason)
	}
}

// Whatever is new is looked at once, and what was found whole is not looked at again.
func TestLooksAtNewPartsOnly(t *testing.T) {
	dir := t.TempDir()
	process, err := chdb.Start(context.Background(), chdbtest.Config(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	mustPost(t, process.Address(), nil, measured)
	mustPost(t, process.Address(), nil, fmt.Sprintf(measuredRows, 0))
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	look := chdb.Looker(dir)
	if err := look(); err != nil {
		t.Fatal(err)
	}
	first := partFolders(t, dir)[0]
	second := filepath.Join(filepath.Dir(first), "202603_9_9_0")
	if err := os.CopyFS(second, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(second, "checksums.txt"), 0); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it stays so until somebody does something about it
		if err := look(); !errors.Is(err, chdb.Incomplete) || !strings.Contains(err.Error(), "202603_9_9_0") {
			t.Fatalf("a new part without its list: %v", err)
		}
	}
	moved, err := chdb.Sweep(dir)
	if err != nil || len(moved) != 1 || !strings.Contains(moved[0], "202603_9_9_0") {
		t.Fatalf("swept %q, %v", moved, err)
	}
	if err := look(); err != nil {
		t.Error(err)
	}
	if again, err := chdb.Sweep(dir); err != nil || len(again) != 0 {
		t.Errorf("swept again: %q, %v", again, err)
	}
}
