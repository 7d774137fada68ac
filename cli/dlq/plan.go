package dlq

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tributary/catalog"
	"tributary/deploy/topics"
	"tributary/ingest"
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
)

// A Verdict is what replaying a letter comes to.
type Verdict string

const (
	// Send: it can go.
	Send Verdict = "send"
	// Done: it was replayed, booked or loaded already, or repeats another letter.
	Done Verdict = "done"
	// Refused: by today's rules it would be refused again.
	Refused Verdict = "still refused"
	// Held: it could go, but would do harm or cannot be checked.
	Held Verdict = "held back"
	// Impossible: nothing of it can be sent.
	Impossible Verdict = "not replayable"
)

// verdicts in the order in which they are summed up.
var verdicts = []Verdict{Send, Refused, Held, Done, Impossible}

// A Plan says what replaying one letter does.
type Plan struct {
	Letter  *Letter
	Verdict Verdict
	// What is the event that would be sent, in words; Why is why it would not.
	What, Why string
	// Topic is where it goes, without prefix. Transactional: the record and the note are one transaction.
	Topic         string
	Transactional bool
	Record        *kgo.Record

	postback *events.Postback
}

// LetterHeader is the header of a replayed record: the ID of the letter it was.
const LetterHeader = "tributary-letter"

// anyPartition is the partition of records whose key decides.
const anyPartition = -1

// planner decides about letters, oldest first.
type planner struct {
	prefix string
	// catalog judges postbacks; nil when the configuration has none: noCatalog says why.
	catalog   *catalog.Catalog
	noCatalog string
	now       func() time.Time
	// repeats sends letters that repeat another one too.
	repeats bool
	// first has the ID of the first letter with these words, by their hash; of maxStakes at most.
	first map[identity]string
}

func (p *planner) plan(l *Letter) *Plan {
	plan := &Plan{Letter: l, Verdict: Impossible}
	switch l.Event.Kind {
	case events.DeadLetter_KIND_POSTBACK:
		p.postback(plan)
	case events.DeadLetter_KIND_RECORD, events.DeadLetter_KIND_ROW:
		p.record(plan)
	case events.DeadLetter_KIND_CLICK:
		plan.Why = "a refused click's visitor is gone, or its sender was told and can send it again with POST /v1/clicks"
		if l.Event.Reason == string(schemas.RejectDuplicateClick) {
			plan.Verdict, plan.Why = Done, "the click was counted before: a retry was recognised"
		}
	default:
		plan.Why = "this program does not know what kind of letter it is"
	}
	if n := len(l.Replayed); n > 0 && (plan.Verdict == Send || plan.Verdict == Held || plan.Verdict == Refused) {
		plan.Verdict, plan.Why = Done, "it was replayed at "+l.Replayed[n-1].Format(clockLayout)+" UTC"
	}
	return plan
}

func (p *planner) postback(plan *Plan) {
	e := plan.Letter.Event
	if e.Reason == string(schemas.RejectDuplicate) {
		plan.Verdict, plan.Why = Done, "the same conversion with the same status and payout was booked before"
		return
	}
	if e.Reason == string(schemas.RejectReplayedRequest) {
		plan.Verdict, plan.Why = Done, "a signed request with this nonce was taken before"
		return
	}
	request, err := postbackRequest(plan.Letter)
	if err != nil {
		plan.Why = err.Error()
		return
	}
	if p.catalog == nil {
		plan.Verdict, plan.Why = Held, "cannot be judged: "+p.noCatalog
		return
	}
	j := ingest.JudgePostback(p.catalog, request, p.now())
	if j.Postback == nil {
		plan.Verdict, plan.Why = Refused, fmt.Sprintf("%s: %s; right would be %s", j.Reason, j.Detail, j.WouldBeRight)
		return
	}
	pb := j.Postback
	value, err := pb.MarshalVT()
	if err != nil {
		plan.Why = "it cannot be encoded: " + err.Error()
		return
	}
	plan.Verdict, plan.Topic, plan.postback = Send, schemas.TopicPostbacks, pb
	plan.What = describe(pb)
	p.address(plan, []byte(pb.ClickId), value, anyPartition)
	sum := sha256.Sum256([]byte(strings.Join([]string{pb.Network, pb.ClickId, pb.Event, pb.Txid, pb.Status.String(), fmt.Sprint(pb.HasPayout, pb.PayoutMicros, pb.Currency)}, "\x00")))
	words := identity(sum[:16])
	if other, again := p.first[words]; again && other != e.LetterId && !p.repeats {
		plan.Verdict, plan.Why = Done, "it says the same as letter "+other
		if pb.BlankTxidIsNew && pb.Txid == "" {
			plan.Verdict = Held
			plan.Why += ": a second try or a second conversion, which without a transaction ID nobody can tell; --repeats sends it as a second conversion"
		}
		return
	}
	if len(p.first) < maxStakes {
		p.first[words] = e.LetterId
	}
}

