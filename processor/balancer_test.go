package processor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tributary/schemas"
	"tributary/schemas/fuzzbound"
)

// plan balances once and answers who has which partitions of each topic.
func plan(t *testing.T, owned map[string][]int32, generation map[string]int32, members []string, partitions int32) map[string]map[string][]int32 {
	t.Helper()
	b := &balancer{topic: "clicks"}
	topics := []string{"claims", "clicks", "postbacks"}
	var join []kmsg.JoinGroupResponseMember
	for _, m := range members {
		j := kmsg.NewJoinGroupResponseMember()
		j.MemberID, j.InstanceID = m, &m
		has := map[string][]int32{}
		for _, topic := range topics {
			if len(owned[m]) > 0 {
				has[topic] = owned[m]
			}
		}
		j.ProtocolMetadata = b.JoinGroupMetadata(topics, has, generation[m])
		join = append(join, j)
	}
	cb, err := kgo.NewConsumerBalancer(b, join)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int32{}
	for _, topic := range topics {
		counts[topic] = partitions
	}
	p, ok := b.Balance(cb, counts).(*kgo.BalancePlan)
	if !ok {
		t.Fatal("no plan")
	}
	return p.AsMemberIDMap()
}

// TestBalance lets members come and go at random and plays the rounds of the group until nothing moves.
func TestBalance(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 9))
		partitions := int32(1 + rng.IntN(20))
		owned, generation := map[string][]int32{}, map[string]int32{}
		var members []string
		for round := range 6 {
			before := len(members)
			switch {
			case len(members) == 0 || rng.IntN(2) == 0:
				members = append(members, fmt.Sprintf("m%d-%d", round, rng.IntN(100)))
			case len(members) > 1:
				gone := rng.IntN(len(members))
				delete(owned, members[gone])
				members = append(members[:gone:gone], members[gone+1:]...)
			}
			if rng.IntN(4) == 0 { // one missed some rounds and claims what is no longer its own
				stale := members[rng.IntN(len(members))]
				owned[stale], generation[stale] = append(owned[stale], int32(rng.IntN(int(partitions)))), generation[stale]-1
			}
			kept, moved := map[int32]string{}, 0
			for m, list := range owned {
				for _, id := range list {
					kept[id] = m
				}
			}
			for rebalance := 0; ; rebalance++ {
				if rebalance == 4 {
					t.Fatalf("seed %d: it does not come to rest", seed)
				}
				got := plan(t, owned, generation, members, partitions)
				seen := map[int32]string{}
				next := map[string][]int32{}
				for m, topics := range got {
					for _, topic := range []string{"claims", "postbacks"} {
						if fmt.Sprint(topics[topic]) != fmt.Sprint(topics["clicks"]) {
							t.Fatalf("seed %d: %s has %v of clicks and %v of %s", seed, m, topics["clicks"], topics[topic], topic)
						}
					}
					for _, id := range topics["clicks"] {
						if seen[id] != "" {
							t.Fatalf("seed %d: partition %d goes to %s and %s", seed, id, seen[id], m)
						}
						seen[id] = m
					}
					next[m] = topics["clicks"]
				}
				complete := len(seen) == int(partitions)
				owned = next
				for _, m := range members {
					generation[m] = int32(10*round + rebalance + 10)
				}
				if !complete {
					continue
				}
				for m, list := range owned {
					if n := len(list); n < int(partitions)/len(members) || n > (int(partitions)+len(members)-1)/len(members) {
						t.Fatalf("seed %d: %s has %d of %d partitions of %d members", seed, m, n, partitions, len(members))
					}
				}
				for id, m := range kept {
					if seen[id] != m && contains(members, m) {
						moved++
					}
				}
				if most := int(partitions)/max(len(members), 1) + 2; len(members) > before && moved > most {
					t.Fatalf("seed %d: %d of %d partitions moved for one new member of %d", seed, moved, partitions, len(members))
				}
				break
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// TestARebalanceDoesNotStopTheOthers: when a second processor joins, the first one goes on with the partitions that it keeps,
// without taking them over again.
func TestARebalanceDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	h := &history{w: w}
	cfg := w.config()
	deps := w.deps(vfs.NewMem())
	var a *Processor
	lives, has := map[int32]map[*partition]bool{}, map[int32]bool{}
	deps.fault = func(string) error {
		clear(has)
		for id, part := range a.parts {
			has[id] = true
			if lives[id] == nil {
				lives[id] = map[*partition]bool{}
			}
			lives[id][part] = true
		}
		return nil
	}
	first := w.startAs(cfg, deps, &a)
	h.feed(30)
	w.caughtUp(cfg.Group)
	other := cfg
	other.InstanceID = "test-1"
	second := w.start(other, w.deps(vfs.NewMem()))
	deadline := time.Now().Add(20 * time.Second)
	for second.p.Ready() != nil || valueOf(second.p.metrics.commits) == 0 {
		h.feed(3)
		if time.Now().After(deadline) {
			t.Fatalf("the second processor: %v", second.p.Ready())
		}
	}
	h.feed(20)
	w.caughtUp(cfg.Group)
	second.stop()
	first.stop()
	if len(has) != 2 {
		t.Errorf("the first processor had %d partitions of 4", len(has))
	}
	for id := range has {
		if n := len(lives[id]); n != 1 {
			t.Errorf("partition %d was taken over %d times by who had it all the time", id, n)
		}
	}
}

// TestARestartOfAllMovesNothing: processors that come back, in whatever order, take the partitions whose state they have.
func TestARestartOfAllMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	h := &history{w: w}
	const processors = 3
	configs, disks := make([]Config, processors), make([]*vfs.MemFS, processors)
	for i := range configs {
		configs[i] = w.config()
		configs[i].InstanceID = fmt.Sprint("test-", i)
		// Nobody is gone for good here: a machine too busy to start the third in time must not look like it.
		configs[i].SessionTimeout = time.Minute
		disks[i] = vfs.NewMem()
	}
	all := make([]*running, processors)
	owns := func() string {
		var text string
		for i, r := range all {
			r.p.mu.Lock()
			text += fmt.Sprintln(i, len(r.p.granted), r.p.granted)
			r.p.mu.Unlock()
		}
		return text
	}
	settled := func() bool {
		n := 0
		for _, r := range all {
			r.p.mu.Lock()
			if len(r.p.granted) != 2 {
				n = -100
			}
			n += len(r.p.granted)
			r.p.mu.Unlock()
			if r.p.Ready() != nil {
				n = -100
			}
		}
		return n == 6
	}
	await := func() {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		for !settled() {
			h.feed(2)
			if time.Now().After(deadline) {
				t.Fatal("the partitions are not shared out: ", owns())
			}
		}
		h.feed(20)
		w.caughtUp(configs[0].Group)
	}
	for i := range all {
		all[i] = w.start(configs[i], w.deps(disks[i]))
	}
	await()
	before := owns()
	for _, r := range all {
		r.stop()
	}
	for i := range all {
		i = processors - 1 - i
		all[i] = w.start(configs[i], w.deps(disks[i]))
	}
	await()
	if after := owns(); after != before {
		t.Errorf("the partitions moved: before\n%safter\n%s", before, after)
	}
	for _, r := range all {
		if wipes, n := valueOf(r.p.metrics.wipes), valueOf(r.p.metrics.restored); wipes > 0 {
			t.Errorf("%v states were wiped, %v records replayed", wipes, n)
		}
		r.stop()
	}
}

