package embedded

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A wire is a connection on which each request is asked in the version that it has.
type wire struct {
	t *testing.T
	net.Conn
	correlation int32
}

func dialWire(t *testing.T, address string) *wire {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &wire{t: t, Conn: c}
}

// ask returns the response, nil where the connection was closed. It fails the test where the response has another
// length than what was read of it.
func (w *wire) ask(req kmsg.Request) kmsg.Response {
	w.t.Helper()
	w.correlation++
	if err := w.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, w.correlation)); err != nil {
		return nil
	}
	head := make([]byte, framePrefixBytes)
	if _, err := io.ReadFull(w, head); err != nil {
		return nil
	}
	answer := append(head, make([]byte, binary.BigEndian.Uint32(head))...)
	if _, err := io.ReadFull(w, answer[framePrefixBytes:]); err != nil {
		w.t.Fatalf("%s v%d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	if got := int32(binary.BigEndian.Uint32(answer[framePrefixBytes:])); got != w.correlation {
		w.t.Fatalf("%s v%d: the answer is to request %d, not %d", kmsg.NameForKey(req.Key()), req.GetVersion(), got,
			w.correlation)
	}
	read, err := readAnswer(req, answer)
	if err != nil {
		w.t.Errorf("%s v%d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
		return req.ResponseKind()
	}
	if again := answerFrame(w.correlation, read); len(again) != len(answer) {
		w.t.Errorf("%s v%d: %d bytes, of which %d were read", kmsg.NameForKey(req.Key()), req.GetVersion(), len(answer),
			len(again))
	}
	return read
}

// visit calls do with every field of a response that may be null, and every error code.
func visit(v reflect.Value, path string, do func(path string, field reflect.Value)) {
	for i := range v.NumField() {
		name, field := strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i)
		switch {
		case name == "Version" || strings.HasSuffix(name, "UnknownTags"):
		case field.Kind() == reflect.Struct:
			visit(field, name, do)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct && field.Len() > 0:
			for j := range field.Len() {
				visit(field.Index(j), name, do)
			}
		case field.Kind() == reflect.Pointer && field.Type().Elem().Kind() == reflect.Struct && !field.IsNil():
			visit(field.Elem(), name, do)
		default:
			do(name, field)
		}
	}
}

// nulls are the fields of a response that are null on the wire, which is another with an empty one in their place.
// Java's clients take no setting without one of their sources either.
func nulls(answer kmsg.Response) (found []string) {
	sent := answer.AppendTo(nil)
	visit(reflect.ValueOf(answer).Elem(), "", func(path string, field reflect.Value) {
		before := reflect.ValueOf(field.Interface())
		switch {
		case field.Kind() == reflect.Slice && field.IsNil():
			field.Set(reflect.MakeSlice(field.Type(), 0, 0))
		case field.Kind() == reflect.Pointer && field.IsNil():
			field.Set(reflect.New(field.Type().Elem()))
		case strings.HasSuffix(path, ".Source") && field.Int() < 1:
			field.SetInt(int64(kmsg.ConfigSourceDefaultConfig))
		default:
			return
		}
		if !bytes.Equal(answer.AppendTo(nil), sent) && !slices.Contains(found, path) {
			found = append(found, path)
		}
		field.Set(before)
	})
	return found
}

// codes are the error codes of a response.
func codes(answer kmsg.Response) (found []int16) {
	visit(reflect.ValueOf(answer).Elem(), "", func(path string, field reflect.Value) {
		if code, ok := field.Interface().(int16); ok && strings.HasSuffix(path, "ErrorCode") && code != 0 &&
			!slices.Contains(found, code) {
			found = append(found, code)
		}
	})
	return found
}

