package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/zap"
)

// ErrAddressInUse is wrapped when something else listens on an engine's address.
var ErrAddressInUse = errors.New("the address is in use")

// Kafka is the embedded broker.
type Kafka struct {
	cluster *kfake.Cluster
	address string
	dir     string
	logger  *zap.Logger

	log          *brokerLog
	failure      *failure
	gate         *gate
	transactions *transactions
	syncer       *syncer        // nil: not durable
	folder       *os.File       // of dir; nil: not durable
	keeper       *journalKeeper // nil: not durable, or without hard links
	sync         func(*os.File) error
	damaged      []string

	closing   atomic.Bool
	closed    chan struct{}
	retention chan struct{} // closed when its goroutine has ended
	stop      context.CancelFunc
}

// brokerConfigs are the settings in which the embedded broker differs from kfake's defaults.
var brokerConfigs = map[string]string{
	// The groups of a pipeline that rested for a year go on where they stopped. The default of a week would make the
	// processor read again what is joined, and the sink lose its plan.
	"offsets.retention.minutes": strconv.Itoa(400 * 24 * 60),
	// Never by itself: see keepRetention. kfake's compaction of topics, which comes with it, deletes a log before it
	// writes it anew.
	"log.cleaner.backoff.ms": strconv.FormatInt((100 * 365 * 24 * time.Hour).Milliseconds(), 10),
	// One broker.
	"default.replication.factor": "1",
	// Retention deletes whole segments from disk.
	brokerSegmentBytes: strconv.Itoa(32 << 20),
}

// retentionEvery is how often retention is applied. Not sooner, so that what a stopped pipeline had not read yet can be
// read after its start, however old; not later, or a busy log grows too far.
const retentionEvery = 10 * time.Minute

// A KafkaOption is a choice of NewKafka.
type KafkaOption func(*kafkaOptions)

type kafkaOptions struct {
	login      Login
	durable    bool
	registerer prometheus.Registerer
	sync       func(*os.File) error
}

// Durable has the broker acknowledge only what is on disk, so that a cut of the power loses nothing that was
// acknowledged.
func Durable(on bool) KafkaOption { return func(o *kafkaOptions) { o.durable = on } }

// WithMetrics says where the broker's metrics go.
func WithMetrics(r prometheus.Registerer) KafkaOption {
	return func(o *kafkaOptions) { o.registerer = r }
}

// withSync puts another sync in the place of the file system's.
func withSync(sync func(*os.File) error) KafkaOption {
	return func(o *kafkaOptions) { o.sync = sync }
}

// spareBytes is what must be free on the disk before the broker starts: its start writes, too.
const spareBytes = 4 << 20

// NewKafka starts the broker on address (a loopback host:port; port 0 takes a free one) with its log in dir, which is
// made if absent. Memory: 80 bytes a record batch,
// whatever the records' size (measured); the topics' retention bounds it.
func NewKafka(address, dir string, logger *zap.Logger, options ...KafkaOption) (*Kafka, error) {
	o := kafkaOptions{sync: SyncFolder}
	for _, option := range options {
		option(&o)
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded Kafka on %q: %w", address, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded Kafka on %q: the port is not a number", address)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the embedded Kafka's folder: %w", err)
	}
	if err := probeSpace(dir); err != nil {
		return nil, err
	}
	k := &Kafka{dir: dir, logger: logger, sync: o.sync, failure: newFailure(), closed: make(chan struct{}), retention: make(chan struct{})}
	m := newMetrics(o.registerer)
	if o.durable {
		if k.folder, err = os.Open(dir); err != nil {
			return nil, fmt.Errorf("opening the embedded Kafka's folder: %w", err)
		}
	}
	if err := k.start(host, port, o, m); err != nil {
		k.undo()
		return nil, err
	}
	return k, nil
}

