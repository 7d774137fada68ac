package backup

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tree writes files by path and content.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, content := range files {
		at := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	bytes, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes)
}

// kept is an installation whose spool is beside its data, and whose counts of caps are in a folder with other things.
func kept(t *testing.T) (root string, folders []Folder) {
	t.Helper()
	root = t.TempDir()
	tree(t, root, map[string]string{
		"data/lock": "1\n", "data/click_id_key": "secret", "data/kafka/partitions/clicks-0/0.dat": "records",
		"data/clickhouse/engine/store/abc/all_1_1_0/data.bin": "column", "data/clickhouse/engine/store/abc/all_1_1_0/count.txt": "1",
		"data/processor/000001.sst": "table", "data/processor/LOCK": "", "data/backup/left.request": "",
		"spool/1.segment": "acknowledged", "etc/caps.json": "counts", "etc/passwd": "of others",
	})
	if err := os.Symlink("../../store/abc", filepath.Join(root, "data/clickhouse/engine/store/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "data/clickhouse/engine/empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	return root, places(
		filepath.Join(root, "data"),
		filepath.Join(root, "data/processor"),
		filepath.Join(root, "spool"),
		filepath.Join(root, "etc"),
	)
}

func places(data, processor, spool, caps string) []Folder {
	return []Folder{
		{Name: FolderData, Path: data},
		{Name: FolderProcessor, Path: processor},
		{Name: FolderSpool, Path: spool},
		{Name: FolderCaps, Path: caps, Only: "caps.json"},
	}
}

// elsewhere has its state outside and its spool inside of data_dir.
func elsewhere(t *testing.T) (root string, folders []Folder) {
	root = t.TempDir()
	return root, places(filepath.Join(root, "d"), filepath.Join(root, "state"), filepath.Join(root, "d/spool"), root)
}

func written(t *testing.T) (folder string) {
	t.Helper()
	root, folders := kept(t)
	at := filepath.Join(root, "data", exchangeFolder, "x"+snapshotEnd)
	if _, err := Take(t.Context(), folders, at); err != nil {
		t.Fatal(err)
	}
	// What comes later is not of the moment: the log grows, a state's table goes, a key changes.
	tree(t, root, map[string]string{"data/clickhouse/engine/store/abc/all_1_1_0/count.txt": "2"})
	grow(t, filepath.Join(root, "data/kafka/partitions/clicks-0/0.dat"))
	if err := os.Remove(filepath.Join(root, "data/processor/000001.sst")); err != nil {
		t.Fatal(err)
	}
	s, err := Open(at)
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(t.TempDir(), "copy")
	if _, err := Write(t.Context(), WriteOptions{Snapshot: s, To: folder, Version: "v1"}); err != nil {
		t.Fatal(err)
	}
	return folder
}

func grow(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("more"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestARestoreHasTheMomentsFilesInTheConfiguredPlaces(t *testing.T) {
	from := written(t)
	root, folders := elsewhere(t)
	if _, err := Restore(t.Context(), RestoreOptions{From: from, Folders: folders}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"d/click_id_key": "secret", "d/kafka/partitions/clicks-0/0.dat": "records", "d/clickhouse/engine/store/abc/all_1_1_0/data.bin": "column",
		"d/clickhouse/engine/store/abc/all_1_1_0/count.txt": "1", "state/000001.sst": "table", "d/spool/1.segment": "acknowledged", "caps.json": "counts",
	} {
		if got := content(t, filepath.Join(root, path)); got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	if link, err := os.Readlink(filepath.Join(root, "d/clickhouse/engine/store/link")); err != nil ||
		link != "../../store/abc" {
		t.Errorf("the link: %q, %v", link, err)
	}
	if about, err := os.Stat(filepath.Join(root, "d/clickhouse/engine/empty")); err != nil || !about.IsDir() {
		t.Errorf("the empty folder: %v", err)
	}
	for _, none := range []string{"d/lock", "d/backup", "passwd", "d/" + restoringFile} {
		if _, err := os.Lstat(filepath.Join(root, none)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", none, err)
		}
	}
	if err := Unfinished(filepath.Join(root, "d")); err != nil {
		t.Error(err)
	}
}

// Whatever ends a copy early, the folder says that it is no backup.
func TestABackupThatIsEndedEarlyIsRefused(t *testing.T) {
	_, folders := kept(t)
	s, err := Still(t.Context(), folders)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancelCause(t.Context())
	folder := filepath.Join(t.TempDir(), "copy")
	killed := errors.New("killed")
	_, err = Write(ctx, WriteOptions{Snapshot: s, To: folder, Progress: func(Progress) { end(killed) }})
	if !errors.Is(err, killed) || !strings.Contains(err.Error(), "is marked INCOMPLETE") {
		t.Errorf("ended early: %v", err)
	}
	if _, err := Restore(t.Context(), RestoreOptions{From: folder, Check: true}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("restoring it: %v", err)
	}
}

func TestDamageIsFoundAndLeavesNoUsableFolder(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, from string){
		"flipped": func(t *testing.T, from string) {
			tree(t, from, map[string]string{"data/kafka/partitions/clicks-0/0.dat": "recordS"})
		},
		"cut": func(t *testing.T, from string) {
			tree(t, from, map[string]string{"data/kafka/partitions/clicks-0/0.dat": "rec"})
		},
		"missing": func(t *testing.T, from string) {
			if err := os.Remove(filepath.Join(from, "spool/1.segment")); err != nil {
				t.Fatal(err)
			}
		},
		"list": func(t *testing.T, from string) {
			path := filepath.Join(from, manifestFile)
			if err := os.WriteFile(path, bytes.Replace([]byte(content(t, path)), []byte("0.dat"), []byte("9.dat"), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			from := written(t)
			harm(t, from)
			if _, err := Restore(t.Context(), RestoreOptions{From: from, Check: true}); !errors.Is(err, ErrDamaged) {
				t.Errorf("check: %v", err)
			}
			root, folders := elsewhere(t)
			_, err := Restore(t.Context(), RestoreOptions{From: from, Folders: folders})
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("restore: %v", err)
			}
			if there, _ := os.ReadDir(filepath.Join(root, "d")); len(there) > 0 &&
				Unfinished(filepath.Join(root, "d")) == nil {
				t.Error("what was restored of a damaged backup would be started on")
			}
		})
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	from := written(t)
	for _, there := range []string{"d/x", "state/x", "d/spool/x", "caps.json"} {
		root, folders := elsewhere(t)
		tree(t, root, map[string]string{there: "mine"})
		_, err := Restore(t.Context(), RestoreOptions{From: from, Folders: folders})
		if err == nil || !strings.Contains(err.Error(), "a restore never overwrites") ||
			content(t, filepath.Join(root, there)) != "mine" {
			t.Errorf("%s: %v", there, err)
		}
	}
	root, folders := kept(t)
	for _, to := range []string{filepath.Join(root, "data"), filepath.Join(root, "data/new"), filepath.Join(root, "spool/b"), filepath.Join(root, "etc")} {
		if err := CheckTarget(to, folders); err == nil {
			t.Errorf("a backup into %s is not refused", to)
		}
	}
	if err := CheckTarget(filepath.Join(root, "new"), folders); err != nil {
		t.Error(err)
	}
}

// A path of a forged list leads nowhere outside.
func TestAPathOutsideIsRefused(t *testing.T) {
	from := written(t)
	m, err := Read(from)
	if err != nil {
		t.Fatal(err)
	}
	m.Entries[len(m.Entries)-1].Path = "../../evil"
	if err := m.write(from); err != nil {
		t.Fatal(err)
	}
	_, folders := elsewhere(t)
	if _, err := Restore(t.Context(), RestoreOptions{From: from, Folders: folders}); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// A backup with a spool is not restored where none is configured: what was acknowledged would never be sent.
func TestARestoreLosesNoFolder(t *testing.T) {
	from := written(t)
	_, folders := elsewhere(t)
	folders = slices.DeleteFunc(folders, func(f Folder) bool { return f.Name == FolderSpool })
	if _, err := Restore(t.Context(), RestoreOptions{From: from, Folders: folders}); err == nil ||
		!strings.Contains(err.Error(), "names no place for it") {
		t.Errorf("got %v", err)
	}
}

func TestALinkOutOfTheFolderIsRefused(t *testing.T) {
	root, folders := kept(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "data/other")); err != nil {
		t.Fatal(err)
	}
	if _, err := Still(t.Context(), folders); err == nil ||
		!strings.Contains(err.Error(), "symbolic link to /etc/passwd") {
		t.Errorf("got %v", err)
	}
}

// respond runs a Responder until the test ends.
func respond(t *testing.T, data string, take func(ctx context.Context, at string) (time.Duration, error)) {
	t.Helper()
	r, err := NewResponder(data, take)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestASnapshotIsAskedForOfTheRunningProcess(t *testing.T) {
	root, folders := kept(t)
	data := filepath.Join(root, "data")
	respond(t, data, func(ctx context.Context, at string) (time.Duration, error) {
		_, err := Take(ctx, folders, at)
		return 7 * time.Millisecond, err
	})
	alive := func() bool { return true }
	s, paused, release, err := Ask(t.Context(), data, alive)
	if err != nil || paused != 7*time.Millisecond {
		t.Fatal(paused, err)
	}
	if _, files := s.Bytes(); files != 7 {
		t.Errorf("the snapshot has %d files", files)
	}
	if _, _, _, err := Ask(t.Context(), data, alive); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one at the same time: %v", err)
	}
	release()
	awaitNothingLeft(t, data)
}

// awaitNothingLeft waits until the process has removed what a command left: a request that was left may have been answered while the
// next command took the lock.
func awaitNothingLeft(t *testing.T, data string) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := os.ReadDir(filepath.Join(data, exchangeFolder))
		if err == nil && len(left) == 0 {
			return
		}
		select {
		case <-late:
			t.Fatalf("left: %v, %v", left, err)
		case <-tick.C:
		}
	}
}

func TestWhatAKilledCommandLeftIsRemoved(t *testing.T) {
	data := t.TempDir()
	tree(t, data, map[string]string{"backup/A.snapshot/data/0.dat": "pinned", "backup/A.answer": "{}"})
	respond(t, data, func(context.Context, string) (time.Duration, error) { return 0, nil })
	awaitNothingLeft(t, data)
}

// A request that a killed command left is removed by the next command, which may come between the process's look and its
// taking.
func TestARequestThatIsGoneIsNone(t *testing.T) {
	r, err := NewResponder(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.answer(t.Context(), filepath.Join(r.folder, "gone")); err != nil {
		t.Error(err)
	}
}

func TestAnAskerIsTold(t *testing.T) {
	root, _ := kept(t)
	data := filepath.Join(root, "data")
	respond(
		t,
		data,
		func(context.Context, string) (time.Duration, error) { return 0, errors.New("kafka: is starting") },
	)
	if _, _, _, err := Ask(t.Context(), data, func() bool { return true }); err == nil ||
		err.Error() != "kafka: is starting" {
		t.Errorf("a refusal: %v", err)
	}
	if _, _, _, err := Ask(t.Context(), t.TempDir(), func() bool { return true }); !errors.Is(err, ErrDeaf) {
		t.Errorf("an earlier version: %v", err)
	}
	silent := t.TempDir()
	tree(t, silent, map[string]string{"backup/x": ""})
	if _, _, _, err := Ask(t.Context(), silent, func() bool { return false }); err == nil ||
		!strings.Contains(err.Error(), "ended before") {
		t.Errorf("a process that ends: %v", err)
	}
}

// Who asks a process that cannot write its answer (a full disk), or that ends amid the snapshot, does not wait for ever.
func TestAnAskerWithoutAnAnswerIsTold(t *testing.T) {
	always := func() bool { return true }
	data := t.TempDir()
	r, err := NewResponder(data, func(_ context.Context, at string) (time.Duration, error) {
		// What the answer is written to first is taken.
		return 0, os.MkdirAll(strings.TrimSuffix(at, snapshotEnd)+answerEnd+".new/taken", 0o700)
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(t.Context()) }()
	if _, _, _, err := Ask(t.Context(), data, always); !errors.Is(err, errSilent) {
		t.Errorf("an answer that cannot be written: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the process does not say that it could not answer")
	}

	data = t.TempDir()
	ctx, kill := context.WithCancel(t.Context())
	began := make(chan struct{})
	r, err = NewResponder(data, func(context.Context, string) (time.Duration, error) {
		close(began)
		select {} // until it is killed
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = r.Run(ctx) }()
	defer kill()
	told := make(chan error, 1)
	go func() {
		_, _, _, err := Ask(t.Context(), data, always)
		told <- err
	}()
	<-began
	respond(t, data, nil) // the next process
	if err := <-told; !errors.Is(err, errSilent) {
		t.Errorf("a process that was killed: %v", err)
	}
}

// What cannot be looked at is not taken for absent: a restore that was interrupted, a backup that is none.
func TestWhatCannotBeSeenIsNotAbsent(t *testing.T) {
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Skipf("missing: symbolic links on this file system: %v", err)
	}
	if err := Unfinished(loop); err == nil || !strings.Contains(err.Error(), "looking whether a restore into "+loop) {
		t.Errorf("a folder that cannot be read: %v", err)
	}
	if _, err := Read(loop); err == nil || !strings.Contains(err.Error(), "looking whether the backup in "+loop) {
		t.Errorf("a backup that cannot be read: %v", err)
	}
}
