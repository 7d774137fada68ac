package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A kafkaWay is one role's only way to the broker, which can be cut: it tells the role that the broker is where the way
// begins.
type kafkaWay struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	isCut bool
	conns map[net.Conn]bool
}

func newKafkaWay(target string) (*kafkaWay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &kafkaWay{listener: l, target: target, conns: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go w.serve(c)
			}
		}
	}()
	return w, nil
}

func (w *kafkaWay) addr() string { return w.listener.Addr().String() }

// cut resets every connection, and each new one at once, until it is called with false.
func (w *kafkaWay) cut(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut = is; is {
		for c := range w.conns {
			c.Close()
		}
	}
}

func (w *kafkaWay) close() {
	w.listener.Close()
	w.cut(true)
}

// keep notes a connection that is to be closed with the way; false where it is cut.
func (w *kafkaWay) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut {
		return false
	}
	w.conns[c] = true
	return true
}

func (w *kafkaWay) forget(c net.Conn) {
	c.Close()
	w.mu.Lock()
	delete(w.conns, c)
	w.mu.Unlock()
}

func (w *kafkaWay) serve(client net.Conn) {
	defer w.forget(client)
	if !w.keep(client) {
		return
	}
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer w.forget(server)
	if !w.keep(server) {
		return
	}
	// Versions of the Metadata requests under way, by correlation ID.
	var mu sync.Mutex
	versions := map[uint32]int16{}
	go func() {
		defer client.Close()
		for {
			frame, err := readFrame(server)
			if err != nil {
				return
			}
			id := binary.BigEndian.Uint32(frame[4:])
			mu.Lock()
			version, asked := versions[id]
			delete(versions, id)
			mu.Unlock()
			if asked {
				if frame, err = w.rewritten(frame, version); err != nil {
					return
				}
			}
			if _, err := client.Write(frame); err != nil {
				return
			}
		}
	}()
	for {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		if int16(binary.BigEndian.Uint16(frame[4:])) == int16(kmsg.Metadata) {
			mu.Lock()
			versions[binary.BigEndian.Uint32(frame[8:])] = int16(binary.BigEndian.Uint16(frame[6:]))
			mu.Unlock()
		}
		if _, err := server.Write(frame); err != nil {
			return
		}
	}
}

// readFrame reads a request or an answer with its length before it.
func readFrame(c net.Conn) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > 100<<20 {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	frame := append(head[:], make([]byte, n)...)
	_, err := io.ReadFull(c, frame[4:])
	return frame, err
}

// rewritten is an answer about brokers that names the way's own address.
func (w *kafkaWay) rewritten(frame []byte, version int16) ([]byte, error) {
	answer := kmsg.NewPtrMetadataResponse()
	answer.Version = version
	body := frame[8:]
	if answer.IsFlexible() {
		body = body[1:] // no tags
	}
	if err := answer.ReadFrom(body); err != nil {
		return nil, err
	}
	host := w.listener.Addr().(*net.TCPAddr)
	for i := range answer.Brokers {
		answer.Brokers[i].Host, answer.Brokers[i].Port = host.IP.String(), int32(host.Port)
	}
	out := append([]byte(nil), frame[:8]...)
	if answer.IsFlexible() {
		out = append(out, 0)
	}
	out = answer.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out, nil
}