// start repairs the folder, loads it and opens the port to requests.
func (k *Kafka) start(host string, port int, o kafkaOptions, m *metrics) error {
	var syncDisk func() error
	configs := brokerConfigs
	if o.durable {
		syncDisk = k.syncDisk
	}
	var err error
	if k.damaged, err = repair(k.dir, syncDisk, k.logger, m); err != nil {
		return err
	}
	if err := forgetUsers(k.dir); err != nil {
		return err
	}
	if err := removeIfThere(filepath.Join(k.dir, cleanFile)); err != nil {
		return fmt.Errorf("starting the embedded Kafka: %w", err)
	}
	k.log = &brokerLog{to: k.logger.Sugar(), failure: k.failure, metrics: m, dir: k.dir, ended: make(chan struct{})}
	k.gate = newGate(k.logger, m, k.failure)
	k.transactions = newTransactions(k.dir, k.fail)
	k.gate.transactions = k.transactions
	k.gate.login = o.login != (Login{})
	k.gate.dir = k.dir
	k.gate.hasPartition = func(topic string, part int32) bool { return k.cluster.PartitionInfo(topic, part) != nil }
	if o.durable {
		if k.keeper, err = newJournalKeeper(k.dir); err != nil {
			return fmt.Errorf("starting the embedded Kafka: %w", err)
		}
		if k.keeper == nil {
			k.logger.Warn("the file system knows no hard links: the embedded Kafka's journals are compacted at its start only", zap.String("dir", k.dir))
			configs = withConfig(configs, "state.log.compact.bytes", strconv.FormatInt(math.MaxInt64, 10))
		}
		k.syncer = newSyncer(syncDisk, k.transactions.synced, m, k.failure)
		k.gate.syncer, k.transactions.syncer = k.syncer, k.syncer
	}
	portText := strconv.Itoa(port)
	k.cluster, err = kfake.NewCluster(append(o.login.options(),
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return k.gate.listen(network, net.JoinHostPort(host, portText))
		}),
		kfake.ClusterID(clusterID),
		kfake.DataDir(k.dir),
		kfake.BrokerConfigs(configs),
		kfake.WithLogger(k.log),
	)...)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("starting the embedded Kafka: %w: something already listens on %s; stop it, or set kafka.brokers to a free address (--set kafka.brokers=127.0.0.1:19092)", ErrAddressInUse, net.JoinHostPort(host, portText))
	}
	if err != nil {
		return fmt.Errorf("starting the embedded Kafka with its log in %s: %w", k.dir, err)
	}
	k.log.phase.Store(phaseRunning)
	if k.syncer != nil {
		if err := k.syncer.wait(k.syncer.ticket()); err != nil {
			return err
		}
	}
	k.address = k.gate.listener.Addr().String()
	var ctx context.Context
	ctx, k.stop = context.WithCancel(context.Background())
	go k.keepRetention(ctx)
	k.gate.open()
	return nil
}

func withConfig(configs map[string]string, key, value string) map[string]string {
	all := map[string]string{key: value}
	for k, v := range configs {
		all[k] = v
	}
	return all
}

// probeSpace returns an error where the disk has no room: the broker would fail at once, each time with a new memory of
// its log.
func probeSpace(dir string) error {
	path := filepath.Join(dir, "space")
	err := os.WriteFile(path, make([]byte, spareBytes), 0o600)
	if err = errors.Join(err, os.Remove(path)); err != nil {
		return writeError(dir, fmt.Errorf("trying whether it takes %d MiB", spareBytes>>20), err)
	}
	return nil
}

// syncDisk puts the folder on disk.
func (k *Kafka) syncDisk() error {
	if k.keeper != nil {
		k.keeper.before()
	}
	if err := k.sync(k.folder); err != nil {
		return err
	}
	if k.keeper != nil {
		if err := k.keeper.after(); err != nil {
			return writeError(k.dir, fmt.Errorf("keeping a journal: %w", err), err)
		}
	}
	return nil
}

// fail ends the broker because a write of ours failed.
func (k *Kafka) fail(err error) {
	k.failure.set(writeError(k.dir, err, err))
}

// Address is the broker's host:port.
func (k *Kafka) Address() string { return k.address }

// Damage says what was damaged in the folder at the start and is not as it was; empty: nothing.
func (k *Kafka) Damage() string {
	if len(k.damaged) == 0 {
		return ""
	}
	return fmt.Sprintf("found damaged at the start: %s; what could not be read is kept beside it (*.damaged-*)", strings.Join(k.damaged, ", "))
}

