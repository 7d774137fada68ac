package processor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/attributor"
	"tributary/processor/checkpoint"
	"tributary/processor/stage"
	"tributary/processor/stages/claims"
	"tributary/processor/stages/join"
	"tributary/processor/stages/outbound"
	"tributary/processor/state"
	"tributary/schemas"
)

// A Processor reads the edge's topics and writes the sink's. Make one with New, run it once.
type Processor struct {
	cfg    Config
	deps   Deps
	log    *zap.Logger
	now    func() time.Time
	stages []stage.Stage
	// inputs and outputs are topics without prefix; inputs[0] carries the cycle's name in its commit.
	inputs, outputs []string
	isOutput        map[string]bool
	topicOf         map[string]string // by name in Kafka

	metrics    *metrics
	failures   *failures
	collectors []prometheus.Collector
	store      *state.Store
	// checkpoints and shipper are nil where no destination is configured.
	checkpoints *checkpoint.Store
	shipper     *checkpoint.Shipper
	topicIDs    map[string]string // by topic without prefix
	partitions  int32             // of each input
	session     *kgo.GroupTransactSession
	connected   chan struct{} // closed when a predecessor's transaction is ended
	failed      atomic.Bool
	admin       *kadm.Client

	// parts belongs to the loop.
	parts     map[int32]*partition
	lastIdle  time.Time
	lastError atomic.Pointer[error] // first failed produce of the transaction

	mu        sync.Mutex
	events    []event
	endPoll   context.CancelFunc // of the poll at hand
	preparing map[int32]*preparation
	// progress is how far each preparation is, for a person to read.
	progress map[int32]string
	// granted are the partitions of the newest assignment; nil after the membership was lost.
	granted map[int32]bool
	// ownerText says which partitions belong to nobody.
	ownerText string
	// progressed is how far the partitions are.
	progressed progress
	nudges     atomic.Uint64
	// asked is since when the committed offsets of an assignment are waited for.
	asked atomic.Pointer[time.Time]
	// toldSettings: it is said that settings are guessed.
	toldSettings atomic.Bool
	// interrupted: partitions were given up since the last transaction.
	interrupted atomic.Bool

	readiness atomic.Pointer[string]
}

// New checks the configuration and the stages. It does not touch disk or network.
func New(cfg Config, deps Deps) (*Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	if deps.Registerer == nil {
		deps.Registerer = prometheus.NewRegistry()
	}
	p := &Processor{cfg: cfg, deps: deps, log: deps.Logger, now: deps.Now, isOutput: map[string]bool{}, topicOf: map[string]string{},
		parts: map[int32]*partition{}, preparing: map[int32]*preparation{}, progress: map[int32]string{}, topicIDs: map[string]string{}, connected: make(chan struct{}),
		progressed: progress{reached: map[int32]reached{}}}
	if p.now == nil {
		p.now = time.Now
	}
	if p.cfg.Workers == 0 {
		p.cfg.Workers = runtime.GOMAXPROCS(0)
	}
	builtIn := []stage.Stage{
		join.New(join.Options{
			Rules: attributor.Rules{WindowMS: cfg.Window.Milliseconds(), Scoring: attributor.Scoring{FastMS: cfg.FastConversion.Milliseconds(),
				ClockSkewMS: cfg.ClockSkew.Milliseconds(), IPClicksPerMinute: cfg.IPClicksPerMinute}},
			GraceMS: cfg.Grace.Milliseconds(), BookRetentionMS: cfg.BookRetention.Milliseconds(), MaxParked: cfg.MaxParked,
			Registerer: deps.Registerer,
		}),
		claims.New(cfg.ClaimWindow.Milliseconds()),
	}
	if deps.Outbound == nil {
		deps.Outbound = outbound.New(deps.Registerer)
	}
	builtIn = append(builtIn, deps.Outbound)
	p.stages = append(builtIn, deps.Stages...)
	p.failures = newFailures(p.log, p.now, builtIn)
	names := map[string]bool{}
	outputs := map[string]bool{schemas.TopicDeadLetters: true, schemas.TopicCycles: true}
	for _, s := range p.stages {
		if err := stage.CheckName(s.Name()); err != nil {
			return nil, err
		}
		if names[s.Name()] {
			return nil, fmt.Errorf("two stages are named %q; each needs a name of its own", s.Name())
		}
		if err := stage.CheckConfigured(s); err != nil {
			return nil, err
		}
		names[s.Name()] = true
		for _, t := range s.Inputs() {
			if !slices.Contains(p.inputs, t) {
				p.inputs = append(p.inputs, t)
				p.topicOf[deps.TopicPrefix+t] = t
			}
		}
		for _, t := range s.Outputs() {
			outputs[t] = true
		}
	}
	p.isOutput = outputs
	p.outputs = slices.Sorted(maps.Keys(outputs))
	p.setReadiness("not started")
	return p, nil
}