func FuzzStates(f *testing.F) {
	f.Add(appendStates(nil, 3, map[int32]uint64{0: 1, 7: 1 << 60}))
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzbound.Hold(t, 64*len(b), func() { readStates(b) })
		if states := readStates(b); len(states) > len(b) {
			t.Fatal(states)
		}
	})
}

// forgetful is a leader that leaves the last partition to nobody, as the first of the two rebalances of a move does.
type forgetful struct{ balancer }

func (f *forgetful) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	cb, err := kgo.NewConsumerBalancer(f, members)
	return cb, cb.MemberTopics(), err
}

func (f *forgetful) Balance(cb *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	plan := cb.NewPlan()
	for topic, n := range topics {
		for id := range n - 1 {
			member, _ := cb.MemberAt(0)
			plan.AddPartition(member, topic, id)
		}
	}
	return plan
}

// TestAPartitionOfNobodyIsTaken: every member died between the two rebalances of a move, and came back to the assignment in
// between.
func TestAPartitionOfNobodyIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	cfg := w.config()
	before, err := kgo.NewClient(append(w.opts(), kgo.ConsumerGroup(cfg.Group), kgo.InstanceID(cfg.InstanceID), kgo.Balancers(&forgetful{}),
		kgo.ConsumeTopics(schemas.TopicClicks, schemas.TopicPostbacks, schemas.TopicClaims), kgo.SessionTimeout(20*time.Second), kgo.DisableAutoCommit())...)
	if err != nil {
		t.Fatal(err)
	}
	adm := kadm.NewClient(w.client)
	deadline := time.Now().Add(20 * time.Second)
	for {
		groups, err := adm.DescribeGroups(context.Background(), cfg.Group)
		if err == nil && groups[cfg.Group].State == "Stable" && len(uncovered(groups[cfg.Group], schemas.TopicClicks, 3)) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the group is not as this test needs it: ", groups, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	before.Close() // a static member: the group keeps its place
	r := w.start(cfg, w.deps(vfs.NewMem()))
	h := &history{w: w}
	h.feed(40) // over all partitions
	h.finish(r)
	if valueOf(r.p.metrics.nudges) == 0 {
		t.Error("this broker began a rebalance by itself when the static member came back: the test shows nothing")
	}
	r.stop()
}
