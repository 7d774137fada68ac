package outbound

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"tributary/schemas"
	"tributary/schemas/broker"
	"tributary/sink/outbound/protocol"
)

// Deps are what an Engine needs from its process.
type Deps struct {
	// Kafka are seed brokers, TLS, SASL and client ID.
	Kafka []kgo.Opt
	// Broker is what the Kafka can do; the zero value is Apache Kafka's.
	Broker broker.Abilities
	// TopicPrefix goes before every topic name.
	TopicPrefix string
	Registerer  prometheus.Registerer
	Logger      *zap.Logger
	// Now is the clock; nil is time.Now.
	Now     func() time.Time
	Targets Targets
	Sender  Sender
	// Credentials open destinations that want a token; nil for none that has to be kept.
	Credentials *protocol.Credentials
	// FS has state_dir; nil is the disk.
	FS vfs.FS
}

// An Engine is one deliverer. It serves one Run.
type Engine struct {
	config             Config
	requests, attempts string // topics
	log                *zap.Logger
	now                func() time.Time
	targets            Targets
	sender             Sender
	credentials        *protocol.Credentials
	register           prometheus.Registerer
	metrics            *metrics
	store              *store
	client             *kgo.Client
	made               chan struct{} // closed once client is there: it calls back before
	kafka              []kgo.Opt

	// crash ends everything at once; its cause is what Run returns.
	crash     context.Context
	crashWith context.CancelCauseFunc
	// calls are under way.
	calls atomic.Int64
	// requestsID is the topic's, once it is known; of commit.
	requestsID [16]byte

	mu     sync.Mutex
	lanes  map[int32]*lane
	joined bool
}

// New checks the configuration and makes an Engine without connecting to anything.
func New(cfg Config, deps Deps) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring outbound: %w", err)
	}
	e := &Engine{config: cfg, requests: deps.TopicPrefix + schemas.TopicOutboundRequests, attempts: deps.TopicPrefix + schemas.TopicOutboundAttempts,
		log: deps.Logger, now: deps.Now, targets: deps.Targets, sender: deps.Sender, credentials: deps.Credentials, register: deps.Registerer, kafka: deps.Kafka, lanes: map[int32]*lane{}}
	if e.log == nil {
		e.log = zap.NewNop()
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.credentials == nil {
		e.credentials = &protocol.Credentials{Now: e.now}
	}
	fs := deps.FS
	if fs == nil {
		fs = vfs.Default
	}
	e.crash, e.crashWith = context.WithCancelCause(context.Background())
	var err error
	if e.metrics, err = newMetrics(deps.Registerer); err != nil {
		return nil, fmt.Errorf("registering the metrics of outbound: %w", err)
	}
	if e.store, err = openStore(fs, cfg.StateDir, e.log); err != nil {
		e.metrics.unregister(deps.Registerer)
		return nil, err
	}
	e.made = make(chan struct{})
	if e.client, err = kgo.NewClient(e.options(deps)...); err != nil {
		e.metrics.unregister(deps.Registerer)
		return nil, errors.Join(fmt.Errorf("configuring the Kafka client of outbound: %w", err), e.store.close())
	}
	close(e.made)
	return e, nil
}

// What one fetch may carry.
const (
	fetchPartitions        = 256
	fetchMaxPartitionBytes = 512 << 10
	fetchMaxBytes          = 16 << 20
	// maxInbox is how much of a partition may be read and not yet taken.
	maxInbox = 2 << 20
)

func (e *Engine) options(deps Deps) []kgo.Opt {
	options := append([]kgo.Opt{}, deps.Kafka...)
	options = append(options, deps.Broker.FetchLimits(fetchPartitions, fetchMaxBytes, fetchMaxPartitionBytes).Options()...)
	// One partition moves at a time while the rest goes on; static members need theirs at once: see the balancer of sink/clickhouse.
	balancer := kgo.CooperativeStickyBalancer()
	if e.config.InstanceID != "" {
		balancer = kgo.StickyBalancer()
		options = append(options, kgo.InstanceID(e.config.InstanceID))
	}
	return append(options,
		kgo.ConsumerGroup(e.config.Group),
		kgo.ConsumeTopics(e.requests),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // without a transaction's marker the end of a log would never be reached
		kgo.Balancers(balancer),
		kgo.SessionTimeout(e.config.SessionTimeout),
		kgo.HeartbeatInterval(max(100*time.Millisecond, e.config.SessionTimeout/10)),
		kgo.RebalanceTimeout(e.config.RebalanceTimeout),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(250*time.Millisecond),
		kgo.AdjustFetchOffsetsFn(e.begin),
		kgo.OnPartitionsAssigned(e.assigned),
		kgo.OnPartitionsRevoked(e.revoked),
		kgo.OnPartitionsLost(e.lost),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(1<<20), // lanes bound it: outbound.unrecorded
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
	)
}

