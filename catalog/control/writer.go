package control

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

const (
	// writeLimit is how long a write may take where its context sets no limit.
	writeLimit = 30 * time.Second
	// transactionLimit is how long a writer that died can keep what others commit from readers, until the next one takes over.
	transactionLimit = 10 * time.Second
	// expiredFor is how long an entry must have expired before a writer ends it in the topic: readers' clocks differ.
	expiredFor = time.Minute
	// maxEnded is how many of those a write ends along.
	maxEnded = 1000

	firstPause, lastPause = 5 * time.Millisecond, time.Second
)

// ErrUncertain is wrapped when a write ended without an answer of whether it was committed.
var ErrUncertain = errors.New("whether it was written is not known: look at what is in force before you try again")

// A Writer writes to the topic. Several, in one process or in many, may write at the same time: each write is in one place of one order.
type Writer struct {
	cfg    Config
	client *kgo.Client

	mu     sync.Mutex // one write at a time
	follow follower
}

// NewWriter returns a Writer; Close it.
func NewWriter(cfg Config) (*Writer, error) {
	cfg = cfg.withDefaults()
	client, err := kgo.NewClient(cfg.Kafka...)
	if err != nil {
		return nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	return &Writer{cfg: cfg, client: client, follow: follower{
		client: client, broker: cfg.Broker, topic: cfg.Topic, kinds: kindsOf(cfg.Kinds),
	}}, nil
}

// Close ends its connections.
func (w *Writer) Close() { w.client.Close() }

// Write asks decide for changes to what is in force and writes them, all or none. decide may be called again, with another state,
// when somebody else wrote meanwhile; its error ends the write. Changes of one entry after one another count in their order.
// Write returns the revision of its last change, of the state where there are no changes. The error wraps ErrRefused where a change
// breaks a rule (the text names it), and ErrUncertain where it may have been written.
func (w *Writer) Write(ctx context.Context, decide func(now *State) ([]Change, error)) (revision int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, writeLimit, fmt.Errorf("took longer than %s", writeLimit))
		defer cancel()
	}
	uncertain := ""
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		a := attempt{Writer: w, uncertain: uncertain}
		began := time.Now()
		revision, err = a.run(ctx, decide)
		if err == nil {
			return revision, nil
		}
		uncertain = a.uncertain
		if a.final || isFinal(err) || ctx.Err() != nil {
			break
		}
		w.cfg.Logger.Debug("writing to the topic control again", zap.Error(err))
		// Who was fenced lets the other one end: where a try takes long, so does the pause, or two would fence each other in turn.
		about := max(wait, min(2*time.Since(began), 2*lastPause))
		pause(ctx, about/2+mathrand.N(about))
	}
	if uncertain != "" {
		err = fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return 0, fmt.Errorf("writing to the topic %s: %w", w.cfg.Topic, err)
}

