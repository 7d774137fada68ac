package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
)

// The broker's journals, in the order in which they are mended.
var journalFiles = []string{"groups.log", "pids.log"}

// keptSuffix names the hard link to a journal as it was when it was last known to be on disk: see journalKeeper.
const keptSuffix = ".kept"

// A repairer makes the broker's files right before the broker reads them: what a killed broker, a failed write or a cut
// of the power leaves. See repair.
type repairer struct {
	dir     string
	sync    func() error // puts everything on disk; nil: the run that begins does not sync
	now     time.Time
	logger  *zap.Logger
	metrics *metrics

	journals map[string][][]byte // the entries of each, in order
	ids      map[[16]byte]string // topics by ID
	topicIDs map[string][16]byte
	counts   map[string]int // partitions
	logs     map[topicPartition]*partitionLog
	damaged  []string // for the note of /readyz
}

// repair makes the broker's files agree with each other and returns what was damaged, empty when nothing was:
//   - a torn or damaged entry of a journal is taken out, and what follows it stays;
//   - a damaged batch of a segment likewise; what is taken out is kept beside, as FILE.damaged-TIME;
//   - a batch is written to the log first and to the index second, and only the index says to the broker whether a batch is
//     part of a transaction: the index is written anew where it differs from the batches' own headers;
//   - a transaction whose commit was journalled (see transactions) is completed, any other open one is ended by abort markers: the
//     broker itself would take it for aborted without writing so, and a later marker of the same producer would revive it;
//   - the broker's memory of producers' sequence numbers is made from the log, so that a batch sent again is known;
//   - offsets that were given once are not given again.
//
// Nothing complete is changed. It may be repeated.
func repair(dir string, sync func() error, logger *zap.Logger, m *metrics) (damaged []string, err error) {
	r := &repairer{
		dir: dir, sync: sync, now: time.Now(), logger: logger, metrics: m,
		journals: map[string][][]byte{}, logs: map[topicPartition]*partitionLog{},
	}
	wrap := func(err error) ([]string, error) {
		return r.damaged, fmt.Errorf("repairing the embedded Kafka's files in %s: %w", dir, err)
	}
	// Whoever stopped in order has left what clients go on with: members of groups, sequence numbers.
	clean, err := r.stoppedInOrder()
	if err != nil {
		return wrap(err)
	}
	if err := errors.Join(r.mendSnapshots(), r.mendJournals()); err != nil {
		return wrap(err)
	}
	commits, err := r.readTransactions()
	if err != nil {
		return wrap(err)
	}
	if err := r.readPartitions(commits); err != nil {
		return wrap(err)
	}
	// What was open in a log that is damaged belongs to another log than the one that is left.
	clean = clean && len(r.damaged) == 0
	if !clean {
		if err := removeIfThere(filepath.Join(dir, sessionFile)); err != nil {
			return wrap(err)
		}
	}
	if err := r.endTransactions(commits, clean); err != nil {
		return wrap(err)
	}
	if err := r.raiseEnds(commits); err != nil {
		return wrap(err)
	}
	for _, l := range r.logs {
		if err := l.write(); err != nil {
			return wrap(err)
		}
	}
	if clean {
		err = r.forgetOpen()
	} else {
		err = r.writeWindows()
	}
	if err != nil {
		return wrap(err)
	}
	if r.sync != nil {
		if err := r.sync(); err != nil {
			return wrap(err)
		}
	}
	// Only now: as long as it is there, the work above is done again.
	if err := removeIfThere(filepath.Join(dir, transactionsFile)); err != nil {
		return wrap(err)
	}
	return r.damaged, nil
}