// errKilled ends an Engine as kill -9 does.
var errKilled = errors.New("killed")

// fail ends the Engine; Run returns err.
func (e *Engine) fail(err error) { e.crashWith(err) }

// Run delivers until ctx is done. It then begins no more calls, gives those under way DrainTimeout, writes what is known to the disk,
// leaves the group and returns nil. Any other return is a failure; make a new Engine to go on.
func (e *Engine) Run(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(e.crash, stop)()
	committing := make(chan struct{})
	go func() {
		defer close(committing)
		e.keepCommitting(running)
	}()
	for running.Err() == nil {
		fetches := e.client.PollFetches(running)
		fetches.EachError(func(topic string, partition int32, err error) {
			if running.Err() == nil && !errors.Is(err, context.Canceled) {
				e.log.Warn("reading what is to be told failed; trying on", zap.String("topic", topic), zap.Int32("partition", partition), zap.Error(err))
			}
		})
		fetches.EachPartition(func(p kgo.FetchTopicPartition) { e.deliver(p.Partition, p.Records) })
		e.client.AllowRebalance()
	}
	<-committing
	err := context.Cause(e.crash)
	if !errors.Is(err, errKilled) {
		e.end(e.all(), err == nil)
		e.client.CloseAllowingRebalance()
		err = errors.Join(err, e.store.close())
	} else {
		e.end(e.all(), false)
		e.client.CloseAllowingRebalance()
		_ = e.store.db.Close()
	}
	e.metrics.unregister(noRegisterer(e.register))
	if errors.Is(err, errKilled) {
		return errKilled
	}
	return err
}

func noRegisterer(r prometheus.Registerer) prometheus.Registerer {
	if r == nil {
		return prometheus.NewRegistry()
	}
	return r
}

// Ready returns nil when it is a member of its group and its partitions are caught up.
func (e *Engine) Ready() error {
	if err := context.Cause(e.crash); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.joined {
		return errors.New("it has not joined its Kafka group yet")
	}
	return nil
}

// deliver leaves records for their lane.
func (e *Engine) deliver(partition int32, records []*kgo.Record) {
	e.mu.Lock()
	l := e.lanes[partition]
	e.mu.Unlock()
	if l == nil || len(records) == 0 {
		return
	}
	size := 0
	for _, r := range records {
		size += len(r.Value)
	}
	l.in.Lock()
	l.in.records = append(l.in.records, records...)
	l.in.bytes += size
	if l.in.bytes > maxInbox && !l.in.paused {
		l.in.paused = true
		e.client.PauseFetchPartitions(map[string][]int32{e.requests: {partition}})
	}
	l.in.Unlock()
	l.signal()
}

// resume reads on after a lane has emptied its inbox.
func (e *Engine) resume(partition int32) {
	e.client.ResumeFetchPartitions(map[string][]int32{e.requests: {partition}})
}

// mayCall tells whether a destination with so many calls under way may have one more.
func (e *Engine) mayCall(own int) bool {
	all, limit := e.calls.Load(), int64(e.config.Calls)
	return own == 0 || all < limit*3/4 || own < 2 && all < limit
}

// produce writes an attempt.
func (e *Engine) produce(partition int32, destination string, value []byte, done func(offset int64, err error)) {
	record := &kgo.Record{Topic: e.attempts, Partition: partition, Key: []byte(destination), Value: value}
	e.client.Produce(e.crash, record, func(r *kgo.Record, err error) {
		if e.crash.Err() != nil {
			return
		}
		done(r.Offset, err)
	})
}

