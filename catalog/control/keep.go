package control

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/schemas/events"
)

const (
	// copyMagic begins a copy; the CRC-32C of what follows it, big endian, comes next.
	copyMagic   = "a copy of the topic control\n"
	copyVersion = 1
	// keepEvery is how often a copy is written at most; one that takes long is written less often.
	keepEvery = time.Second
	// lookEvery is how often a copy that was not written is tried again, one that was is looked for, and the clock is looked at.
	lookEvery = 5 * time.Second
	// maxCopyBytes bounds a copy, with room for what is beside the values.
	maxCopyBytes = MaxBytes + MaxEntries*2*1024
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A keeper keeps the last good state on disk.
type keeper struct {
	cfg    *Config
	states chan *State // the latest that is not kept yet
	latest *State      // of run, and of load before it; nil: none
	note   string      // of Open; empty for nothing
	// began is when the copy that Open started from was written; zero: it started from none.
	began  time.Time
	unkept atomic.Pointer[string]
}

func newKeeper(cfg *Config) *keeper { return &keeper{cfg: cfg, states: make(chan *State, 1)} }

// notes say what is wrong with the copy.
func (k *keeper) notes() (notes []string) {
	if k.note != "" {
		notes = append(notes, k.note)
	}
	if unkept := k.unkept.Load(); unkept != nil {
		notes = append(notes, *unkept)
	}
	return notes
}

// keep has a state written, soon and in the place of one that waits.
func (k *keeper) keep(s *State) {
	select {
	case <-k.states:
	default:
	}
	k.states <- s // there is room: nobody else sends
}

// run writes until ctx is done, the last state included. A disk that was full has room again, and a folder that somebody deleted is
// made anew, without another change of the state.
func (k *keeper) run(ctx context.Context) {
	look := time.NewTicker(k.cfg.lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			select {
			case k.latest = <-k.states:
				k.write(k.latest)
			default:
				k.mend()
			}
			return
		case k.latest = <-k.states:
			began := time.Now()
			k.write(k.latest)
			pause(ctx, max(keepEvery, 10*time.Since(began)))
		case <-look.C:
			k.mend()
		}
	}
}

// mend writes the copy again where it was not written, or is gone.
func (k *keeper) mend() {
	if k.latest == nil || k.cfg.Copy == "" {
		return
	}
	if _, err := os.Stat(k.cfg.Copy); k.unkept.Load() != nil || errors.Is(err, fs.ErrNotExist) {
		k.write(k.latest)
	}
}

func (k *keeper) write(s *State) {
	if k.cfg.Copy == "" {
		return
	}
	text, err := encodeCopy(s, k.cfg.Now())
	if err == nil {
		err = os.MkdirAll(filepath.Dir(k.cfg.Copy), 0o700)
	}
	if err == nil {
		err = k.cfg.Replace(k.cfg.Copy, text)
	}
	const what = "the copy of the topic control is not written: without Kafka a start would begin with an older one"
	switch {
	case err == nil && k.unkept.Swap(nil) != nil:
		k.cfg.Logger.Info("the copy of the topic control is written again", zap.String("file", k.cfg.Copy))
	case err != nil:
		note := fmt.Sprintf("%s (%v)", what, err)
		if k.unkept.Swap(&note) == nil {
			k.cfg.Logger.Error(what+"; it is tried again", zap.String("file", k.cfg.Copy), zap.Error(err))
		}
	}
}

func encodeCopy(s *State, now time.Time) ([]byte, error) {
	c := events.ControlCopy{Version: copyVersion, Revision: s.revision, AtMs: now.UnixMilli()}
	for _, w := range s.writes {
		c.Writes = append(c.Writes, &events.ControlWrite{Revision: w.revision, Id: w.id})
	}
	for _, kind := range s.Kinds() {
		s.shelves[kind].byRevision.Scan(func(revision int64, id string) bool {
			i, _ := s.shelves[kind].byID.Get(id)
			c.Entries = append(c.Entries, &events.ControlKept{Revision: revision, Entry: i.raw})
			return true
		})
	}
	raw, err := c.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("writing a copy: %w", err)
	}
	text := make([]byte, 0, len(copyMagic)+4+len(raw))
	text = append(text, copyMagic...)
	text = binary.BigEndian.AppendUint32(text, crc32.Checksum(raw, castagnoli))
	return append(text, raw...), nil
}