// readPartitions reads every partition's log.
func (r *repairer) readPartitions(commits []transactionEntry) error {
	watched := map[int64]bool{}
	for _, c := range commits {
		watched[c.Producer] = true
	}
	folders, err := os.ReadDir(filepath.Join(r.dir, partitionsFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	indexes := 0
	for _, folder := range folders {
		p, ok := partitionOf(folder.Name())
		if !ok || !folder.IsDir() {
			continue
		}
		if r.counts != nil && int(p.part) >= r.counts[p.topic] {
			// A topic that was deleted, whose files were not yet. One made anew under its name would find them.
			if err := r.setAside(filepath.Join(partitionsFolder, folder.Name())); err != nil {
				return err
			}
			continue
		}
		l, changed, err := readPartition(p, filepath.Join(r.dir, partitionsFolder, folder.Name()), watched, r.cutSegment)
		if err != nil {
			return err
		}
		indexes += changed
		r.logs[p] = l
	}
	if indexes > 0 {
		r.logger.Info("completed the index of logs that a killed broker had not finished writing", zap.Int("files", indexes))
	}
	return nil
}

// setAside renames a folder that belongs to no topic.
func (r *repairer) setAside(folder string) error {
	to := filepath.Join("aside", filepath.Base(folder)+"-"+r.stamp())
	if err := os.MkdirAll(filepath.Join(r.dir, "aside"), 0o700); err != nil {
		return err
	}
	r.logger.Warn("set aside the files of a partition that no topic has", zap.String("folder", folder), zap.String("to", to))
	return os.Rename(filepath.Join(r.dir, folder), filepath.Join(r.dir, to))
}

// cutSegment keeps what is taken out of a segment, says so, and writes the segment without it.
func (r *repairer) cutSegment(l *partitionLog, c segmentCut) error {
	name, _ := filepath.Rel(r.dir, c.path)
	if c.unfinished && c.mended == 0 {
		r.logger.Info("cut off what a killed broker had not finished writing", zap.String("file", name), zap.Int("bytes", len(c.cut)))
		return os.Truncate(c.path, int64(len(c.kept)))
	}
	if c.spots == 0 {
		r.damage(damageSegment, name, 0)
		r.logger.Error("a segment of the embedded Kafka's log was damaged; nothing is lost, but look at the disk", zap.String("file", name), zap.Int("offsets_mended", c.mended))
		return replaceFile(c.path, c.kept)
	}
	kept, err := r.keepDamage(c.path, c.cut)
	if err != nil {
		return err
	}
	r.damage(damageSegment, name, len(c.cut))
	tell, text := r.logger.Error, "a segment of the embedded Kafka's log is damaged: records are lost; the bytes are kept beside it"
	if c.lost == 0 {
		tell, text = r.logger.Warn, "a segment of the embedded Kafka's log ends in bytes that are no record: a cut of the power leaves such, and so does a damaged disk; they are kept beside it"
	}
	tell(text,
		zap.String("file", name), zap.String("kept", kept), zap.Int("bytes", len(c.cut)), zap.Int("places", c.spots),
		zap.Int64("offsets_missing", c.lost), zap.Int("batches_saved_behind", c.behind), zap.Stringer("partition", l.topicPartition))
	return r.replaceDamaged(c.path, c.kept)
}

// damagedName is where what is taken out of a file is kept.
func (r *repairer) damagedName(path string) string { return path + ".damaged-" + r.stamp() }

// keepDamage writes bytes beside the file they were in and returns the new file's name.
func (r *repairer) keepDamage(path string, raw []byte) (string, error) {
	to := r.damagedName(path)
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		return "", errors.Join(err, removeIfThere(to))
	}
	return filepath.Base(to), nil
}

// replaceDamaged replaces a file of which keepDamage has kept what was taken out. Where it cannot, that is still in the
// file: each start on a full disk would keep another copy, and fill it further.
func (r *repairer) replaceDamaged(path string, content []byte) error {
	err := replaceFile(path, content)
	if err == nil {
		return nil
	}
	return errors.Join(err, removeIfThere(path+".tmp"), removeIfThere(r.damagedName(path)))
}

func (r *repairer) stamp() string { return r.now.UTC().Format("20060102T150405.000Z") }

func (r *repairer) damage(kind damageKind, name string, bytes int) {
	r.metrics.damage[kind].Inc()
	r.metrics.damagedBytes.Add(float64(bytes))
	r.damaged = append(r.damaged, name)
}

// mendJournals reads the journals and takes out what is no entry. Where the broker has compacted one and power was cut
// before that was on disk, the one before is still there: what it says comes first.
func (r *repairer) mendJournals() error {
	for _, name := range journalFiles {
		path := filepath.Join(r.dir, name)
		kept, err := r.keptEntries(path)
		if err != nil {
			return err
		}
		raw, err := readIfThere(path)
		if err != nil {
			return err
		}
		j := parseJournal(raw)
		if j.spots > 0 {
			if err := r.cutJournal(path, name, j); err != nil {
				return err
			}
		}
		r.journals[name] = append(kept, j.entries...)
		if len(kept) > 0 || len(raw) > maxJournalBytes {
			if err := r.compactJournal(path, name); err != nil {
				return err
			}
		}
		if r.sync == nil {
			if err := removeIfThere(path + keptSuffix); err != nil {
				return err
			}
		}
	}
	return nil
}

// keptEntries are those of the journal before the last compaction, if that is another file than the journal.
func (r *repairer) keptEntries(path string) ([][]byte, error) {
	before, err := os.Stat(path + keptSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if now, err := os.Stat(path); err == nil && os.SameFile(before, now) {
		return nil, nil
	}
	raw, err := os.ReadFile(path + keptSuffix)
	return parseJournal(raw).entries, err
}

func (r *repairer) cutJournal(path, name string, j journal) error {
	if j.unfinished {
		r.logger.Info("cut off what a killed broker had not finished writing", zap.String("file", name), zap.Int("bytes", len(j.cut)))
		return os.Truncate(path, int64(len(j.whole)))
	}
	kept, err := r.keepDamage(path, j.cut)
	if err != nil {
		return err
	}
	r.damage(damageJournal, name, len(j.cut))
	r.logger.Error("a journal of the embedded Kafka was damaged, by a write that failed or by the disk; the entries behind the damage are kept, the bytes that cannot be read are beside it",
		zap.String("file", name), zap.String("kept", kept), zap.Int("bytes", len(j.cut)), zap.Int("places", j.spots), zap.Int("entries_behind", j.behind))
	return r.replaceDamaged(path, j.whole)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
