package spool

import "errors"

// Why Submit or a Batch refuses. Whatever is refused is not on disk.
var (
	// ErrFull says that max_bytes are used.
	ErrFull = errors.New("the spool is full")
	// ErrStale says that the oldest record waits longer than max_age.
	ErrStale = errors.New("the spool's oldest record is too old")
	// ErrBusy says that as much as memory may hold waits for the disk.
	ErrBusy = errors.New("the spool's disk is too slow")
	// ErrNoSpace says that the disk is full.
	ErrNoSpace = errors.New("the spool's disk is full")
	// ErrDisk says that the disk failed.
	ErrDisk = errors.New("the spool's disk failed")
	// ErrClosed says that the spool is closed.
	ErrClosed = errors.New("the spool is closed")
	// ErrLocked says that another process holds the folder.
	ErrLocked = errors.New("the spool's folder is in use")

	errRecord = errors.New("the record does not fit into a frame")
)

// refusals are the reasons of the metric, in the order of its labels.
var refusals = [...]struct {
	name string
	err  error
}{
	{"full", ErrFull}, {"stale", ErrStale}, {"busy", ErrBusy}, {"no_space", ErrNoSpace}, {"disk", ErrDisk}, {"closed", ErrClosed}, {"record", errRecord},
}