// isFinal tells of what a second try does not cure.
func isFinal(err error) bool {
	for _, final := range []error{
		kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.SaslAuthenticationFailed, kerr.MessageTooLarge, kerr.InvalidRecord,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// An attempt is one try of a write, under an epoch of its own.
type attempt struct {
	*Writer
	producer  *kgo.Client
	uncertain string // ID of a write that may have been committed
	final     bool   // the error is the caller's
}

func (a *attempt) run(ctx context.Context, decide func(now *State) ([]Change, error)) (int64, error) {
	if err := a.takeOver(ctx); err != nil {
		return 0, err
	}
	defer a.producer.Close()
	if err := a.readToEnd(ctx); err != nil {
		return 0, err
	}
	fold := a.follow.fold
	if a.uncertain != "" {
		// Whoever takes the ID over has ended what was open: the write is there by now, or it never will be.
		if revision, committed := fold.find(a.uncertain); committed {
			return revision, nil
		}
		a.uncertain = ""
	}
	a.final = true
	now := a.cfg.Now()
	fold.expire(now.Add(-expiredFor))
	state, _ := fold.state()
	changes, err := decide(state.At(now))
	if err != nil {
		return 0, err
	}
	if len(changes) == 0 {
		return state.revision, nil
	}
	id := rand.Text()
	records, err := a.records(changes, id, now)
	if err != nil {
		return 0, err
	}
	a.final = false
	if err := a.commit(ctx, records, id); err != nil {
		return 0, err
	}
	// From here on it is written, whatever becomes of the rest.
	if err := a.readToEnd(ctx); err != nil {
		return 0, err
	}
	revision, there := fold.find(id)
	if !there {
		return 0, fmt.Errorf("the broker acknowledged a write that is not in the topic")
	}
	a.uncertain = ""
	a.shorten(ctx)
	return revision, nil
}

// takeOver makes a producer that is the only one: who had the transactional ID before is fenced, and what it left open is ended.
func (a *attempt) takeOver(ctx context.Context) error {
	producer, err := kgo.NewClient(append(append([]kgo.Opt{}, a.cfg.Kafka...),
		kgo.TransactionalID(a.cfg.Topic), kgo.TransactionTimeout(transactionLimit),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(a.cfg.Topic),
		kgo.ProducerBatchMaxBytes(1<<20-1<<10), kgo.MaxBufferedRecords(2*MaxEntries))...)
	if err != nil {
		a.final = true
		return fmt.Errorf("making a Kafka client: %w", err)
	}
	if _, _, err := producer.ProducerID(ctx); err != nil {
		producer.Close()
		return fmt.Errorf("taking the transactional ID over: %w", err)
	}
	a.producer = producer
	if err := a.cfg.step("taken over"); err != nil {
		producer.Close()
		return err
	}
	return nil
}

// readToEnd reads all that is committed, once nothing is open before the end.
func (w *Writer) readToEnd(ctx context.Context) error {
	for wait := time.Duration(0); ; wait = 100 * time.Millisecond {
		atEnd, err := w.follow.step(ctx, wait)
		if err != nil {
			return err
		}
		if atEnd && w.follow.stable >= w.follow.end {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("a transaction of another producer is open in the topic %s: %w", w.cfg.Topic, context.Cause(ctx))
		}
	}
}

// records returns those of the changes, in order, behind those of entries that have expired.
func (a *attempt) records(changes []Change, id string, now time.Time) ([]*kgo.Record, error) {
	fold := a.follow.fold
	if len(changes) > MaxChanges {
		return nil, fmt.Errorf("%w: %d changes in one write, at most %d are allowed", ErrRefused, len(changes), MaxChanges)
	}
	named := map[string]bool{}
	bytes, count := fold.bytes, fold.count
	for i := range changes {
		c := &changes[i]
		c.At = now.Truncate(time.Millisecond)
		var err error
		if c.Delete {
			err = checkNames(&c.Entry)
		} else {
			err = fold.kinds.check(&c.Entry)
			count, bytes = count+1, bytes+int64(len(c.Value))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Key(), err)
		}
		if !named[c.Key()] {
			named[c.Key()] = true
			if old, there := fold.get(c.Kind, c.ID); there {
				count, bytes = count-1, bytes-int64(len(old.Value))
			}
		}
	}
	if count > MaxEntries {
		return nil, fmt.Errorf("%w: %d entries would be in force, at most %d are allowed", ErrRefused, count, MaxEntries)
	}
	if bytes > MaxBytes {
		return nil, fmt.Errorf("%w: the values in force would be more than %d MiB", ErrRefused, MaxBytes>>20)
	}
	var all []Change
	for name, e := range fold.ended {
		if len(all) < maxEnded && !named[name] {
			e.Author, e.Reason, e.At = "", "its time to live ended", now
			all = append(all, Change{Entry: e, Delete: true})
		}
		delete(fold.ended, name)
	}
	var records []*kgo.Record
	all = append(all, changes...)
	for i := range all {
		r, err := encode(&all[i])
		if err != nil {
			return nil, err
		}
		withHeader(r, headerWrite, id)
		records = append(records, r)
		told, err := a.told(&all[i], now)
		if err != nil {
			return nil, err
		}
		if told != nil {
			records = append(records, told)
		}
	}
	return records, nil
}

// commit makes one transaction of the records; id names it where it may have been committed in spite of an error.
func (a *attempt) commit(ctx context.Context, records []*kgo.Record, id string) error {
	if err := a.producer.BeginTransaction(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	err := a.producer.ProduceSync(ctx, records...).FirstErr()
	if err == nil {
		if err = a.cfg.step("produced"); err != nil {
			return err
		}
	}
	if err != nil {
		// The next one to take over ends it; without one it would hold readers up until it is too old.
		abort, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = a.producer.EndTransaction(abort, kgo.TryAbort)
		return fmt.Errorf("producing: %w", err)
	}
	a.uncertain = id
	err = a.producer.EndTransaction(ctx, kgo.TryCommit)
	if err == nil {
		err = a.cfg.step("committed")
	}
	if err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}
