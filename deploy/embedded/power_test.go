package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
)

// progress is what the load has been told. Transaction n writes n into every topic and commits offset n.
type progress struct {
	mu sync.Mutex
	counts
	steps chan struct{}    // a token after each change
	turns [3]chan struct{} // tokens: for each transaction, and for each of the others after it
}

func newProgress() *progress {
	return &progress{steps: make(chan struct{}, 1), turns: [3]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, maxTurns)}}
}

// turn lets one of the three do one thing more.
func (p *progress) turn(ctx context.Context, of int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-p.turns[of]:
		return true
	}
}

// step changes the counts.
func (p *progress) step(change func(*counts)) {
	p.mu.Lock()
	change(&p.counts)
	p.mu.Unlock()
	select {
	case p.steps <- struct{}{}:
	default:
	}
}

type counts struct {
	begun, committed  int // transactions
	plainBegun, plain int // records
	offsets, offset   int // tried, acknowledged
}

func (p *progress) copy() counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

var powerTopics = []string{"one", "two", "three"}

// load runs transactions, plain records and plain offsets until ctx ends.
func load(ctx context.Context, address string, p *progress) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	var errs [3]error
	for i, run := range []func(context.Context, string, *progress) error{transact, produce, commitPlain} {
		running.Go(func() {
			if err := run(ctx, address, p); ctx.Err() == nil {
				errs[i] = err
			}
			stop()
		})
	}
	running.Wait()
	return errors.Join(errs[:]...)
}

func transact(ctx context.Context, address string, p *progress) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.TransactionalID("power"), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, c.Close)() // a record that was sent is not given up otherwise
	input, err := kadm.NewClient(c).ListTopics(ctx, "input")
	if err != nil {
		return err
	}
	for n := 1; p.turn(ctx, 2); n++ {
		p.step(func(c *counts) { c.begun = n })
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		var records []*kgo.Record
		abort := n%7 == 0
		for _, topic := range powerTopics {
			value := strconv.Itoa(n)
			if abort {
				value = "aborted"
			}
			records = append(records, &kgo.Record{Topic: topic, Value: []byte(value)})
		}
		if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return err
		}
		for _, turn := range p.turns[:2] {
			select {
			case turn <- struct{}{}:
			default:
			}
		}
		if err := stage(ctx, c, input["input"].ID, n); err != nil {
			return err
		}
		if err := c.EndTransaction(ctx, kgo.TransactionEndTry(!abort)); err != nil {
			return err
		}
		if !abort {
			p.step(func(c *counts) { c.committed = n })
		}
	}
	return nil
}

// stage adds an offset to the client's transaction.
func stage(ctx context.Context, c *kgo.Client, input kadm.TopicID, n int) error {
	id, epoch, err := c.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = "power", id, epoch, "power"
	added, err := add.RequestWith(ctx, c)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("adding offsets: %w", err)
	}
	r := kmsg.NewPtrTxnOffsetCommitRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Group, r.Generation = "power", id, epoch, "power", -1
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Offset, partition.Metadata = int64(n), kmsg.StringPtr("of "+strconv.Itoa(n))
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = "input", input, append(topic.Partitions, partition)
	r.Topics = append(r.Topics, topic)
	answer, err := r.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
}

func produce(ctx context.Context, address string, p *progress) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("plain"), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, c.Close)()
	for n := 1; p.turn(ctx, 0); n++ {
		p.step(func(c *counts) { c.plainBegun = n })
		if err := c.ProduceSync(ctx, kgo.StringRecord(strconv.Itoa(n))).FirstErr(); err != nil {
			return err
		}
		p.step(func(c *counts) { c.plain = n })
	}
	return nil
}

func commitPlain(ctx context.Context, address string, p *progress) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	for n := 1; p.turn(ctx, 1); n++ {
		p.step(func(c *counts) { c.offsets = n })
		offsets := kadm.Offsets{}
		offsets.AddOffset("input", 0, int64(n), -1)
		if err := admin.CommitAllOffsets(ctx, "plain", offsets); err != nil {
			return err
		}
		p.step(func(c *counts) { c.offset = n })
	}
	return nil
}

// powerCuts is how often the test cuts the power; FUZZ of the chaos drivers does so on a real file system.
const powerCuts = 200

// maxTurns is how many transactions may begin while a cut is looked at.
const maxTurns = 2

