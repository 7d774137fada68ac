package dlq

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/cli/misuse"
	"tributary/cli/terminal"
	"tributary/deploy/topics"
	"tributary/schemas"
	"tributary/schemas/events"
)

// shownBytes is how much of an unreadable record is printed; --json has all.
const shownBytes = 1024

// Show explains the letters of one ID: a replayed postback that was refused again has several. The options' filter is not used.
func Show(ctx context.Context, o ReplayOptions, letterID string) (err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	filter, err := Selection{Letters: []string{letterID}}.Parse(o.Now())
	if err != nil {
		return err
	}
	kept := keeper{limit: MaxLetters, newest: true}
	seen, err := o.each(ctx, filter, func(l *Letter) error { kept.add(l); return nil })
	if err != nil {
		return err
	}
	if kept.Len() == 0 {
		return misuse.Errorf("there is no dead letter %q among the %d in Kafka; `tributary dlq list` prints their IDs (Kafka may have removed it: kafka.retention)", letterID, seen.Letters)
	}
	w := bufio.NewWriter(o.Out)
	defer func() { err = errors.Join(err, w.Flush()) }()
	for i, l := range kept.sorted() {
		plan, err := PlanFor(ctx, o, l)
		if err != nil {
			return err
		}
		if o.JSON {
			encoder := terminal.NewJSON(w)
			if err := encoder.Encode(struct {
				line
				WouldBeRight string  `json:"would_be_right"`
				Replay       Verdict `json:"replay"`
				ReplayTopic  string  `json:"replay_topic,omitempty"`
				ReplayWhat   string  `json:"replay_what,omitempty"`
				ReplayWhy    string  `json:"replay_why,omitempty"`
			}{l.line(), info(l.Event.Reason).Mend, plan.Verdict, plan.Topic, plan.What, plan.Why}); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		explain(w, l, plan, o.Now())
	}
	return nil
}

func explain(w io.Writer, l *Letter, plan *Plan, now time.Time) {
	e, why := l.Event, info(l.Event.Reason)
	field := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	field("letter", "%s", shown(e.LetterId, 200))
	field("refused", "a %s, by %s: %s (%s)", kindWord(e.Kind), orDash(e.Place), shown(e.Reason, 60), why.Means)
	if e.Stage != "" {
		field("stage", "%s", shown(e.Stage, 40))
	}
	if e.Detail != "" {
		field("detail", "%s", shown(e.Detail, schemas.MaxDetailBytes))
	}
	field("right", "%s", why.Mend)
	from := ""
	if addr := l.ip(); addr.IsValid() && !addr.IsUnspecified() {
		from = ", from " + addr.String()
	}
	field("received", "%s UTC (%s)%s", l.received().Format("2006-01-02 15:04:05.000"), ago(now.Sub(l.received())), from)
	for _, part := range []struct{ name, value string }{{"network", e.Network}, {"click ID", e.ClickId}, {"event", e.Event}, {"txid", e.Txid}, {"status", e.OriginalStatus}} {
		if part.value != "" {
			field(part.name, "%s", shown(part.value, 200))
		}
	}
	if money := payout(e); money != "" {
		base := ""
		if e.PayoutBaseMicros != 0 && e.PayoutBaseMicros != e.PayoutMicros {
			base = " (" + amount(e.PayoutBaseMicros) + " in the base currency)"
		}
		field("money", "%s%s", money, base)
	}
	field("lies in", "topic %s, partition %d, offset %d", schemas.TopicDeadLetters, l.Partition, l.Offset)
	if e.SourceTopic != "" {
		field("read from", "topic %s, partition %d, offset %d", shown(e.SourceTopic, 200), e.SourcePartition, e.SourceOffset)
	}
	for _, at := range l.Replayed {
		field("replayed", "%s UTC (%s)", at.Format(clockLayout), ago(now.Sub(at)))
	}
	if plan.Verdict == Send {
		field("replay", "would send to %s: %s", plan.Topic, plan.What)
		field("", "`tributary dlq replay %s --yes` does", shown(e.LetterId, 200))
	} else {
		field("replay", "%s: %s", plan.Verdict, shown(plan.Why, 1000))
	}
	fmt.Fprintln(w)
	body(w, l)
}

// body prints the input itself.
func body(w io.Writer, l *Letter) {
	e := l.Event
	if l.cut() {
		defer fmt.Fprintf(w, "(only its first %d bytes were kept)\n", len(e.Raw))
	}
	switch {
	case len(e.Raw) == 0:
		fmt.Fprintln(w, "(no bytes)")
	case e.Kind == events.DeadLetter_KIND_POSTBACK, e.Kind == events.DeadLetter_KIND_CLICK && e.Place == "ingest":
		request(w, l)
	default:
		name := cmp.Or(e.SourceTopic, schemas.TopicClicks)
		if text, ok := decoded(name, e.Raw); ok {
			fmt.Fprintln(w, text)
			return
		}
		raw := e.Raw[:min(len(e.Raw), shownBytes)]
		fmt.Fprint(w, hex.Dump(raw))
		if len(raw) < len(e.Raw) {
			fmt.Fprintf(w, "… %d bytes more (--json has them)\n", len(e.Raw)-len(raw))
		}
	}
}

// request prints a request and, under it, its parameters as they read.
func request(w io.Writer, l *Letter) {
	var forms []string
	text := string(l.Event.Raw)
	if method, path, query, data, err := splitRequest(l.Event.Raw); err == nil && l.Event.Place == "ingest" {
		fmt.Fprintln(w, shown(method+" "+path, 2*schemas.MaxRawBytes))
		forms, text = []string{query}, string(data)
	}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
		defer fmt.Fprintln(w, shown(trimmed, 2*schemas.MaxRawBytes))
	} else {
		forms = append(forms, text)
	}
	for _, form := range forms {
		for pair := range strings.SplitSeq(form, "&") {
			if pair == "" {
				continue
			}
			name, value, _ := strings.Cut(pair, "=")
			fmt.Fprintf(w, "  %-12s %s\n", shown(unescaped(name), 64), shown(unescaped(value), schemas.MaxRawBytes))
		}
	}
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// decoded reads a record as the event of its topic, which may have the deployment's prefix.
func decoded(name string, raw []byte) (string, bool) {
	for _, topic := range topics.All() {
		if name != topic.Name && !strings.HasSuffix(name, "."+topic.Name) {
			continue
		}
		kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(topic.Message))
		if err != nil {
			return "", false
		}
		message := kind.New().Interface()
		if proto.Unmarshal(raw, message) != nil {
			return "", false
		}
		return string(kind.Descriptor().Name()) + " " + protojson.MarshalOptions{Multiline: true, UseProtoNames: true}.Format(message), true
	}
	return "", false
}