// Ready returns nil while partitions are processed or none is left to take; else an error that says what is missing, or
// which partition stands still while records wait in it.
func (p *Processor) Ready() error {
	if r := *p.readiness.Load(); r != "" {
		return errors.New("processor: " + r)
	}
	p.mu.Lock()
	ownerText := p.ownerText
	p.mu.Unlock()
	if ownerText != "" {
		return errors.New("processor: " + ownerText)
	}
	if err := p.progressing(); err != nil {
		return fmt.Errorf("processor: %w", err)
	}
	return nil
}

func (p *Processor) setOwnerless(text string) {
	p.mu.Lock()
	p.ownerText = text
	p.mu.Unlock()
}

func (p *Processor) setReadiness(reason string) { p.readiness.Store(&reason) }

// Run processes until ctx is done, then finishes the running transaction and answers nil. Any other return is a failure after
// which nothing may be assumed: make a new Processor, it finds out from state and Kafka where to go on.
func (p *Processor) Run(ctx context.Context) (err error) {
	defer p.setReadiness("stopped")
	p.setReadiness("opening its state")
	started := time.Now()
	p.store, err = state.Open(state.Options{Dir: p.cfg.StateDir, FS: p.deps.FS, CacheBytes: p.cfg.CacheBytes, MemtableBytes: p.cfg.MemtableBytes,
		Logger: stateLog{p.log}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.store.Close()) }()
	store := p.store
	p.metrics, p.collectors, err = newMetrics(p.deps.Registerer, p.inputs, p.outputs, func() float64 { return float64(store.DiskBytes()) })
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	defer func() {
		for _, c := range p.collectors {
			p.deps.Registerer.Unregister(c)
		}
	}()
	if dir := store.SetAside(); dir != "" {
		p.metrics.setAside.Inc()
		p.log.Error("the state was damaged on disk and is set aside; every partition of this processor is restored as if the machine had no state: from its checkpoint if there is one, and from the topics. "+
			"Check the disk; delete the folder when nobody wants to look at it", zap.String("folder", dir))
	}
	if err := p.keepMeaning(); err != nil {
		return err
	}
	closeCheckpoints, err := p.openCheckpoints()
	if err != nil {
		return err
	}
	defer closeCheckpoints()
	opened := time.Now()
	p.setReadiness("connecting to Kafka")
	if err := p.awaitLogs(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	p.setReadiness("connecting to Kafka")
	states, err := p.localStates()
	if err != nil {
		return err
	}
	if err := p.connect(states); err != nil {
		return err
	}
	defer p.session.CloseAllowingRebalance()
	defer p.stopPreparations()
	// Resolves the transaction that a predecessor may have left open. The group is being joined meanwhile: adjust waits for this
	// before it asks for offsets.
	if _, _, err := p.session.Client().ProducerID(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("taking over the transactional ID: %w", err)
	}
	close(p.connected)
	p.setReadiness("joining its group")
	watching, stopWatching := context.WithCancel(ctx)
	var watched sync.WaitGroup
	watched.Go(func() { p.watchCoverage(watching) })
	watched.Go(func() { p.watchProgress(watching) })
	defer watched.Wait()
	defer stopWatching()
	p.log.Info("processor started", zap.String("group", p.cfg.Group), zap.String("instance", p.cfg.instance()), zap.Strings("inputs", p.inputs),
		zap.Duration("opening_state", opened.Sub(started)), zap.Duration("connecting", time.Since(opened)))
	if err := p.loop(ctx); err != nil {
		p.failed.Store(true)
		return err
	}
	p.log.Info("processor stopped")
	return nil
}

// meaningNote is the state's note of what it means nothing without.
const meaningNote = "meaning"

func (p *Processor) keepMeaning() error {
	if p.deps.Meaning == nil {
		return nil
	}
	was, err := p.store.Note(meaningNote)
	if err != nil {
		return err
	}
	next, err := p.deps.Meaning(was)
	if err != nil || bytes.Equal(next, was) {
		return err
	}
	return p.store.SetNote(meaningNote, next)
}

// stateLog ends the process when the state's disk fails: what the database holds in memory cannot be trusted any more, and
// what is on disk and in Kafka can.
type stateLog struct{ to *zap.Logger }

func (stateLog) Infof(string, ...any) {}
func (l stateLog) Errorf(format string, arguments ...any) {
	l.to.Error(fmt.Sprintf(format, arguments...))
}
func (l stateLog) Fatalf(format string, arguments ...any) {
	l.to.Fatal("the disk of processor.state_dir failed, and this process ends; nothing is lost: free space or mend the disk, and start again",
		zap.String("error", fmt.Sprintf(format, arguments...)))
}

// fetchMaxPartitionBytes is what one fetch carries of one partition: some thousand records.
const fetchMaxPartitionBytes = 256 << 10

// fetching are the options of a client that reads inputs.
func (p *Processor) fetching() []kgo.Opt {
	limits := p.deps.Broker.FetchLimits(len(p.inputs)*int(p.partitions), p.cfg.FetchMaxBytes, fetchMaxPartitionBytes)
	return append(slices.Clone(p.deps.Kafka), limits.Options()...)
}

func (p *Processor) connect(states map[int32]uint64) error {
	topics := make([]string, 0, len(p.inputs))
	for _, t := range p.inputs {
		topics = append(topics, p.deps.TopicPrefix+t)
	}
	opts := append(p.fetching(),
		kgo.ConsumerGroup(p.cfg.Group),
		kgo.InstanceID(p.cfg.instance()),
		kgo.TransactionalID(cmp.Or(p.deps.TransactionalID, p.cfg.Group+"-"+p.cfg.instance())),
		kgo.TransactionTimeout(p.cfg.TransactionTimeout),
		kgo.SessionTimeout(p.cfg.SessionTimeout),
		kgo.HeartbeatInterval(max(p.cfg.SessionTimeout/10, 100*time.Millisecond)),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(&balancer{topic: p.kafkaName(p.inputs[0]), granted: p.grant, states: states, nudges: &p.nudges}),
		kgo.MetadataMaxAge(partitionsAge),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // see input.skip
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.BlockRebalanceOnPoll(),
		kgo.RecordPartitioner(newPartitioner(p.deps.TopicPrefix, p.partitions)),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(1<<20),
		kgo.AdjustFetchOffsetsFn(p.adjust),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) { p.assigned(got) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { p.revoked(gone) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { p.lost(gone) }),
	)
	session, err := kgo.NewGroupTransactSession(opts...)
	if err != nil {
		return fmt.Errorf("making the Kafka client: %w", err)
	}
	p.session, p.admin = session, kadm.NewClient(session.Client())
	return nil
}

// localStates answers the partitions whose state lies here, with the number of its last cycle.
func (p *Processor) localStates() (map[int32]uint64, error) {
	states := map[int32]uint64{}
	for id := range p.partitions {
		part := p.newPartition(id)
		if err := part.load(); err != nil {
			return nil, err
		}
		if seq := part.meta.cycle.seq; seq > 0 {
			states[id] = seq
		}
	}
	return states, nil
}

// checkTopics holds the topics against what the stages need.
func (p *Processor) checkTopics(ctx context.Context) error {
	cl, err := kgo.NewClient(p.deps.Kafka...)
	if err != nil {
		return fmt.Errorf("making the Kafka client: %w", err)
	}
	defer cl.Close()
	var names []string
	for _, t := range append(slices.Clone(p.inputs), p.outputs...) {
		names = append(names, p.deps.TopicPrefix+t)
	}
	details, err := kadm.NewClient(cl).ListTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("listing topics: %w", err)
	}
	for _, n := range names {
		if d, ok := details[n]; !ok || d.Err != nil || len(d.Partitions) == 0 {
			return fmt.Errorf("%w: %s; create it with as many partitions as the others", ErrTopicMissing, n)
		}
		p.topicIDs[strings.TrimPrefix(n, p.deps.TopicPrefix)] = details[n].ID.String()
	}
	first := p.deps.TopicPrefix + p.inputs[0]
	p.partitions = int32(len(details[first].Partitions))
	for _, t := range append(slices.Clone(p.inputs[1:]), schemas.TopicCycles) {
		t = p.deps.TopicPrefix + t
		if a, b := len(details[first].Partitions), len(details[t].Partitions); a != b {
			return fmt.Errorf("%w: %s has %d partitions, %s has %d; equal numbers would be right%s", ErrNotCoPartitioned, first, a, t, b, whenAdded)
		}
	}
	return nil
}
