package backup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tributary/ingest/durable"
)

// exchangeFolder is the folder in data_dir by which the command and the running process speak:
//
//	ID.request    the command asks for a snapshot
//	ID.taken      the process works on it
//	ID.snapshot/  the snapshot
//	ID.answer     it is there, or why not
//	ID.failed     there will be no answer: it cannot be written, or the process has ended
//
// A lock (flock) on the folder itself is the command's for as long as it works.
const (
	exchangeFolder = "backup"
	requestEnd     = ".request"
	takenEnd       = ".taken"
	failedEnd      = ".failed"
	snapshotEnd    = ".snapshot"
	answerEnd      = ".answer"
)

const (
	// lookEvery is how often either side looks.
	lookEvery = 200 * time.Millisecond
	// takeLimit is how long a request may lie before nobody is taken to read it.
	takeLimit = 30 * time.Second
)

// Errors of a command.
var (
	// ErrBusy: another backup is being taken.
	ErrBusy = errors.New("another backup is being taken")
	// ErrDeaf: the running process does not answer requests.
	ErrDeaf = errors.New(
		"the running process did not take the request for a backup within 30s: it is an earlier version, or hangs. " +
			"Stop it, and run this again",
	)
)

// errSilent is what a command is told that gets no answer.
var errSilent = errors.New("the running process ended amid it, or could not write its answer: its log says why, and whether its disk is full; run this again")

// An answer is what ID.answer has.
type answer struct {
	// Problem is empty when the snapshot is there.
	Problem  string `json:"problem,omitempty"`
	PausedMS int64  `json:"paused_ms"`
}

// hold takes the lock of a folder, which must be there.
func hold(folder string) (release func(), err error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, ErrBusy
	}
	return func() { f.Close() }, nil
}

// Ask has the process that runs on dataDir take a snapshot. alive says whether it still runs. release removes the
// snapshot; call it in any case where the error is nil.
func Ask(
	ctx context.Context,
	dataDir string,
	alive func() bool,
) (s *Snapshot, paused time.Duration, release func(), err error) {
	folder := filepath.Join(dataDir, exchangeFolder)
	unlock, err := hold(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil, ErrDeaf
	}
	if err != nil {
		return nil, 0, nil, fmt.Errorf("asking for a snapshot: %w", err)
	}
	removeAll(folder) // what a command left that was killed
	id := filepath.Join(folder, rand.Text())
	done := func() {
		for _, end := range []string{requestEnd, takenEnd, failedEnd, answerEnd, snapshotEnd} {
			_ = os.RemoveAll(id + end) // what stays is removed by the process, which finds the lock free
		}
		unlock()
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	if err := os.WriteFile(id+requestEnd, nil, 0o600); err != nil {
		return nil, 0, nil, fmt.Errorf("asking for a snapshot: %w", err)
	}
	told, err := await(ctx, id, alive)
	if err != nil {
		return nil, 0, nil, err
	}
	s, err = Open(id + snapshotEnd)
	return s, time.Duration(told.PausedMS) * time.Millisecond, done, err
}

// removeAll removes what is in the folder, whose lock is held. What cannot be removed now is tried again by the next one.
func removeAll(folder string) {
	left, _ := os.ReadDir(folder)
	for _, file := range left {
		_ = os.RemoveAll(filepath.Join(folder, file.Name()))
	}
}

func await(ctx context.Context, id string, alive func() bool) (told answer, err error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	asked := time.Now()
	for {
		content, err := os.ReadFile(id + answerEnd)
		if err == nil {
			if err := json.Unmarshal(content, &told); err != nil {
				return told, fmt.Errorf("reading the answer: %w", err)
			}
			if told.Problem != "" {
				return told, errors.New(told.Problem)
			}
			return told, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return told, fmt.Errorf("reading the answer: %w", err)
		}
		if _, err := os.Stat(id + failedEnd); err == nil {
			return told, errSilent
		}
		if _, err := os.Stat(id + requestEnd); err == nil && time.Since(asked) > takeLimit {
			return told, ErrDeaf
		}
		select {
		case <-ctx.Done():
			return told, context.Cause(ctx)
		case <-tick.C:
		}
		if !alive() {
			return told, errors.New("the running process ended before the snapshot was taken; run this again")
		}
	}
}

// A Responder takes the snapshots that are asked for.
type Responder struct {
	folder string
	take   func(ctx context.Context, at string) (paused time.Duration, err error)
}

// NewResponder makes the folder in dataDir. take makes a snapshot in the folder that it is given.
func NewResponder(
	dataDir string,
	take func(ctx context.Context, at string) (paused time.Duration, err error),
) (*Responder, error) {
	r := &Responder{folder: filepath.Join(dataDir, exchangeFolder), take: take}
	if err := os.MkdirAll(r.folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of backups: %w", err)
	}
	return r, r.giveUp()
}

// giveUp tells those who wait for an earlier process that it has ended.
func (r *Responder) giveUp() error {
	taken, err := filepath.Glob(filepath.Join(r.folder, "*"+takenEnd))
	for _, path := range taken {
		err = errors.Join(err, os.Rename(path, strings.TrimSuffix(path, takenEnd)+failedEnd))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a command that was left removes its own
		return fmt.Errorf("giving up a request of a backup: %w", err)
	}
	return nil
}

// Run answers until ctx is done.
func (r *Responder) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Ready returns nil: there is nothing to wait for.
func (r *Responder) Ready() error { return nil }

// look removes what a command left that was killed, and answers one that waits.
func (r *Responder) look(ctx context.Context) error {
	there, err := os.ReadDir(r.folder)
	if err != nil {
		return fmt.Errorf("looking for a request of a backup: %w", err)
	}
	if len(there) == 0 {
		return nil
	}
	if unlock, err := hold(r.folder); err == nil {
		defer unlock()
		removeAll(r.folder)
		return nil
	}
	for _, file := range there {
		if id, is := strings.CutSuffix(file.Name(), requestEnd); is {
			return r.answer(ctx, filepath.Join(r.folder, id))
		}
	}
	return nil
}

func (r *Responder) answer(ctx context.Context, id string) error {
	err := os.Rename(id+requestEnd, id+takenEnd)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // of a command that was killed: the one that holds the lock now has removed it
	}
	if err != nil {
		return fmt.Errorf("taking a request of a backup: %w", err)
	}
	paused, err := r.take(ctx, id+snapshotEnd)
	told := answer{PausedMS: paused.Milliseconds()}
	if err != nil {
		told.Problem = err.Error()
	}
	content, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("answering a request of a backup: %w", err)
	}
	if err := durable.Replace(id+answerEnd, content); err != nil {
		return errors.Join(fmt.Errorf("answering a request of a backup: %w", err), os.Rename(id+takenEnd, id+failedEnd))
	}
	return nil // ID.taken is the command's to remove, with the rest
}
