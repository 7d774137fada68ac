package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"tributary/schemas"
	"tributary/schemas/broker"
)

// Deps are what a Loader needs from its process.
type Deps struct {
	// Kafka are seed brokers, TLS, SASL and client ID.
	Kafka []kgo.Opt
	// Broker is what the Kafka can do; the zero value is Apache Kafka's.
	Broker broker.Abilities
	// TopicPrefix goes before every topic name.
	TopicPrefix string
	Registerer  prometheus.Registerer
	Logger      *zap.Logger
	// Now is the clock that freshness is measured with; nil is time.Now.
	Now func() time.Time
	// Own are the tables that stages declare (schemas.RowTable).
	Own []schemas.Table
	// ClickHouse says how to connect: address, protocol (native or HTTP), user. Its database must exist whatever happens
	// to ours: leave it empty. Pool sizes are set by the Loader.
	ClickHouse *clickhouse.Options
}

// Loader loads the scored topics and the dead letters into ClickHouse. It serves one Run.
type Loader struct {
	config Config
	// topics are those that it reads, without prefix; own the tables that stages declare.
	topics    []string
	own       []schemas.Table
	prefix    string
	log       *zap.Logger
	now       func() time.Time
	register  prometheus.Registerer
	metrics   *metrics
	client    *kgo.Client
	conn      driver.Conn
	http      bool
	committer *committer
	// slots bounds the inserts that run at once.
	slots  chan struct{}
	faults faults
	// letterTransaction is the constant, but in tests.
	letterTransaction time.Duration
	// kafka are the process's options for every client.
	kafka []kgo.Opt

	// crash ends everything at once; its cause is what Run returns.
	crash     context.Context
	crashWith context.CancelCauseFunc
	buffered  atomic.Int64

	mu       sync.Mutex
	owners   map[key]*owner
	assigned map[key]bool
	plans    map[key]*plan
	// begun are the offsets at which partitions were taken over; progress is what the last look at them found.
	begun    map[key]int64
	progress progress
	// partitions are how many each topic had at the last look.
	partitions map[string]int
	joined     bool
	// down is the state of ClickHouse: when the first failure of the current outage was, and what it said.
	down   time.Time
	reason string
	tried  bool
	// silent is why ClickHouse did not answer when it was last asked, silentSince when it first did not.
	silent      error
	silentSince time.Time
}

type key struct {
	topic     string
	partition int32
}

// New checks the configuration and makes a Loader without connecting to anything.
func New(cfg Config, deps Deps) (*Loader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the sink: %w", err)
	}
	if deps.ClickHouse == nil {
		return nil, errors.New("configuring the sink: no ClickHouse to load into is named")
	}
	l := &Loader{config: cfg, topics: topicsOf(loaded(deps.Own)), own: deps.Own, prefix: deps.TopicPrefix, log: deps.Logger, now: deps.Now, register: deps.Registerer, slots: make(chan struct{}, cfg.Inserts),
		owners: make(map[key]*owner), assigned: make(map[key]bool), plans: make(map[key]*plan), begun: make(map[key]int64), partitions: make(map[string]int),
		letterTransaction: letterTransaction, kafka: deps.Kafka}
	if l.log == nil {
		l.log = zap.NewNop()
	}
	if l.now == nil {
		l.now = time.Now
	}
	l.crash, l.crashWith = context.WithCancelCause(context.Background())
	if err := l.connect(deps); err != nil {
		return nil, err
	}
	var err error
	if l.metrics, err = newMetrics(deps.Registerer, l.topics); err != nil {
		return nil, errors.Join(fmt.Errorf("registering the sink's metrics: %w", err), l.conn.Close())
	}
	if l.client, err = kgo.NewClient(l.kafkaOptions(deps)...); err != nil {
		l.metrics.unregister(noRegisterer(deps.Registerer))
		return nil, errors.Join(fmt.Errorf("configuring the sink's Kafka client: %w", err), l.conn.Close())
	}
	l.committer = newCommitter(l.client, cfg.CommitTimeout, l.metrics)
	return l, nil
}