// Run waits until ctx is done, then writes everything to disk. It returns an error (ErrWriteFailed, ErrSyncFailed) when
// a write failed: the broker has then ended without acknowledging anything more, and its folder is as a kill would have
// left it.
func (k *Kafka) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-k.failure.failed:
	}
	return k.end()
}

// Close writes everything to disk and ends the broker; after a failure it ends it as it is. It may be called again.
func (k *Kafka) Close() { _ = k.end() } // Run and Ready say what failed

func (k *Kafka) end() error {
	if k.closing.Swap(true) {
		<-k.closed
		return k.failure.get()
	}
	defer close(k.closed)
	k.stop()
	<-k.retention
	if err := k.failure.get(); !errors.Is(err, ErrSyncFailed) {
		k.save()
	}
	k.abandon()
	return k.failure.get()
}

// save has the broker write everything, unless it has ended by itself. What it writes replaces whole files by whole
// ones, and after a failure of ours it is still true.
func (k *Kafka) save() {
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		k.gate.quiesce(k.failure.failed)
		k.gate.close()
		k.recordEnds()
		k.log.phase.Store(phaseClosing)
		k.cluster.Close()
	}()
	select {
	case <-k.log.ended:
		return
	case <-saved:
	}
	if k.failure.get() != nil {
		return
	}
	if k.syncer != nil {
		if err := k.syncer.wait(k.syncer.ticket()); err != nil {
			return
		}
	}
	// Said last: without it the next start only does more.
	if err := os.WriteFile(filepath.Join(k.dir, cleanFile), nil, 0o600); err != nil {
		k.fail(err)
	}
}

// undo ends what a start that failed has begun. The broker, if it is there, is told to end, and not waited for if it
// cannot: another is going to be made on the folder.
func (k *Kafka) undo() {
	if k.stop != nil {
		k.stop()
		<-k.retention
	}
	if k.cluster != nil {
		k.log.phase.Store(phaseClosing)
		k.gate.close()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			k.cluster.Close()
		}()
		select {
		case <-closed:
		case <-k.log.ended:
		}
	}
	k.abandon()
}

// abandon ends everything but kfake's own goroutines.
func (k *Kafka) abandon() {
	k.drop()
	if k.syncer != nil {
		k.syncer.close()
	}
	if k.transactions != nil {
		_ = k.transactions.close() // nothing is in it that was not written
	}
	if k.folder != nil {
		_ = k.folder.Close() // was opened to read
	}
}

// drop ends all connections.
func (k *Kafka) drop() {
	if k.syncer != nil {
		k.syncer.wake()
	}
	if k.gate != nil {
		k.gate.close()
	}
}

// keepRetention applies retention, and ends the connections once the broker has failed. Before each time it writes how
// far each partition has come, for a log of which nothing is left.
func (k *Kafka) keepRetention(ctx context.Context) {
	defer close(k.retention)
	tick := time.NewTicker(retentionEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.failure.failed:
			k.drop()
			return
		case <-tick.C:
			k.applyRetention()
		}
	}
}

// applyRetention deletes what is older or more than the topics' settings keep.
func (k *Kafka) applyRetention() {
	k.asked(func() {
		k.recordEnds()
		if k.syncer != nil && k.syncer.wait(k.syncer.ticket()) != nil {
			return
		}
		topics, err := topicNames(k.dir)
		for _, topic := range topics {
			err = errors.Join(err, retain(k.cluster, k.dir, topic, time.Now()))
		}
		if err != nil {
			k.logger.Error("the retention of the embedded Kafka's topics could not be applied everywhere; it is tried again", zap.Duration("after", retentionEvery), zap.Error(err))
		}
		k.recordEnds() // of what came meanwhile and was old already
	})
}

// asked runs what waits for the broker's goroutine, which a failed write ends.
func (k *Kafka) asked(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-k.failure.failed:
	}
}

func (k *Kafka) recordEnds() {
	topics, err := topicNames(k.dir)
	if err == nil {
		err = writeEnds(k.dir, readEnds(k.cluster, topics))
	}
	if err != nil {
		k.fail(fmt.Errorf("writing %s: %w", endsFile, err))
	}
}

// Ready returns nil until the broker is closed or has failed.
func (k *Kafka) Ready() error {
	if err := k.failure.get(); err != nil {
		return err
	}
	if k.closing.Load() {
		return errClosed
	}
	return nil
}
