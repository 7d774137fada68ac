package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
	"tributary/schemas/events"
)

// smallWindow makes the tables remember few inserts.
func (p *pipeline) smallWindow() {
	p.t.Helper()
	for _, table := range []string{"clicks", "conversions"} {
		if err := p.conn.Exec(p.t.Context(), "ALTER TABLE "+p.database+"."+table+" MODIFY SETTING non_replicated_deduplication_window = 20"); err != nil {
			p.t.Fatal(err)
		}
	}
}

// others inserts n clicks of a partition that no loader has, one by one, and returns them.
func (p *pipeline) others(n int) []*events.Click {
	p.t.Helper()
	clicks, _ := newEvents(99, n, 0)
	table := newClicks()
	in := newInserter(p.conn, true, p.database, table)
	for i, c := range clicks {
		reset(table)
		value, err := c.MarshalVT()
		if err != nil {
			p.t.Fatal(err)
		}
		if err := table.add(value, 99, int64(i)); err != nil {
			p.t.Fatal(err)
		}
		if err := in.insert(p.t.Context(), []uint32{0}, fmt.Sprint("other-", i), time.Now().Add(time.Minute)); err != nil {
			p.t.Fatal(err)
		}
	}
	return clicks
}

// dies starts a loader and expects its death at a boundary.
func (p *pipeline) dies(at point, n int32) {
	p.t.Helper()
	p.faults = dieAt(at, n)
	if err := <-p.start().result; !errors.Is(err, errKilled) {
		p.t.Fatalf("the loader ended with %v", err)
	}
	p.faults = nil
}

// value is a counter's.
func value(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	alone := prometheus.NewPedanticRegistry()
	if err := alone.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := alone.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families[0].Metric[0].Counter.GetValue()
}

// TestTokenForgotten: by the time a plan is carried out again its tokens are forgotten. A repeated insert would double the rows.
func TestTokenForgotten(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	p.smallWindow()
	clicks, _ := newEvents(20, 300, 0)
	p.produceEvents(clicks, nil)
	p.dies(pointInserted, 1)
	clicks = append(clicks, p.others(25)...)
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	await(t, "all is confirmed", p.confirmed)
	r.end(t)
	p.check(clicks, nil)
}

// TestPowerTookTheTokens: the rows of an insert are on disk and ClickHouse's memory of its token is not.
func TestPowerTookTheTokens(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	clicks, _ := newEvents(28, 300, 0)
	p.produceEvents(clicks, nil)
	p.dies(pointInserted, 1)
	for _, window := range []int{0, 10_000} {
		if err := p.conn.Exec(t.Context(), fmt.Sprintf("ALTER TABLE %s.clicks MODIFY SETTING non_replicated_deduplication_window = %d", p.database, window)); err != nil {
			t.Fatal(err)
		}
	}
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	await(t, "all is confirmed", p.confirmed)
	r.end(t)
	p.check(clicks, nil)
}

// TestPlanOfAnOlderVersion: a plan has what older versions wrote, whether its rows are in the table or not.
func TestPlanOfAnOlderVersion(t *testing.T) {
	ofTheRows(t)
	for name, at := range map[string]point{"without rows": pointPlanned, "with rows": pointInserted} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, 1)
			clicks, _ := newEvents(29, 300, 0)
			for _, c := range clicks {
				c.ReceivedMs = baseMS // one month, one insert
			}
			p.produceEvents(clicks, nil)
			p.dies(at, 1)
			admin := kadm.NewClient(p.producer)
			committed, err := admin.FetchOffsets(t.Context(), p.config.Group)
			if err != nil {
				t.Fatal(err)
			}
			o, _ := committed.Lookup(p.prefix+schemas.TopicScoredClicks, 0)
			if o.Metadata == "" || o.Metadata[len(o.Metadata)-1] != ':' {
				t.Fatalf("the plan is %q", o.Metadata)
			}
			o.Metadata += "12.7.9.3.4.41" // block numbers of five tables, and a boot
			var offsets kadm.Offsets
			offsets.Add(o.Offset)
			if answer, err := admin.CommitOffsets(t.Context(), p.config.Group, offsets); err != nil || answer.Error() != nil {
				t.Fatal(err, answer.Error())
			}
			r := p.start()
			p.awaitRows("clicks", len(clicks))
			await(t, "all is confirmed", p.confirmed)
			r.end(t)
			p.check(clicks, nil)
		})
	}
}