// begin says from where partitions are read: where their part of the store ends. One without is begun where the group says that
// everything before is final.
func (e *Engine) begin(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	committed := map[int32]string{}
	<-e.made
	adm := kadm.NewClient(e.client)
	ends, err := adm.ListEndOffsets(ctx, e.requests, e.attempts)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the ends of %s: %w", e.requests, err)
	}
	fetched := false
	for partition := range offsets[e.requests] {
		key := keys{partition}.offsets()
		value, found, err := e.store.get(key)
		if err != nil {
			return nil, err
		}
		end, _ := ends.Lookup(e.requests, partition)
		attemptsEnd, ok := ends.Lookup(e.attempts, partition)
		if !ok {
			return nil, fmt.Errorf("%s has no partition %d as %s does: they need as many", e.attempts, partition, e.requests)
		}
		if found {
			at, err := int64s(value, 2)
			if err != nil {
				return nil, err
			}
			if at[0] <= end.Offset && at[1] <= attemptsEnd.Offset {
				offsets[e.requests][partition] = kgo.NewOffset().At(at[0])
				continue
			}
			e.log.Error("Kafka has less than was read from it: what waits is made again from what is there",
				zap.Int32("partition", partition), zap.Int64("read", at[0]), zap.Int64("end", end.Offset))
		}
		if !fetched {
			answer, err := adm.FetchOffsets(ctx, e.config.Group)
			if err == nil {
				err = answer.Error()
			}
			if err != nil {
				return nil, fmt.Errorf("asking for what group %s has committed: %w", e.config.Group, err)
			}
			answer.Each(func(o kadm.OffsetResponse) {
				if o.Topic == e.requests {
					committed[o.Partition] = strconv.FormatInt(o.At, 10) + " " + o.Metadata
				}
			})
			fetched = true
		}
		var requests, attempts int64
		if n, _ := fmt.Sscanf(committed[partition], "%d "+lowMark+"%d", &requests, &attempts); n != 2 || requests > end.Offset || attempts > attemptsEnd.Offset {
			requests, attempts = 0, 0
		}
		if err := e.store.reset(partition, requests, attempts); err != nil {
			return nil, err
		}
		e.log.Info("what waits is read from Kafka", zap.Int32("partition", partition), zap.Int64("from", requests), zap.Int64("end", end.Offset))
		offsets[e.requests][partition] = kgo.NewOffset().At(requests)
		if requests == 0 {
			offsets[e.requests][partition] = kgo.NewOffset().AtStart()
		}
	}
	e.start(offsets[e.requests])
	return offsets, nil
}

// lowMark begins the metadata of a commit, the offset of attempts behind it.
const lowMark = "attempts="

// reset makes a partition's part of the store empty, to be filled from these offsets on.
func (s *store) reset(partition int32, requests, attempts int64) error {
	k := keys{partition}
	b := s.db.NewBatch()
	defer b.Close()
	var err error
	for _, kind := range []byte("cnopqrsu") {
		prefix := k.begin(kind, 0)
		err = errors.Join(err, b.DeleteRange(prefix, after(prefix), nil))
	}
	if err = errors.Join(err, b.Set(k.offsets(), appendInt64s(nil, requests, attempts), nil), b.Commit(pebble.NoSync)); err != nil {
		return fmt.Errorf("emptying what waits to be told: %w", err)
	}
	return nil
}

func (e *Engine) assigned(context.Context, *kgo.Client, map[string][]int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.joined = true
}

// start begins the lanes of partitions whose beginnings are in the store.
func (e *Engine) start(partitions map[int32]kgo.Offset) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for p := range partitions {
		if e.lanes[p] == nil && e.crash.Err() == nil {
			l := newLane(e, p)
			e.lanes[p] = l
			go l.run()
		}
	}
	e.metrics.partitions.Set(float64(len(e.lanes)))
}

func (e *Engine) revoked(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	e.end(e.of(partitions[e.requests]), true)
}

func (e *Engine) lost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	e.end(e.of(partitions[e.requests]), false)
}

