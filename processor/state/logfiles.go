package state

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// logFS ends the process in words when the database's log cannot be written. Pebble panics then, on whatever goroutine wrote and
// with its mutex in any state, so that nobody could recover it; what it holds in memory is worth nothing any more either way.
type logFS struct {
	vfs.FS
	log pebble.Logger
	// opened is set once the database is open: until then an error of the disk is an error of [Open].
	opened *atomic.Bool
}

// categoryOfLogs is how Pebble marks files of its log (wal/standalone_manager.go).
const categoryOfLogs vfs.DiskWriteCategory = "pebble-wal"

func (fs logFS) Unwrap() vfs.FS { return fs.FS }

func (fs logFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := fs.FS.Create(name, category)
	return fs.wrap(file, err, category)
}

func (fs logFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := fs.FS.ReuseForWrite(from, to, category)
	return fs.wrap(file, err, category)
}

func (fs logFS) wrap(file vfs.File, err error, category vfs.DiskWriteCategory) (vfs.File, error) {
	if category != categoryOfLogs {
		return file, err
	}
	fs.judge(err)
	if err != nil {
		return nil, err
	}
	return logFile{file, fs}, nil
}

// judge ends the process if there is an error.
func (fs logFS) judge(err error) {
	if err != nil && fs.opened.Load() {
		fs.log.Fatalf("writing the log of the state: %v", err)
	}
}

type logFile struct {
	vfs.File
	fs logFS
}

func (f logFile) Write(data []byte) (int, error) {
	n, err := f.File.Write(data)
	f.fs.judge(err)
	return n, err
}

func (f logFile) Sync() error {
	err := f.File.Sync()
	f.fs.judge(err)
	return err
}

func (f logFile) SyncData() error {
	err := f.File.SyncData()
	f.fs.judge(err)
	return err
}

func (f logFile) SyncTo(length int64) (bool, error) {
	whole, err := f.File.SyncTo(length)
	f.fs.judge(err)
	return whole, err
}

func (f logFile) Close() error {
	err := f.File.Close()
	f.fs.judge(err)
	return err
}
