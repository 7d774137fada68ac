package ingest

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/valyala/fastjson"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
	"tributary/schemas/events"
)

// canary is what the last visitor left in every field.
const canary = "canary"

// poison fills every field of v, which can be set, also those that other packages keep to themselves.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(canary)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(77)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(77)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(77)
	case reflect.Slice:
		// Longer than it says, as what was cut off is.
		v.Set(reflect.MakeSlice(v.Type(), 9, 9))
		for i := range v.Len() {
			poison(v.Index(i))
		}
		v.SetLen(3)
	case reflect.Array:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(settable(v.Field(i)))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Interface:
		if err := reflect.ValueOf(errors.New(canary)); err.Type().AssignableTo(v.Type()) {
			v.Set(err)
		}
	}
}

// settable is a field of a struct that can be addressed.
func settable(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}

// remains lists what is not blank. Of an empty slice, memory that holds no pointers may have any contents.
func remains(v reflect.Value, path string) (list []string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			list = append(list, remains(settable(v.Field(i)), path+"."+v.Type().Field(i).Name)...)
		}
	case reflect.Array:
		for i := range v.Len() {
			list = append(list, remains(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			return []string{path}
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i, whole := 0, v.Slice(0, v.Cap()); i < whole.Len(); i++ {
			list = append(list, remains(whole.Index(i), fmt.Sprintf("%s[:%d][%d]", path, v.Cap(), i))...)
		}
	default:
		if !v.IsZero() {
			list = append(list, path)
		}
	}
	return list
}

func poisonedVisit() *visit {
	v := new(visit)
	poison(reflect.ValueOf(v).Elem())
	return v
}

// TestVisitForgetsAll holds for every field that a visit has or will have, in the events too.
func TestVisitForgetsAll(t *testing.T) {
	v := poisonedVisit()
	if left := remains(reflect.ValueOf(v).Elem(), "visit"); len(left) < 150 {
		t.Fatalf("only %d fields were filled: %v", len(left), left)
	}
	v.reset()
	if left := remains(reflect.ValueOf(v).Elem(), "visit"); len(left) > 0 {
		t.Errorf("the next visitor finds %v", left)
	}
	if cap(v.text) == 0 || cap(v.out) == 0 || cap(v.event.Subs) == 0 {
		t.Error("its memory is not used again")
	}
	v.text, v.out = make([]byte, keptBytes+1), make([]byte, keptBytes+1)
	if v.reset(); v.text != nil || v.out != nil {
		t.Error("it keeps as much memory as somebody made it take")
	}
}

// TestVisitsComeBackBlank looks at what lies in the pool after requests that say much.
func TestVisitsComeBackBlank(t *testing.T) {
	b := newBench(t, withTraffic())
	var made []*visit
	b.edge.visits.New = func() any { made = append(made, new(visit)); return made[len(made)-1] }
	waitReady(t, b.edge)
	const all = "?source=euroads&sub1=a&sub20=t&external_id=x&keyword=k&creative=c&cost=0.1&currency=USD"
	click := b.get("/c/landed" + all)
	b.get("/i/shown" + all)
	b.get("/l/" + click.header.Get("X-Click-Id") + all)
	b.get("/r/nothing")
	b.get("/c/nowhere" + all)
	b.send("POST", "/v1/clicks", "application/json", `[{"campaign":"summer","sub1":"a","ip":"203.0.113.9","visitor":"v","cost":"1"},{"campaign":"landed","source":"euroads"}]`)
	b.stop()
	if err := <-b.ran; err != nil { // nobody uses a visit any more
		t.Fatal(err)
	}
	b.ran <- nil
	if len(made) == 0 {
		t.Fatal("no visit was made")
	}
	for _, v := range made {
		if left := remains(reflect.ValueOf(v).Elem(), "visit"); len(left) > 0 {
			t.Errorf("in the pool lies one with %v", left)
		}
	}
}

// kept are the fields that a delivery is made with, and those by which earlier uses know that they are over.
var kept = []string{"delivery.producer", "delivery.promise", "delivery.wake", "delivery.timer", "delivery.use", "delivery.state.v"}

func poisonedDelivery(fresh func() any) *delivery {
	d := fresh().(*delivery)
	v := reflect.ValueOf(d).Elem()
	for i := range v.NumField() {
		if name := "delivery." + v.Type().Field(i).Name; !slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(k+".", name+".") }) {
			poison(settable(v.Field(i)))
		}
	}
	d.owners.Store(0)
	return d
}

// TestDeliveryForgetsAll is the same of a record on its way.
func TestDeliveryForgetsAll(t *testing.T) {
	b := newBench(t, nil)
	d := poisonedDelivery(b.edge.producer.pool.New)
	d.wake <- struct{}{}
	d.reset()
	left := remains(reflect.ValueOf(d).Elem(), "delivery")
	left = slices.DeleteFunc(left, func(path string) bool {
		return slices.ContainsFunc(kept, func(k string) bool { return path == k || strings.HasPrefix(path, k+".") })
	})
	if len(left) > 0 {
		t.Errorf("the next record finds %v", left)
	}
	if len(d.wake) > 0 {
		t.Error("the next request would be woken at once")
	}
}