// describe says in words what a postback would book.
func describe(pb *events.Postback) string {
	text := strings.ToLower(strings.TrimPrefix(pb.Status.String(), "STATUS_"))
	if pb.Status == events.Status_STATUS_UNSPECIFIED {
		text = "no status"
	}
	if pb.HasPayout {
		text += " " + amount(pb.PayoutMicros) + " " + pb.Currency
	}
	text += ", " + pb.Event
	if pb.Txid != "" {
		text += " " + shown(pb.Txid, 40)
	}
	text += " of " + pb.Network
	if pb.Campaign != "" {
		text += ", campaign " + pb.Campaign
	}
	return text
}

// tableOf returns the table of a topic that only the loader reads, so that a refused row may come again, else nil. The
// processor reads topic postbacks too.
func tableOf(topic string) *schemas.Table {
	for _, t := range slices.Concat(schemas.Tables(), stage.Tables()) {
		if t.Topic.Name == topic && !t.ReportedElsewhere {
			return &t
		}
	}
	return nil
}

func (p *planner) record(plan *Plan) {
	e := plan.Letter.Event
	if e.SourceTopic == "" {
		plan.Why = "a timer failed, not a record: there are no bytes to send"
		return
	}
	// The processor names topics without the prefix, the sink with it.
	name := e.SourceTopic
	topic, known := topicOf(name)
	if !known {
		name = strings.TrimPrefix(name, p.prefix)
		topic, known = topicOf(name)
	}
	where := fmt.Sprintf("%s, partition %d, offset %d", name, e.SourcePartition, e.SourceOffset)
	switch {
	case !known:
		plan.Why = "it came from topic " + shown(e.SourceTopic, 80) + ", which this program does not know"
		return
	case plan.Letter.cut():
		plan.Why = "only the beginning of its bytes was kept; the record is in topic " + where + " for as long as Kafka keeps it"
		return
	case e.Kind == events.DeadLetter_KIND_ROW && name == schemas.TopicPostbacks:
		plan.Why = "table postbacks, which receipts are looked up in, lacks this row, but nothing is lost of the postback: the processor read the record of " + where +
			" itself, and would judge it a second time if it came again"
		return
	case e.Kind == events.DeadLetter_KIND_ROW && tableOf(name) == nil:
		plan.Why = "topic " + name + " has no table"
		return
	}
	key, err := keyOf(topic, e.Raw)
	if err != nil {
		plan.Verdict, plan.Why = Refused, fmt.Sprintf("this program cannot read its bytes as a %s either: %v; right would be a program that can read them, or nothing if a foreign producer wrote them",
			strings.TrimPrefix(topic.Message, "tributary.v1."), err)
		return
	}
	if len(plan.Letter.Key) > 0 && e.Place == "processor" {
		key = plan.Letter.Key
	}
	plan.Verdict, plan.Topic, plan.Transactional = Send, name, topic.Transactional
	plan.What = fmt.Sprintf("the record of %s, %d bytes", where, len(e.Raw))
	if e.Kind == events.DeadLetter_KIND_ROW {
		plan.What = fmt.Sprintf("the row of %s, for table %s", where, tableOf(name).Name)
	}
	p.address(plan, key, e.Raw, e.SourcePartition)
}

func (p *planner) address(plan *Plan, key, value []byte, partition int32) {
	plan.Record = &kgo.Record{Topic: p.prefix + plan.Topic, Key: bytes.Clone(key), Value: value, Partition: partition,
		Headers: []kgo.RecordHeader{{Key: LetterHeader, Value: []byte(plan.Letter.Event.LetterId)}}}
}

func topicOf(name string) (schemas.Topic, bool) {
	for _, t := range topics.All() {
		if t.Name == name {
			return t, true
		}
	}
	return schemas.Topic{}, false
}

// keyOf decodes a record's value and answers the key it has in its topic, as far as the event tells it. The error says why the
// bytes are not the topic's event.
func keyOf(topic schemas.Topic, value []byte) ([]byte, error) {
	if topic.Message == "" {
		return nil, nil // whatever it is; the letter has its key
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(topic.Message))
	if err != nil {
		return nil, err
	}
	message := kind.New()
	if err := proto.Unmarshal(value, message.Interface()); err != nil {
		return nil, err
	}
	field := message.Descriptor().Fields().ByName("click_id")
	if field == nil {
		return nil, nil
	}
	key := message.Get(field).String()
	if key == "" && topic.CoPartitioned {
		return nil, fmt.Errorf("it names no click_id")
	}
	return []byte(key), nil
}