// noRegisterer stands in for none.
func noRegisterer(r prometheus.Registerer) prometheus.Registerer {
	if r == nil {
		return prometheus.NewRegistry()
	}
	return r
}

func (l *Loader) connect(deps Deps) error {
	options := *deps.ClickHouse
	// An insert holds a connection; the ones above that are for look-ups. Idle ones keep an insert's encoding buffer.
	options.MaxOpenConns = l.config.Inserts + 2
	options.MaxIdleConns = l.config.Inserts
	if options.ReadTimeout < l.config.InsertTimeout {
		options.ReadTimeout = l.config.InsertTimeout
	}
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return fmt.Errorf("configuring the sink's ClickHouse client: %w", err)
	}
	l.conn, l.http = conn, options.Protocol == clickhouse.HTTP
	return nil
}

// What one fetch may carry: enough rows of each partition for the engine, and room for so many partitions of them.
const (
	fetchPartitions        = 256
	fetchMaxPartitionBytes = 256 << 10
	fetchMaxBytes          = fetchPartitions * fetchMaxPartitionBytes
)

// balancer moves one partition at a time while the rest goes on, for partitions are independent of each other. It takes two
// rebalances for that. Static members that all died between the two get the assignment in between from their group
// again, without a rebalance, and partitions would belong to nobody: theirs must be complete at once.
func balancer(instanceID string) kgo.GroupBalancer {
	if instanceID == "" {
		return kgo.CooperativeStickyBalancer()
	}
	return kgo.StickyBalancer()
}

func (l *Loader) kafkaOptions(deps Deps) []kgo.Opt {
	topics := make([]string, len(l.topics))
	for i, topic := range l.topics {
		topics[i] = deps.TopicPrefix + topic
	}
	options := append([]kgo.Opt{}, deps.Kafka...)
	options = append(options, deps.Broker.FetchLimits(fetchPartitions, fetchMaxBytes, fetchMaxPartitionBytes).Options()...)
	options = append(options,
		kgo.ConsumerGroup(l.config.Group),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // without a transaction's marker the end of a log would never be reached
		kgo.Balancers(balancer(l.config.InstanceID)),
		kgo.MetadataMaxAge(partitionsAge),
		kgo.SessionTimeout(l.config.SessionTimeout),
		kgo.HeartbeatInterval(max(100*time.Millisecond, l.config.SessionTimeout/10)),
		kgo.RebalanceTimeout(l.config.RebalanceTimeout),
		kgo.DisableAutoCommit(),
		// No partition moves between a poll and the hand-over of its records.
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(250*time.Millisecond),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.OnPartitionsAssigned(l.onAssigned),
		kgo.OnPartitionsRevoked(l.onRevoked),
		kgo.OnPartitionsLost(l.onLost),
		kgo.OnOffsetsFetched(l.onOffsetsFetched),
	)
	if l.config.InstanceID != "" {
		options = append(options, kgo.InstanceID(l.config.InstanceID))
	}
	return options
}

// Run loads until ctx is done. It then takes no more records, gives what is buffered DrainTimeout to land, confirms it,
// leaves the group and returns nil. What did not land in time is in Kafka and is loaded by the next Loader. Any other
// return is a failure; make a new Loader to go on.
func (l *Loader) Run(ctx context.Context) error {
	defer l.close()
	running, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(l.crash, stop)()
	committing := make(chan struct{})
	committed, stopCommitting := context.WithCancel(l.crash)
	defer stopCommitting()
	go func() {
		defer close(committing)
		l.committer.run(committed)
	}()
	pinged := make(chan struct{})
	go func() {
		defer close(pinged)
		l.watchClickHouse(running)
	}()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.watchProgress(running)
	}()
	l.poll(running)
	stop()
	<-pinged
	<-watched
	l.stopOwners(l.takeOwners(nil), l.config.DrainTimeout)
	l.client.CloseAllowingRebalance()
	stopCommitting()
	<-committing
	if cause := context.Cause(l.crash); cause != nil {
		return cause
	}
	return nil
}