// plainRequests say as little as they can: method, path, content type and body.
func plainRequests(press string) [][4]string {
	return [][4]string{
		{"GET", "/c/summer", "", ""},
		{"GET", "/c/landed", "", ""},
		{"HEAD", "/c/summer", "", ""},
		{"GET", "/i/shown", "", ""},
		{"GET", "/l/" + press, "", ""},
		{"POST", "/v1/clicks", "application/json", `{"campaign":"summer","ip":"203.0.113.9"}`},
		{"POST", "/v1/clicks", "application/json", `[{"campaign":"summer","ip":"203.0.113.9"},{"ip":"203.0.113.9"},{"campaign":"shown","ip":"203.0.113.9"}]`},
		{"POST", "/v1/clicks", "application/json", `{}`},
		{"POST", "/v1/clicks", "application/json", `"`},
		{"GET", "/c/nowhere", "", ""},
		{"GET", "/i/nowhere", "", ""},
		{"GET", "/l/nothing", "", ""},
		{"GET", "/r/nothing", "", ""},
		{"GET", "/postback?network=acme&click_id=" + press, "", ""},
		{"POST", "/postback/acme", "application/json", `{"click_id":"` + press + `"}`},
		{"GET", "/postback", "", ""},
	}
}

// TestReusedShowsNothing sends requests that say little to an edge whose reused objects were full of the canary, and
// to one whose objects are new: events and answers are the same.
func TestReusedShowsNothing(t *testing.T) {
	press := clickID(t, testSecret, 5, 1)
	said := func(reused bool) (all []string) {
		b := newBench(t, withTraffic())
		e := b.edge
		if reused {
			fresh := e.producer.pool.New
			e.producer.pool.New = func() any {
				d := poisonedDelivery(fresh)
				d.reset()
				return d
			}
			e.visits.New = func() any {
				v := poisonedVisit()
				v.reset()
				return v
			}
		}
		waitReady(t, e)
		for _, r := range plainRequests(press) {
			// Twice: then nothing is left in the pools.
			runtime.GC()
			runtime.GC()
			if reused {
				// Nor shows a parser what it has read before.
				parser := new(fastjson.Parser)
				if _, err := parser.Parse(`{"campaign":"canary","ip":"198.51.100.77","subs":["canary"],"click_id":"canary","visitor":"canary","payout":"77","status":"canary","txid":"canary","event":"canary"}`); err != nil {
					t.Fatal(err)
				}
				e.parsers.Put(parser)
			}
			got := b.send(r[0], r[1], r[2], r[3])
			all = append(all, fmt.Sprint(r, got.status, got.header["X-Click-Id"] != nil, blankIDs(got.header.Get("Location")), blankIDs(got.body)))
		}
		for _, topic := range topicNames {
			var list []string
			for _, record := range b.records(topic) {
				list = append(list, blankIDs(told(t, topic, record.Value)))
			}
			slices.Sort(list) // they lie in several partitions
			all = append(all, list...)
		}
		return all
	}
	fresh, reused := said(false), said(true)
	if len(fresh) < len(plainRequests(""))+12 || len(fresh) != len(reused) {
		t.Fatalf("%d and %d answers and events", len(fresh), len(reused))
	}
	for i := range fresh {
		if fresh[i] != reused[i] || strings.Contains(reused[i], canary) {
			t.Errorf("a new object says\n  %s\na reused one\n  %s", fresh[i], reused[i])
		}
	}
}

// told is an event in text.
func told(t *testing.T, topic string, value []byte) string {
	t.Helper()
	var event interface {
		UnmarshalVT([]byte) error
		String() string
	}
	switch topic {
	case schemas.TopicClicks:
		event = &events.Click{}
	case schemas.TopicPostbacks:
		event = &events.Postback{}
	case schemas.TopicDeadLetters:
		event = &events.DeadLetter{}
	case schemas.TopicImpressions:
		event = &events.Impression{}
	case schemas.TopicLandingClicks:
		event = &events.LandingClick{}
	default:
		event = &events.Anomaly{}
	}
	if err := event.UnmarshalVT(value); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(event.String(), "  ", " ") // protobuf's text has spaces at random
}

// blankIDs takes out what is new in each event: words of 26 or 40 capital letters and digits.
func blankIDs(text string) string {
	isID := func(word string) bool {
		return (len(word) == 26 || len(word) == 40) && strings.Trim(word, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	}
	words := strings.FieldsFunc(text, func(c rune) bool { return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') })
	for _, word := range words {
		if isID(strings.ToUpper(word)) {
			text = strings.ReplaceAll(text, word, "ID")
		}
	}
	return text
}

// TestUploadLinesForgetTheLast reads lines into an uploadLine that had another before.
func TestUploadLinesForgetTheLast(t *testing.T) {
	reader := catalog.DialectPostback(&dialect.Native)
	for _, c := range []struct{ kind, body string }{
		{"text/csv", "click_id,payout\na,1\nb\n\"c\n"},
		{"application/x-ndjson", "{\"click_id\":\"a\"}\n{\n[]\n{\"click_id\":" + strings.Repeat(" ", schemas.MaxBodyBytes) + "1}\n"},
	} {
		fresh, _ := uploadOf(typed(c.kind), []byte(c.body), false, reader, new(fastjson.Parser))
		reused, _ := uploadOf(typed(c.kind), []byte(c.body), false, reader, new(fastjson.Parser))
		lines := 0
		for ; ; lines++ {
			var want, got uploadLine
			poison(reflect.ValueOf(&got).Elem())
			a, b := &postback{reader: reader}, &postback{reader: reader}
			more := fresh.next(a, &want)
			if reused.next(b, &got) != more {
				t.Fatalf("%s: line %d: more is %v", c.kind, lines+1, more)
			}
			if !more {
				break
			}
			if !reflect.DeepEqual(want, got) || !reflect.DeepEqual(a.reading, b.reading) {
				t.Errorf("%s: line %d is %+v, with one before it %+v", c.kind, lines+1, want, got)
			}
		}
		if lines < 3 {
			t.Errorf("%s: %d lines", c.kind, lines)
		}
	}
}