// load returns the copy's state, nil where there is none. A damaged copy is set aside; the error is of a disk that does not answer.
func (k *keeper) load(known kinds) (*State, []Refusal, error) {
	if k.cfg.Copy == "" {
		return nil, nil, nil
	}
	info, err := os.Stat(k.cfg.Copy)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	var text []byte
	if err == nil && info.Size() > maxCopyBytes {
		return nil, nil, k.setAside(fmt.Errorf("it has %d bytes, at most %d are right", info.Size(), maxCopyBytes))
	}
	if err == nil {
		text, err = os.ReadFile(k.cfg.Copy)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the copy of the topic control: %w", err)
	}
	state, refused, err := decodeCopy(text, known)
	if err != nil {
		return nil, nil, k.setAside(err)
	}
	k.latest, k.began = state, info.ModTime()
	return state, refused, nil
}

func decodeCopy(text []byte, known kinds) (*State, []Refusal, error) {
	head := len(copyMagic) + 4
	if len(text) < head || string(text[:len(copyMagic)]) != copyMagic {
		return nil, nil, errors.New("it does not begin as a copy does")
	}
	if crc32.Checksum(text[head:], castagnoli) != binary.BigEndian.Uint32(text[len(copyMagic):]) {
		return nil, nil, errors.New("its checksum is wrong")
	}
	var c events.ControlCopy
	if err := c.UnmarshalVT(text[head:]); err != nil {
		return nil, nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if c.Version != copyVersion {
		return nil, nil, fmt.Errorf("it is of version %d, this program knows %d", c.Version, copyVersion)
	}
	f := newFold(known, nil)
	for _, w := range c.Writes {
		f.wrote(write{w.Revision, w.Id})
	}
	for _, kept := range c.Entries {
		var m events.ControlEntry
		if err := m.UnmarshalVT(kept.Entry); err != nil {
			return nil, nil, fmt.Errorf("it cannot be read: %w", err)
		}
		f.shift = kept.Revision
		f.add(&kgo.Record{Key: []byte(key(m.Kind, m.Id)), Value: kept.Entry})
	}
	f.revision = c.Revision
	state, _ := f.state()
	return state, f.refusals(), nil
}

// setAside keeps a damaged copy for whoever wants to look at it.
func (k *keeper) setAside(why error) error {
	at := fmt.Sprintf("%s.damaged-%s", k.cfg.Copy, k.cfg.Now().UTC().Format("20060102T150405.000Z"))
	if err := os.Rename(k.cfg.Copy, at); err != nil {
		return fmt.Errorf("setting a damaged copy of the topic control aside: %w", err)
	}
	k.note = fmt.Sprintf("the copy on disk was damaged: %v; it is kept as %s", why, at)
	k.cfg.Logger.Error("the copy of the topic control is damaged; it is set aside, and Kafka is needed to start",
		zap.String("file", at), zap.Error(why))
	return nil
}

// setLost keeps a state that the topic has lost, for whoever wants it back.
func (k *keeper) setLost(s *State) error {
	if k.cfg.Copy == "" {
		return nil
	}
	text, err := encodeCopy(s, k.cfg.Now())
	if err != nil {
		return err
	}
	return k.cfg.Replace(fmt.Sprintf("%s.lost-%s", k.cfg.Copy, k.cfg.Now().UTC().Format("20060102T150405.000Z")), text)
}

// ReadCopy returns what is in force by a reader's copy, for those who only look. The error wraps fs.ErrNotExist where there is none.
func ReadCopy(path string, known []Kind) (*State, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the copy of the topic control: %w", err)
	}
	state, _, err := decodeCopy(text, kindsOf(known))
	if err != nil {
		return nil, fmt.Errorf("reading the copy of the topic control %s: %w", path, err)
	}
	return state.At(time.Now()), nil
}
