package tail

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/cli/misuse"
	"tributary/deploy/topics"
	"tributary/schemas"
	"tributary/schemas/broker"
	_ "tributary/schemas/events" // registers the messages
)

// Options say what to print.
type Options struct {
	// Kafka has seed brokers, TLS and SASL.
	Kafka []kgo.Opt
	// Tables are those that stages declare: their rows are printed with the names of their columns.
	Tables []schemas.Table
	// TopicPrefix stands before every topic's name in Kafka; Topic is without it.
	TopicPrefix, Topic string
	// From is "beginning", "end", an offset, a time (RFC 3339) or an age ("10m"). Empty: "end" when Follow, else "beginning".
	From string
	// Follow goes on with what comes; else it ends at what was there at the start.
	Follow bool
	// Limit ends after so many lines; 0 for no limit.
	Limit int
	// Filters are member=value; a line must fulfil all. The value is compared with the member's text: status=approved.
	Filters []string
	Out     io.Writer
	// Now is the wall clock, for ages; nil for time.Now.
	Now func() time.Time
}

// Run prints until ctx is done, Limit is reached, or, without Follow, the end.
func Run(ctx context.Context, o Options) (err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	filters, err := parseFilters(o.Filters)
	if err != nil {
		return err
	}
	message, err := messageOf(o.Topic)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(slices.Clone(o.Kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return fmt.Errorf("making a Kafka client: %w", err)
	}
	defer client.Close()
	starts, ends, err := extent(ctx, kadm.NewClient(client), &o)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(o.Out)
	defer func() { err = errors.Join(err, out.Flush()) }()
	// open has the next offset of every partition that is not at its end.
	open := map[int32]int64{}
	assign := map[int32]kgo.Offset{}
	for partition, offset := range starts {
		if o.Follow || offset < ends[partition] {
			open[partition] = offset
			assign[partition] = kgo.NewOffset().At(offset)
		}
	}
	if len(open) == 0 {
		return nil
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{o.TopicPrefix + o.Topic: assign})
	if o.Follow {
		following, stop := context.WithCancel(ctx)
		followed := make(chan struct{})
		go func() {
			defer close(followed)
			followPartitions(following, client, o.TopicPrefix+o.Topic, len(ends))
		}()
		defer func() {
			stop()
			<-followed
		}()
	}
	w := &writer{p: printer{message, o.rowTable()}, filters: filters, out: out, limit: o.Limit}
	return print(ctx, client, w, open, ends, o)
}

// print writes what the client reads: all that comes, or, without Follow, the partitions of open up to their ends.
func print(ctx context.Context, client *kgo.Client, w *writer, open, ends map[int32]int64, o Options) error {
	topic := o.TopicPrefix + o.Topic
	for len(open) > 0 {
		limited, cancel := ctx, context.CancelFunc(func() {})
		if !o.Follow {
			limited, cancel = context.WithTimeout(ctx, broker.Idle)
		}
		fetches := client.PollFetches(limited)
		idle := fetches.NumRecords() == 0 && limited.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if idle {
			// Where an aborted transaction has no marker behind it, the client will never tell of the end.
			if err := broker.EachLeft(ctx, o.Kafka, topic, open, ends, w.write); err != nil && ctx.Err() == nil {
				return fmt.Errorf("reading topic %s: %w", topic, err)
			}
			return nil
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading topic %s: %w", topic, err)
		}
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			past := !o.Follow && r.Offset >= ends[r.Partition]
			if open[r.Partition] = r.Offset + 1; !o.Follow && r.Offset >= ends[r.Partition]-1 {
				delete(open, r.Partition)
			}
			if past || r.Attrs.IsControl() {
				continue // markers count for the position only
			}
			if more, err := w.write(r); err != nil || !more {
				return err
			}
		}
		if err := w.out.Flush(); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return nil
}

// A writer writes the records that fulfil its filters as lines.
type writer struct {
	p       printer
	filters []filter
	out     *bufio.Writer
	limit   int // 0 for none
	lines   int
	buf     []byte
}

// write tells whether there is room for more.
func (w *writer) write(r *kgo.Record) (more bool, err error) {
	w.buf = w.p.appendRecord(w.buf[:0], r)
	if !fulfils(w.filters, w.buf) {
		return true, nil
	}
	if _, err := w.out.Write(append(w.buf, '\n')); err != nil {
		return false, fmt.Errorf("printing: %w", err)
	}
	w.lines++
	return w.limit == 0 || w.lines < w.limit, nil
}

// partitionsEvery is how often the partitions of a topic that is followed are looked at.
var partitionsEvery = 5 * time.Second

// followPartitions reads partitions that are added to the n there were, from their beginning, until ctx is done.
func followPartitions(ctx context.Context, client *kgo.Client, topic string, n int) {
	tick := time.NewTicker(partitionsEvery)
	defer tick.Stop()
	admin := kadm.NewClient(client)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// With authorized operations the answer is the broker's, never the client's own memory.
		details, err := admin.ListTopics(kadm.WithAuthorizedOps(ctx), topic)
		if err != nil || details[topic].Err != nil {
			continue // the reading itself says that Kafka is away
		}
		added := map[int32]kgo.Offset{}
		for ; n < len(details[topic].Partitions); n++ {
			added[int32(n)] = kgo.NewOffset().AtStart()
		}
		if len(added) > 0 {
			client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: added})
		}
	}
}