func (l *Loader) close() {
	l.crashWith(nil)
	l.metrics.unregister(noRegisterer(l.register))
	if err := l.conn.Close(); err != nil {
		l.log.Warn("closing the ClickHouse connections", zap.Error(err))
	}
}

// fail ends the Loader; the first cause counts.
func (l *Loader) fail(err error) { l.crashWith(err) }

// Ready is nil while the Loader has partitions, ClickHouse takes its inserts, and no partition stands still while records wait in it.
func (l *Loader) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.crash.Err() != nil:
		return errors.New("the sink has stopped")
	case !l.joined:
		return errors.New("the sink has not joined its Kafka consumer group yet")
	case !l.down.IsZero():
		return fmt.Errorf("ClickHouse has not taken rows since %s: %s", l.down.UTC().Format(time.RFC3339), l.reason)
	case l.silent != nil:
		return fmt.Errorf("ClickHouse has not answered since %s: %w", l.silentSince.UTC().Format(time.RFC3339), l.silent)
	case !l.tried:
		return errors.New("the sink has not reached ClickHouse yet")
	}
	return l.progress.ready(l.config.StallAfter)
}

// awaitClickHouse makes Ready true on a system without traffic.
func (l *Loader) awaitClickHouse(ctx context.Context) {
	pauses := l.pauses()
	for ctx.Err() == nil {
		ping, cancel := context.WithTimeout(ctx, l.config.InsertTimeout)
		err := l.conn.Ping(ping)
		cancel()
		if err == nil {
			l.insertSucceeded()
			return
		}
		if ctx.Err() != nil {
			return
		}
		l.insertFailed(err, classRetry)
		if sleep(ctx, pauses.NextBackOff()) != nil {
			return
		}
	}
}

// poll hands records to their owners until ctx is done.
func (l *Loader) poll(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		fetches := l.client.PollRecords(ctx, 50_000)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			l.client.AllowRebalance()
			return
		}
		var failed error
		fetches.EachError(func(topic string, partition int32, err error) {
			failed = fmt.Errorf("reading %s/%d: %w", topic, partition, err)
			if errors.Is(err, kerr.FencedInstanceID) || errors.Is(err, kerr.GroupAuthorizationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed) {
				l.fail(failed)
			}
		})
		if failed != nil && !failing {
			l.log.Warn("Kafka cannot be read; trying on", zap.Error(failed))
		}
		failing = failed != nil
		fetches.EachPartition(l.hand)
		l.client.AllowRebalance()
	}
}

func (l *Loader) hand(p kgo.FetchTopicPartition) {
	k := key{p.Topic, p.Partition}
	l.mu.Lock()
	o := l.owners[k]
	if o == nil && l.assigned[k] && len(p.Records) > 0 {
		o = newOwner(l, p.Topic, strings.TrimPrefix(p.Topic, l.prefix), p.Partition, l.plans[k])
		o.old = p.HighWatermark
		delete(l.plans, k)
		l.owners[k] = o
		go o.run()
	}
	// Half of the memory is for whoever comes first, the other half is shared out: a partition that cannot land its rows
	// leaves the others theirs.
	limit := 2 * l.config.BatchBytes
	if int(l.buffered.Load()) > l.config.BufferedBytes/2 {
		limit = min(limit, max(minShare, l.config.BufferedBytes/2/max(1, len(l.assigned))))
	}
	l.mu.Unlock()
	if o == nil {
		return
	}
	if len(p.Records) > 0 {
		o.deliver(p.Records, limit)
	}
}

// minShare is the least a partition may buffer.
const minShare = 256 << 10

func (l *Loader) buffer(bytes int) {
	l.metrics.buffered.Set(float64(l.buffered.Add(int64(bytes))))
}