// confirmed says whether the group is at the end of the scored topics without a plan.
func (p *pipeline) confirmed() bool {
	admin := kadm.NewClient(p.producer)
	offsets, err := admin.FetchOffsets(context.Background(), p.config.Group)
	if err != nil {
		p.t.Fatal(err)
	}
	ends, err := admin.ListCommittedOffsets(context.Background(), p.prefix+schemas.TopicScoredClicks, p.prefix+schemas.TopicConversions)
	if err != nil {
		p.t.Fatal(err)
	}
	done := true
	ends.Each(func(end kadm.ListedOffset) {
		got, ok := offsets.Lookup(end.Topic, end.Partition)
		done = done && (end.Offset == 0 || ok && got.At == end.Offset && got.Metadata == "")
	})
	return done
}

// TestTokenWithoutRows: ClickHouse was killed after it wrote an insert's token down and before the block had its name. The
// repeated insert is answered like a good one. The next lives die while they bring the rows in. The part that comes by the scratch table has the
// table's projections: what is summed is summed from them.
func TestTokenWithoutRows(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	config := chdbtest.Config(t, t.TempDir())
	process, err := chdb.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	config.Listen = process.Address()
	p.options, p.conn = connect(t, process.Address())
	install(t, p.conn, p.database)
	clicks, _ := newEvents(22, 200, 0)
	for _, c := range clicks {
		c.ReceivedMs = baseMS // one month, one insert
	}
	p.produceEvents(clicks, nil)
	p.dies(pointInserted, 1)
	if err := p.conn.Exec(t.Context(), "SYSTEM STOP MERGES "+p.database+".clicks"); err != nil {
		t.Fatal(err)
	}
	part := p.text("SELECT path FROM system.parts WHERE database = '%s' AND active AND table = 'clicks'")
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(part); err != nil {
		t.Fatal(err)
	}
	if process, err = chdb.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	for _, at := range []point{pointScratch, pointGrafted} {
		p.dies(at, 1)
	}
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	await(t, "all is confirmed", p.confirmed)
	orphans := value(t, r.loader.metrics.orphans)
	r.end(t)
	p.check(clicks, nil)
	if orphans != 0 {
		t.Errorf("the last life had %v orphans, want none: the earlier ones did it", orphans)
	}
	if n := p.count("SELECT count() FROM system.tables WHERE database = '%s' AND name LIKE '%%graft%%'"); n != 0 {
		t.Errorf("%d scratch tables are left", n)
	}
	p.projected()
}

// projected checks that every part of a table with projections has them.
func (p *pipeline) projected() {
	p.t.Helper()
	for _, table := range schema.ProjectedTables {
		for _, projection := range schema.Projections[table] {
			query := "SELECT count() FROM system.parts WHERE database = '%s' AND table = '" + table + "' AND active AND rows > 0 AND NOT has(projections, '" + projection + "')"
			if n := p.count(query); n != 0 {
				p.t.Errorf("%d parts of %s have no projection %s", n, table, projection)
			}
		}
	}
}

// TestDeathInPieces: loader after loader dies while the rows around refused ones are inserted in pieces.
func TestDeathInPieces(t *testing.T) {
	for at, name := range map[point]string{pointInserted: "after an insert", pointLanded: "before the letters", pointWritten: "after the letters",
		pointStaged: "after the letters' confirmation", pointReported: "after the transaction"} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, 1)
			p.adjust = func(l *Loader) { l.letterTransaction = 2 * time.Second } // the next life waits for its end
			clicks, _ := newEvents(23, 400, 0)
			bad := map[int]bool{0: true, 77: true, 78: true, 301: true}
			var good []*events.Click
			for i, c := range clicks {
				if bad[i] {
					c.Country = "XX"
				} else {
					good = append(good, c)
				}
			}
			if err := p.conn.Exec(t.Context(), "ALTER TABLE "+p.database+".clicks ADD CONSTRAINT no_xx CHECK country != 'XX'"); err != nil {
				t.Fatal(err)
			}
			p.produceEvents(clicks, nil)
			for life := range int32(7) {
				n := 1 + life%4
				if at != pointInserted { // one batch
					if n = 1; life > 1 || life > 0 && at == pointReported { // nothing is left to report
						break
					}
				}
				p.faults = dieAt(at, n)
				r := p.start()
				done := false
				await(t, fmt.Sprintf("life %d ends or has nothing left to do", life), func() bool {
					select {
					case err := <-r.result:
						if !errors.Is(err, errKilled) {
							t.Fatalf("life %d ended with %v", life, err)
						}
						return true
					default:
						done = p.count("SELECT count() FROM %s.dead_letters") == uint64(len(bad)) && p.confirmed()
						return done
					}
				})
				if done {
					if life < 4 {
						t.Errorf("after %d lives nothing is left to do", life)
					}
					r.stop()
					if err := <-r.result; err != nil && !errors.Is(err, errKilled) {
						t.Fatalf("life %d ended with %v", life, err)
					}
					break
				}
			}
			p.faults = nil
			r := p.start()
			p.awaitRows("clicks", len(good))
			p.awaitRows("dead_letters", len(bad))
			await(t, "all is confirmed", p.confirmed)
			r.end(t)
			p.check(good, nil)
			p.checkLetters(len(bad))
		})
	}
}

