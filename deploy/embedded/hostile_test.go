package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
)

// frame is a request as it comes over the wire.
func frame(key, version int16, body []byte) []byte {
	raw := make([]byte, 4, 64)
	raw = binary.BigEndian.AppendUint16(raw, uint16(key))
	raw = binary.BigEndian.AppendUint16(raw, uint16(version))
	raw = binary.BigEndian.AppendUint32(raw, 7)
	raw = binary.BigEndian.AppendUint16(raw, 0xffff) // no client ID
	raw = append(raw, body...)
	binary.BigEndian.PutUint32(raw, uint32(len(raw)-4))
	return raw
}

// send sends bytes and returns whether the broker closed the connection.
func sendRaw(t *testing.T, address string, raw []byte) (closed bool) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(raw); err != nil {
		return true
	}
	_, err = c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF) || err != nil && strings.Contains(err.Error(), "reset")
}

func TestWhatIsNoRequestClosesItsConnection(t *testing.T) {
	registry := prometheus.NewRegistry()
	k := start(t, filepath.Join(t.TempDir(), "kafka"), WithMetrics(registry))
	refused := 0.0
	for name, raw := range map[string][]byte{
		"4 GiB":                  {0xff, 0xff, 0xff, 0xff, 0, 3},
		"2 GiB":                  {0x7f, 0xff, 0xff, 0xff, 0, 0},
		"101 MiB of records":     {0x06, 0x50, 0, 0, 0, 0},
		"9 MiB of metadata":      {0x00, 0x90, 0, 0, 0, 3},
		"nothing":                {0, 0, 0, 0, 0, 0},
		"negative":               {0x80, 0, 0, 1, 0, 3},
		"HTTP":                   []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"an API key of no one":   frame(999, 0, nil),
		"a negative API key":     frame(-1, 0, nil),
		"a version to come":      frame(3, 99, nil),
		"a negative version":     frame(3, -1, nil),
		"a body cut short":       frame(3, 9, []byte{5}),
		"a header without rest":  {0, 0, 0, 8, 0, 3, 0, 9, 0, 0, 0, 7},
		"an array of 2 billion":  frame(3, 4, []byte{0x7f, 0xff, 0xff, 0xff, 0}),
		"a text of 2 billion":    frame(10, 1, []byte{0x7f, 0xff}),
		"records of no length":   frame(0, 3, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 'x', 0, 0, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}),
		"tags that never end":    frame(3, 12, bytes.Repeat([]byte{0xff}, 40)),
		"zeros, a version to be": frame(18, 40, make([]byte, 3)),
	} {
		if !sendRaw(t, k.Address(), raw) && name != "zeros, a version to be" {
			t.Errorf("%s: the connection stays open", name)
		}
		if err := k.Ready(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		refused++
	}
	if n := counted(t, registry, "tributary_kafka_refused_total"); n < refused-2 {
		t.Errorf("%v refused connections counted, of %v", n, refused)
	}
	fill(t, k.Address())
	holds(t, k.Address())
}

// fullHouse opens as many connections as the broker takes, which end with the test.
func fullHouse(t *testing.T, address string) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, MaxConnections)
	for i := range conns {
		c, err := net.DialTimeout("tcp", address, 30*time.Second)
		if err != nil {
			t.Skipf("this system does not give a test %d connections: %v", MaxConnections, err)
		}
		t.Cleanup(func() { c.Close() })
		conns[i] = c
	}
	return conns
}

// TestConnectionsAreBounded: one too many is closed, the others go on.
func TestConnectionsAreBounded(t *testing.T) {
	k := start(t, filepath.Join(t.TempDir(), "kafka"))
	conns := fullHouse(t, k.Address())
	if !sendRaw(t, k.Address(), nil) {
		t.Error("one connection too many stays open")
	}
	for _, c := range conns[1:] {
		c.Close()
	}
	c := conns[0]
	if _, err := c.Write(frame(18, 0, nil)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
		t.Errorf("a connection that was there: %v", err)
	}
}

// FuzzRequests sends a frame of any kind to a broker with a data folder: it must live on. The fuzzer of a handler in a
// goroutine of kfake's cannot be more than this: a panic there ends the process, the test with it.
func FuzzRequests(f *testing.F) {
	for key := range int16(93) {
		if r := kmsg.RequestForKey(key); r != nil {
			for _, version := range []int16{0, r.MaxVersion()} {
				r.SetVersion(version)
				f.Add(key, version, r.AppendTo(nil))
			}
		}
	}
	k, err := startForFuzz(f)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		flexible := body
		if r := kmsg.RequestForKey(key); r != nil && version >= 0 && version <= r.MaxVersion() {
			if r.SetVersion(version); r.IsFlexible() {
				flexible = append([]byte{0}, body...) // no tags
			}
		}
		c, err := net.DialTimeout("tcp", k.Address(), 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(frame(key, version, flexible)); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil { // some are parked, and answered later or never
			t.Fatal(err)
		}
		_, _ = c.Read(make([]byte, 4))
		if k.Ready() != nil {
			t.Fatal(k.Ready())
		}
	})
}

func startForFuzz(f *testing.F) (*Kafka, error) {
	k, err := NewKafka("127.0.0.1:0", filepath.Join(f.TempDir(), "kafka"), zap.NewNop(), Durable(false))
	if err == nil {
		f.Cleanup(k.Close)
	}
	return k, err
}

// FuzzReadRequest: what is read must not panic, nor take memory out of proportion.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte{0, 3, 0, 9, 0, 0, 0, 7, 0xff, 0xff})
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _ = readRequest(body)
	})
}

// FuzzReadBatch: no bytes of a segment may make the start fail.
func FuzzReadBatch(f *testing.F) {
	whole := marker(3, 4, 5, 0, true)
	f.Add(whole)
	f.Add(whole[:40])
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		damaged := bytes.Clone(whole)
		damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
		f.Add(append(damaged, whole...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for at, end := 0, int64(0); at < len(raw); {
			b, state := readBatch(raw[at:], end)
			if state == batchWhole {
				if b.size <= 0 {
					t.Fatal("a batch without bytes")
				}
				at, end = at+b.size, b.last+1
				continue
			}
			next := nextBatch(raw, at+1, end)
			if next <= at {
				t.Fatal("no progress")
			}
			at = next
		}
		_ = parseJournal(raw)
	})
}