// rowTable is the table whose rows the topic has, nil where it has other events.
func (o *Options) rowTable() *schemas.Table {
	for i := range o.Tables {
		if o.Tables[i].Topic.Name == o.Topic {
			return &o.Tables[i]
		}
	}
	return nil
}

// messageOf makes an empty event of the topic, nil for a topic of text or bytes; the error names the nearest topic and
// lists all.
func messageOf(name string) (proto.Message, error) {
	var names []string
	for _, t := range topics.All() {
		if t.Name == name {
			if t.Message == "" {
				return nil, nil // no event of ours: text, or bytes
			}
			kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(t.Message))
			if err != nil {
				return nil, fmt.Errorf("looking up %s: %w", t.Message, err)
			}
			return kind.New().Interface(), nil
		}
		names = append(names, t.Name)
	}
	return nil, misuse.Errorf("there is no topic %q; did you mean %q? The topics are %s", name, misuse.Nearest(name, names), strings.Join(names, ", "))
}

// extent answers where to start and where the topic ends now, by partition.
func extent(ctx context.Context, admin *kadm.Client, o *Options) (starts, ends map[int32]int64, err error) {
	topic := o.TopicPrefix + o.Topic
	limited, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	first, err := admin.ListStartOffsets(limited, topic)
	if err != nil {
		return nil, nil, fmt.Errorf("asking Kafka for topic %s: %w", topic, err)
	}
	last, err := admin.ListCommittedOffsets(limited, topic)
	if err == nil {
		err = errors.Join(first.Error(), last.Error())
	}
	if err != nil {
		return nil, nil, fmt.Errorf("asking Kafka for topic %s: %w; `tributary up` or `tributary migrate` makes the topics", topic, err)
	}
	starts, ends = map[int32]int64{}, map[int32]int64{}
	first.Each(func(l kadm.ListedOffset) { starts[l.Partition] = l.Offset })
	last.Each(func(l kadm.ListedOffset) { ends[l.Partition] = l.Offset })
	from := o.From
	if from == "" {
		from = "beginning"
		if o.Follow {
			from = "end"
		}
	}
	if from == "beginning" {
		return starts, ends, nil
	}
	if from == "end" {
		return ends, ends, nil
	}
	if offset, err := strconv.ParseInt(from, 10, 64); err == nil && offset >= 0 {
		for partition, start := range starts {
			starts[partition] = max(start, offset)
		}
		return starts, ends, nil
	}
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		age, err := time.ParseDuration(from)
		if err != nil || age < 0 {
			return nil, nil, misuse.Errorf("--from %q is none of beginning, end, an offset, a time such as 2026-01-31T12:00:00Z, an age such as 10m", from)
		}
		at = o.Now().Add(-age)
	}
	after, err := admin.ListOffsetsAfterMilli(limited, at.UnixMilli(), topic)
	if err == nil {
		err = after.Error()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("asking Kafka for topic %s at %s: %w", topic, at.Format(time.RFC3339), err)
	}
	after.Each(func(l kadm.ListedOffset) { starts[l.Partition] = l.Offset })
	return starts, ends, nil
}

type filter struct{ member, value string }

func parseFilters(texts []string) ([]filter, error) {
	var out []filter
	for _, text := range texts {
		member, value, ok := strings.Cut(text, "=")
		if !ok || member == "" {
			return nil, misuse.Errorf("--filter %q is not member=value, such as status=approved", text)
		}
		out = append(out, filter{member, value})
	}
	return out, nil
}

// fulfils compares members of the line as it is printed; one that is not there is empty.
func fulfils(filters []filter, text []byte) bool {
	if len(filters) == 0 {
		return true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return false
	}
	for _, f := range filters {
		raw := string(members[f.member])
		var plain string
		if json.Unmarshal(members[f.member], &plain) == nil {
			raw = plain
		}
		if raw != f.value {
			return false
		}
	}
	return true
}