// TestOffsetsSetBack: the group has lost its offsets, as after a long stop. What the table has is left alone.
func TestOffsetsSetBack(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 2)
	clicks, conversions := newEvents(24, 3000, 300)
	p.produceEvents(clicks[:2000], conversions[:200])
	r := p.start()
	p.awaitRows("clicks", 2000)
	p.awaitRows("conversions", 200)
	r.end(t)
	if _, err := kadm.NewClient(p.producer).DeleteGroups(t.Context(), p.config.Group); err != nil {
		t.Fatal(err)
	}
	p.config.BatchRows = 333 // other batches than before
	p.produceEvents(clicks[2000:], conversions[200:])
	r = p.start()
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	await(t, "all is confirmed", p.confirmed)
	r.end(t)
	p.check(clicks, conversions)
}

// TestOffsetsSetBackAfterLostParts: the disk lost the part of an insert that was confirmed long ago, and ClickHouse still
// knows its token. Who sets the group's offsets back, as docs/backup.md says, gets the rows: whether the loader cuts the
// records as it did before, or finds some of them in the table, before what is lost or behind it.
func TestOffsetsSetBackAfterLostParts(t *testing.T) {
	ofTheRows(t)
	for name, lost := range map[string]func(parts []string) []string{
		"all":               func(parts []string) []string { return parts },
		"the first of two":  func(parts []string) []string { return parts[:1] },
		"the second of two": func(parts []string) []string { return parts[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, 1)
			config := chdbtest.Config(t, t.TempDir())
			process, err := chdb.Start(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			config.Listen = process.Address()
			p.options, p.conn = connect(t, process.Address())
			install(t, p.conn, p.database)
			p.exec("SYSTEM STOP MERGES %s.clicks")
			p.config.BatchRows = 100
			clicks, _ := newEvents(35, 200, 0)
			for _, c := range clicks {
				c.ReceivedMs = baseMS // one month
			}
			r := p.start()
			for _, n := range []int{100, 200} {
				p.produceEvents(clicks[n-100:n], nil)
				p.awaitRows("clicks", n)
				await(t, "it is confirmed", p.confirmed)
			}
			r.end(t)
			parts := strings.Fields(p.text("SELECT arrayStringConcat(groupArray(path), ' ') FROM (SELECT path FROM system.parts " +
				"WHERE database = '%s' AND active AND table = 'clicks' ORDER BY min_block_number)"))
			if len(parts) != 2 {
				t.Fatalf("the inserts made the parts %q", parts)
			}
			gone := lost(parts)
			if err := process.Kill(); err != nil {
				t.Fatal(err)
			}
			for _, path := range gone {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
			if process, err = chdb.Start(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			defer process.Stop()
			if n := p.count("SELECT count() FROM %s.clicks"); n >= uint64(len(clicks)) {
				t.Fatalf("nothing is lost: %q", gone)
			}
			var offsets kadm.Offsets
			offsets.AddOffset(p.prefix+schemas.TopicScoredClicks, 0, 0, -1)
			if err := kadm.NewClient(p.producer).CommitAllOffsets(t.Context(), p.config.Group, offsets); err != nil {
				t.Fatal(err)
			}
			if name != "all" {
				p.config.BatchRows = 70 // other batches than before
			}
			r = p.start()
			await(t, "all is confirmed", p.confirmed)
			r.end(t)
			p.check(clicks, nil)
			p.projected()
		})
	}
}

// TestOfferedAgain: Kafka gives a loader at work records that it has landed, as after its log was cut short. What the table has
// is left alone.
func TestOfferedAgain(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	p.log = zap.NewNop() // it says so in an error
	clicks, conversions := newEvents(33, 1100, 110)
	p.produceEvents(clicks[:1000], conversions[:100])
	r := p.start()
	p.awaitRows("clicks", 1000)
	p.awaitRows("conversions", 100)
	again := make(map[string]map[int32]kgo.EpochOffset)
	for topic, offset := range map[string]int64{schemas.TopicScoredClicks: 321, schemas.TopicConversions: 0} {
		again[p.prefix+topic] = map[int32]kgo.EpochOffset{0: {Epoch: -1, Offset: offset}}
	}
	r.loader.client.SetOffsets(again)
	p.produceEvents(clicks[1000:], conversions[100:])
	p.awaitRows("clicks", len(clicks))
	p.awaitRows("conversions", len(conversions))
	await(t, "all is confirmed", p.confirmed)
	r.end(t)
	p.check(clicks, conversions)
}

// TestPlanExpired: Kafka has lost some or all records of a plan whose insert had no answer. The block is in the table as a whole.
func TestPlanExpired(t *testing.T) {
	ofTheRows(t)
	for name, upTo := range map[string]int64{"some": 120, "all": -1} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, 1)
			clicks, _ := newEvents(25, 300, 0)
			for _, c := range clicks {
				c.ReceivedMs = baseMS
			}
			p.produceEvents(clicks[:250], nil)
			p.dies(pointInserted, 1)
			landed := int64(p.count("SELECT count() FROM %s.clicks"))
			if upTo < 0 {
				upTo = landed
			}
			var offsets kadm.Offsets
			offsets.AddOffset(p.prefix+schemas.TopicScoredClicks, 0, upTo, -1)
			if answer, err := kadm.NewClient(p.producer).DeleteRecords(t.Context(), offsets); err != nil || answer.Error() != nil {
				t.Fatal(err, answer.Error())
			}
			p.produceEvents(clicks[250:], nil)
			r := p.start()
			p.awaitRows("clicks", len(clicks))
			await(t, "all is confirmed", p.confirmed)
			r.end(t)
			p.check(clicks, nil)
		})
	}
}