func (l *Loader) onAssigned(_ context.Context, _ *kgo.Client, added map[string][]int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.joined = true
	for topic, partitions := range added {
		for _, partition := range partitions {
			l.assigned[key{topic, partition}] = true
		}
	}
}

// onOffsetsFetched reads the plans of earlier lives, before any record of their partitions is read.
func (l *Loader) onOffsetsFetched(_ context.Context, _ *kgo.Client, answer *kmsg.OffsetFetchResponse) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	take := func(topic string, partition int32, offset int64, metadata *string) {
		if offset >= 0 {
			l.begun[key{topic, partition}] = offset
		}
		if metadata == nil || offset < 0 {
			return
		}
		p, found, err := parsePlan(offset, *metadata)
		if err != nil {
			l.fail(fmt.Errorf("taking over %s/%d: %w", topic, partition, err))
		}
		if found {
			l.plans[key{topic, partition}] = &p
		}
	}
	for _, group := range answer.Groups {
		for _, topic := range group.Topics {
			for _, p := range topic.Partitions {
				take(topic.Topic, p.Partition, p.Offset, p.Metadata)
			}
		}
	}
	if len(answer.Groups) == 0 {
		for _, topic := range answer.Topics {
			for _, p := range topic.Partitions {
				take(topic.Topic, p.Partition, p.Offset, p.Metadata)
			}
		}
	}
	return nil
}

// onRevoked gives partitions up in an orderly way: no other member reads them before it returns.
func (l *Loader) onRevoked(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
	l.stopOwners(l.takeOwners(revoked), l.config.DrainTimeout)
}

// onLost drops partitions that may belong to others already.
func (l *Loader) onLost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	owners := l.takeOwners(lost)
	for _, o := range owners {
		o.lost.Store(true)
	}
	l.stopOwners(owners, 0)
}

// takeOwners removes the owners of partitions (nil: of all) from the books.
func (l *Loader) takeOwners(partitions map[string][]int32) []*owner {
	l.mu.Lock()
	defer l.mu.Unlock()
	var taken []*owner
	take := func(k key) {
		if o := l.owners[k]; o != nil {
			taken = append(taken, o)
		}
		delete(l.owners, k)
		delete(l.assigned, k)
		delete(l.plans, k)
		delete(l.begun, k)
		l.forgetProgress(k)
	}
	if partitions == nil {
		for k := range l.assigned {
			take(k)
		}
	}
	for topic, numbers := range partitions {
		for _, partition := range numbers {
			take(key{topic, partition})
		}
	}
	return taken
}

// stopOwners lets owners land and confirm what they have decoded, at most for grace, and returns when they have stopped.
func (l *Loader) stopOwners(owners []*owner, grace time.Duration) {
	if len(owners) == 0 {
		return
	}
	for _, o := range owners {
		if grace > 0 {
			close(o.finish)
		}
	}
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	for _, o := range owners {
		select {
		case <-o.done:
		case <-deadline.C:
			for _, o := range owners {
				o.cancel()
			}
			<-o.done
		}
		o.cancel()
	}
}

// insertFailed and insertSucceeded log changes of state, never attempts.
func (l *Loader) insertFailed(err error, class class) {
	l.metrics.up.Set(0)
	l.mu.Lock()
	first := l.down.IsZero()
	if first {
		l.down = l.now()
	}
	l.reason = err.Error()
	l.mu.Unlock()
	if first {
		l.log.Warn("ClickHouse does not take rows; they wait in Kafka", zap.String("class", class.String()), zap.Error(err))
	}
}

func (l *Loader) insertSucceeded() {
	l.metrics.up.Set(1)
	l.mu.Lock()
	down := l.down
	l.down, l.reason, l.tried = time.Time{}, "", true
	l.mu.Unlock()
	if !down.IsZero() {
		l.log.Info("ClickHouse takes rows again", zap.Duration("after", l.now().Sub(down)))
	}
}