// TestEveryOfferedAPIAnswers walks the APIs that the broker offers, in every version: each gives a whole response to
// a good request, without an error but those that the table expects, and with nothing null that Apache Kafka's
// brokers fill.
func TestEveryOfferedAPIAnswers(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	ctx := limited(t)
	cl := client(t, k.Address(), kgo.DisableIdempotentWrite(), kgo.DefaultProduceTopic("t"))
	defer cl.Close()
	admin := kadm.NewClient(cl)
	created, err := admin.CreateTopic(ctx, 1, 1, nil, "t")
	if err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	offsets := kadm.OffsetsFromRecords(kgo.Record{Topic: "t"})
	if err := admin.CommitAllOffsets(ctx, "g", offsets); err != nil {
		t.Fatal(err)
	}
	w := dialWire(t, k.Address())
	fetch := kmsg.NewPtrFetchRequest()
	fetch.Version, fetch.MaxBytes = 12, 1<<20
	fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "t",
		Partitions: []kmsg.FetchRequestTopicPartition{{PartitionMaxBytes: 1 << 20}}}}
	batch := w.ask(fetch).(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
	samples := sampleRequests(created.ID, batch)

	list := kmsg.NewPtrApiVersionsRequest()
	list.Version, list.ClientSoftwareName, list.ClientSoftwareVersion = 4, "test", "1"
	offered := w.ask(list).(*kmsg.ApiVersionsResponse)
	for _, key := range offered.ApiKeys {
		name := kmsg.NameForKey(key.ApiKey)
		sample, known := samples[kmsg.Key(key.ApiKey)]
		if !known {
			t.Errorf("%s is offered, and nothing here asks for it", name)
			continue
		}
		for version := key.MinVersion; sample.request != nil && version <= key.MaxVersion; version++ {
			req := sample.request(version)
			req.SetVersion(version)
			answer := w.ask(req)
			if answer == nil {
				t.Errorf("%s v%d: the connection was closed", name, version)
				w = dialWire(t, k.Address())
				continue
			}
			for _, code := range codes(answer) {
				if !slices.Contains(sample.codes, code) {
					t.Errorf("%s v%d: %v", name, version, kerr.ErrorForCode(code))
				}
			}
			for _, path := range nulls(answer) {
				if !mayBeNull(path) {
					t.Errorf("%s v%d: %s is null", name, version, path)
				}
			}
		}
	}
	for key, why := range withheld {
		if slices.ContainsFunc(offered.ApiKeys,
			func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == int16(key) }) {
			t.Errorf("%s is offered although %s", key.Name(), why)
		}
		req := key.Request()
		if answer := dialWire(t, k.Address()).ask(req); answer != nil {
			t.Errorf("%s is answered although %s", key.Name(), why)
		}
	}
	for _, f := range offered.SupportedFeatures {
		if slices.Contains(withheldFeatures, f.Name) {
			t.Errorf("the feature %s is offered", f.Name)
		}
	}
}

// mayBeNull tells of a field whether Apache Kafka's brokers leave it null, too: what there is nothing to say of.
func mayBeNull(path string) bool {
	for _, ending := range []string{
		"ErrorMessage", "Rack", "RackID", "InstanceID", "Metadata", "NextCursor", "AbortedTransactions",
		"ProtocolType", "Protocol", "Assignment",
		"Documentation", "SubscribedTopicRegex", "UserAssignment", "Value", "DiagnosticInfo", "CurrentLeader", "Topics.Topic",
	} {
		if path == ending || strings.HasSuffix(path, "."+ending) {
			return true
		}
	}
	return false
}

// A sample is a good request for an API, and the errors that it has all the same.
type sample struct {
	request func(version int16) kmsg.Request // nil: other tests ask for it
	codes   []int16
}

// TestTheGateAnswersInOrder: a client that asks for nothing but what the gate answers is served, in order.
func TestTheGateAnswersInOrder(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	w := dialWire(t, k.Address())
	acls := kmsg.NewPtrDescribeACLsRequest()
	acls.Version = 3
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 12
	var all []byte
	const rounds = 200
	for i := range rounds {
		all = append(all, kmsg.NewRequestFormatter().AppendRequest(nil, acls, int32(2*i))...)
		all = append(all, kmsg.NewRequestFormatter().AppendRequest(nil, metadata, int32(2*i+1))...)
	}
	if err := w.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = w.Write(all) }()
	for i := range 2 * rounds {
		head := make([]byte, answerHeadBytes)
		if _, err := io.ReadFull(w, head); err != nil {
			t.Fatal(err)
		}
		if got := binary.BigEndian.Uint32(head[framePrefixBytes:]); got != uint32(i) {
			t.Fatalf("answer %d is to request %d", i, got)
		}
		if _, err := io.CopyN(io.Discard, w,
			int64(binary.BigEndian.Uint32(head))-answerHeadBytes+framePrefixBytes); err != nil {
			t.Fatal(err)
		}
	}
}