// TestNothingAcknowledgedIsLostToACutOfThePower lets a durable broker work on a disk that forgets, in part and out of
// order, what was not synced, and starts another on what such a disk may hold.
func TestNothingAcknowledgedIsLostToACutOfThePower(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	compactEvery := brokerConfigs["state.log.compact.bytes"]
	brokerConfigs["state.log.compact.bytes"] = "1500" // compacts often
	defer func() {
		if delete(brokerConfigs, "state.log.compact.bytes"); compactEvery != "" {
			brokerConfigs["state.log.compact.bytes"] = compactEvery
		}
	}()
	p := newProgress()
	disk := &forgetful{dir: filepath.Join(memoryDir(t), "kafka"), told: p.copy, cuts: make(chan moment)}
	k, err := NewKafka("127.0.0.1:0", disk.dir, zap.NewNop(), Durable(true), withSync(disk.sync))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	c := client(t, k.Address())
	if _, err := kadm.NewClient(c).CreateTopics(limited(t), 1, 1, nil, append([]string{"plain", "input"}, powerTopics...)...); err != nil {
		t.Fatal(err)
	}
	c.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- load(ctx, k.Address(), p) }()
	completed, compacted := 0, 0
	for n := range powerCuts {
		limit := time.After(30 * time.Second)
		for steps := 1 + r.IntN(6); steps > 0; {
			select {
			case <-p.steps:
				steps--
			case p.turns[2] <- struct{}{}:
			case err := <-done:
				t.Fatalf("the load ended: %v; broker: %v", err, k.Ready())
			case <-limit:
				t.Fatal("the load stands still")
			}
		}
		at := disk.moment(t, n%2 == 0, p.turns[2])
		held, before := cut(r, at.synced, at.now), at.before
		if at.synced.names["groups.log"] != at.now.names["groups.log"] {
			compacted++
		}
		dir := memoryDir(t)
		if err := held.lay(dir); err != nil {
			t.Fatal(err)
		}
		if testing.Verbose() && n%20 == 0 {
			t.Logf("cut %d after %+v", n, before)
		}
		if finished := checkCut(t, dir, before, p.copy()); finished {
			completed++
		}
		if t.Failed() {
			t.Fatalf("cut %d", n)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("%d transactions, %d records, %d offsets; %d cuts with a commit that was completed, %d after a compaction", p.committed, p.plain, p.offset, completed, compacted)
}

// TestATransactionSurvivesAKillWhollyOrNotAtAll kills a broker that does not sync, under load.
func TestATransactionSurvivesAKillWhollyOrNotAtAll(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for range 8 {
		dir := filepath.Join(memoryDir(t), "kafka")
		broker := startChild(t, dir, false)
		c := client(t, broker.address)
		if _, err := kadm.NewClient(c).CreateTopics(limited(t), 1, 1, nil, append([]string{"plain", "input"}, powerTopics...)...); err != nil {
			t.Fatal(err)
		}
		c.Close()
		ctx, stop := context.WithCancel(t.Context())
		p := newProgress()
		done := make(chan error, 1)
		go func() { done <- load(ctx, broker.address, p) }()
		limit := time.After(30 * time.Second)
		for steps := 20 + r.IntN(100); steps > 0; {
			select {
			case <-p.steps:
				steps--
			case p.turns[2] <- struct{}{}:
			case err := <-done:
				t.Fatalf("the load ended: %v", err)
			case <-limit:
				t.Fatal("the load stands still")
			}
		}
		before := p.copy()
		broker.kill(t)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		checkCut(t, dir, before, p.copy())
	}
}

// checkCut starts a broker on what is left and holds it against what was acknowledged before the cut and tried until
// after it, twice: a second end without order must change nothing.
func checkCut(t *testing.T, dir string, before, after counts) (completed bool) {
	t.Helper()
	for life := range 1 + before.begun%2 {
		k, err := NewKafka("127.0.0.1:0", dir, zap.NewNop(), Durable(true), withSync(func(*os.File) error { return nil }))
		if err != nil {
			t.Errorf("life %d: %v", life, err)
			return false
		}
		var last [3]int
		for i, topic := range powerTopics {
			seen := numbers(t, readAll(t, k.Address(), topic))
			for n := 1; n <= before.committed; n++ {
				if n%7 != 0 && !slices.Contains(seen, n) {
					t.Errorf("life %d: topic %s has lost transaction %d of %d", life, topic, n, before.committed)
				}
			}
			last[i] = seen[len(seen)-1]
		}
		c := client(t, k.Address())
		admin := kadm.NewClient(c)
		at, metadata := committedIn(t, admin, "power")
		if at != last[0] || last[0] != last[1] || last[1] != last[2] || at > 0 && metadata != "of "+strconv.Itoa(at) {
			t.Errorf("life %d: the last transaction is %v in the topics and %d (%q) in the offset: not all or nothing", life, last, at, metadata)
		}
		if last[0] > after.begun {
			t.Errorf("life %d: transaction %d was never begun", life, last[0])
		}
		if at, _ := committedIn(t, admin, "plain"); at < before.offset || at > after.offsets {
			t.Errorf("life %d: the plain offset is %d; %d was acknowledged, %d tried", life, at, before.offset, after.offsets)
		}
		if seen := numbers(t, readAll(t, k.Address(), "plain"))[1:]; len(seen) < before.plain || len(seen) > after.plainBegun {
			t.Errorf("life %d: %d plain records; %d were acknowledged, %d tried", life, len(seen), before.plain, after.plainBegun)
		}
		c.Close()
		if life == 0 {
			// As the power would have it: without an orderly end.
			again := memoryDir(t)
			if err := os.CopyFS(again, os.DirFS(dir)); err != nil {
				t.Error(err)
			}
			dir, completed = again, last[0] > before.committed
		}
		k.Close()
		if t.Failed() {
			return completed
		}
	}
	return completed
}

// committedIn is the group's offset of the input, 0 when it has none.
func committedIn(t *testing.T, admin *kadm.Client, group string) (at int, metadata string) {
	t.Helper()
	offsets, err := admin.FetchOffsets(limited(t), group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		t.Error(err)
	}
	o, ok := offsets.Lookup("input", 0)
	if !ok {
		return 0, ""
	}
	return int(o.At), o.Metadata
}

// memoryDir is a folder in memory where there is one: what the test starts syncs much.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tributary-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// numbers reads values and makes sure that none comes twice or was aborted.
func numbers(t *testing.T, values []string) []int {
	t.Helper()
	seen := []int{0}
	for _, value := range values {
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Errorf("readers see %q", value)
		}
		seen = append(seen, n)
	}
	slices.Sort(seen)
	if unique := slices.Compact(slices.Clone(seen)); len(unique) != len(seen) {
		t.Errorf("%d of %d values come twice", len(seen)-len(unique), len(seen))
	}
	return seen
}