func (e *Engine) of(partitions []int32) (lanes []*lane) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range partitions {
		if l := e.lanes[p]; l != nil {
			lanes = append(lanes, l)
			delete(e.lanes, p)
		}
	}
	e.metrics.partitions.Set(float64(len(e.lanes)))
	return lanes
}

func (e *Engine) all() []*lane {
	e.mu.Lock()
	var partitions []int32
	for p := range e.lanes {
		partitions = append(partitions, p)
	}
	e.mu.Unlock()
	return e.of(partitions)
}

// end ends lanes: in an orderly way, or giving up the calls under way.
func (e *Engine) end(lanes []*lane, orderly bool) {
	for _, l := range lanes {
		close(l.leave)
		if !orderly {
			l.giveUp()
		}
	}
	for _, l := range lanes {
		<-l.left
		if orderly && l.live {
			if err := l.markLow(); err != nil {
				e.fail(err)
			}
		}
	}
	if orderly {
		e.commit(lanes)
	}
}

// commitLimit is how long one commit may take; the next one says the same and more.
const commitLimit = 5 * time.Second

// keepCommitting commits every commit_interval until ctx is done.
func (e *Engine) keepCommitting(ctx context.Context) {
	tick := time.NewTicker(e.config.CommitInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.mu.Lock()
		var lanes []*lane
		for _, l := range e.lanes {
			lanes = append(lanes, l)
		}
		e.mu.Unlock()
		e.commit(lanes)
		e.metrics.calls.Set(float64(e.calls.Load()))
		e.metrics.stateBytes.Set(float64(e.store.db.Metrics().DiskSpaceUsage()))
	}
}

// commit tells the group up to where everything is final. Where it fails, the next one says the same and more.
func (e *Engine) commit(lanes []*lane) {
	marks := map[int32]*[2]int64{}
	for _, l := range lanes {
		if mark := l.mark.Load(); mark != nil {
			marks[l.partition] = mark
		}
	}
	if len(marks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(e.crash, commitLimit)
	defer cancel()
	if err := e.commitMarks(ctx, marks); err != nil && e.crash.Err() == nil {
		e.log.Debug("committing what is final failed; the next commit says it too", zap.Error(err))
	}
}

// commitMarks does not use the client's own commit, which waits while the group is rebalancing.
func (e *Engine) commitMarks(ctx context.Context, marks map[int32]*[2]int64) error {
	if e.requestsID == ([16]byte{}) {
		topics, err := kadm.NewClient(e.client).ListTopics(ctx, e.requests)
		if err != nil {
			return err
		}
		e.requestsID = topics[e.requests].ID
	}
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group = e.config.Group
	request.MemberID, request.Generation = e.client.GroupMetadata()
	if e.config.InstanceID != "" {
		request.InstanceID = &e.config.InstanceID
	}
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = e.requests, e.requestsID
	for partition, mark := range marks {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.Metadata = partition, mark[0], kmsg.StringPtr(lowMark+strconv.FormatInt(mark[1], 10))
		topic.Partitions = append(topic.Partitions, p)
	}
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, e.client)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
		}
	}
	return err
}

// ends returns the ends of a partition of the two topics, for who reads committed records.
func (e *Engine) ends(ctx context.Context, partition int32) (requests, attempts int64, err error) {
	for {
		answer, err := kadm.NewClient(e.client).ListCommittedOffsets(ctx, e.requests, e.attempts)
		if err == nil {
			err = answer.Error()
		}
		if err == nil {
			r, _ := answer.Lookup(e.requests, partition)
			a, _ := answer.Lookup(e.attempts, partition)
			return r.Offset, a.Offset, nil
		}
		if ctx.Err() != nil {
			return 0, 0, err
		}
		e.log.Warn("asking for the ends of topics failed; trying on", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// readAttempts passes on the attempts of a partition in [from, to).
func (e *Engine) readAttempts(ctx context.Context, partition int32, from, to int64, take func(*kgo.Record) error) error {
	start := kgo.NewOffset().At(from)
	if from == 0 {
		start = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(append(append([]kgo.Opt{}, e.kafka...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{e.attempts: {partition: start}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)...)
	if err != nil {
		return err
	}
	defer client.Close()
	for at := from; at < to; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			if at = r.Offset + 1; failed == nil && r.Offset < to {
				failed = take(r)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}