// TestTopicMadeAnew: the plan is of a topic that was deleted and made again with fewer records.
func TestTopicMadeAnew(t *testing.T) {
	ofTheRows(t)
	p := newPipeline(t, 1)
	p.log = zap.NewNop() // it says so in an error
	clicks, _ := newEvents(28, 100, 0)
	p.produceEvents(clicks, nil)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: p.prefix + schemas.TopicScoredClicks, Partition: 0, At: 150, LeaderEpoch: -1, Metadata: plan{first: 150, last: 249, records: 100}.metadata()})
	if answer, err := kadm.NewClient(p.producer).CommitOffsets(t.Context(), p.config.Group, offsets); err != nil || answer.Error() != nil {
		t.Fatal(err, answer.Error())
	}
	r := p.start()
	p.awaitRows("clicks", len(clicks))
	await(t, "all is confirmed", p.confirmed)
	r.end(t)
	p.check(clicks, nil)
}

// TestSameInsertAtOnce: a fenced member's insert is under way while its heir makes the same one, several times over.
func TestSameInsertAtOnce(t *testing.T) {
	p := newPipeline(t, 1)
	clicks, _ := newEvents(26, 2000, 0)
	for _, c := range clicks {
		c.ReceivedMs = baseMS
	}
	values := marshalled(clicks)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			table := newClicks()
			order := make([]uint32, len(values))
			for i, value := range values {
				order[i] = uint32(i)
				if err := table.add(value, 0, int64(i)); err != nil {
					t.Error(err)
				}
			}
			in := newInserter(p.conn, true, p.database, table)
			if err := in.insert(t.Context(), order, "one token", time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
			// Whoever is told that the token is known sees the rows: nobody takes an insert on its way for an orphan.
			at := place{partition: 0, first: 0, last: int64(len(values) - 1), minMS: baseMS, maxMS: baseMS}
			if have, err := in.present(t.Context(), at); err != nil || have != len(values) {
				t.Errorf("after its insert a member sees %d rows: %v", have, err)
			}
		})
	}
	wg.Wait()
	p.check(clicks, nil)
}

// TestStaleInsertIsNotSent: the last of an insert's bytes leaves while the plan is young, or never: not after a sleep, when
// another member has made the insert and ClickHouse may have forgotten its token.
func TestStaleInsertIsNotSent(t *testing.T) {
	p := newPipeline(t, 1)
	clicks, _ := newEvents(27, 100, 0)
	table := newClicks()
	var order []uint32
	for i, value := range marshalled(clicks) {
		if err := table.add(value, 0, int64(i)); err != nil {
			t.Fatal(err)
		}
		order = append(order, uint32(i))
	}
	in := newInserter(p.conn, true, p.database, table)
	if err := in.insert(t.Context(), order, "late", time.Now().Add(-time.Millisecond)); err == nil || classify(err) != classRetry {
		t.Errorf("it ends with %v", err)
	}
	p.check(nil, nil)
}

// expel drops every member of the group, as a broker does with those that do not answer.
func (p *pipeline) expel() {
	p.t.Helper()
	described, err := kadm.NewClient(p.producer).DescribeGroups(p.t.Context(), p.config.Group)
	if err != nil {
		p.t.Fatal(err)
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = p.config.Group
	for _, member := range described[p.config.Group].Members {
		leave.Members = append(leave.Members, kmsg.LeaveGroupRequestMember{MemberID: member.MemberID})
	}
	if answer, err := leave.RequestWith(p.t.Context(), p.producer); err != nil || len(answer.Members) == 0 || answer.Members[0].ErrorCode != 0 {
		p.t.Fatal(err, answer)
	}
}
