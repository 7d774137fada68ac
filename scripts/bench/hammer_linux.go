package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tick is how often a hammer with a rate looks whether a request is due when no answer wakes it.
const tick = 200 * time.Microsecond

// answerTimeout ends a run whose server has fallen silent.
const answerTimeout = 10 * time.Second

// A strike is a hammer while it strikes.
type strike struct {
	*hammer
	epoll  int
	timer  int
	conns  []blow
	idle   []int // indices of conns, a ring: all of them take turns
	first  int   // of the ring
	free   int   // in the ring
	start  time.Time
	now    time.Duration // since start
	due    time.Duration // of the next request, with a rate
	every  time.Duration
	buffer []byte
	out    shot
}

// A blow is one connection. begin counts from start; rest has the part of an answer that came so far.
type blow struct {
	fd    int
	begin time.Duration
	rest  []byte
}

func (h *hammer) run(ctx context.Context, d time.Duration) (*shot, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &strike{hammer: h, epoll: -1, timer: -1, buffer: make([]byte, 16<<10), idle: make([]int, h.connections)}
	s.out.latencies = make([]time.Duration, 0, 1<<20)
	defer s.close()
	if err := s.open(); err != nil {
		return nil, err
	}
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &before); err != nil {
		return nil, fmt.Errorf("asking for the thread's times: %w", err)
	}
	s.start = time.Now()
	if err := s.strike(ctx, d); err != nil {
		return nil, err
	}
	s.out.seconds = time.Since(s.start).Seconds()
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &after); err != nil {
		return nil, fmt.Errorf("asking for the thread's times: %w", err)
	}
	s.out.cpu = time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	s.out.requests = len(s.out.latencies)
	s.out.sort()
	return &s.out, nil
}

func (s *strike) open() error {
	to, err := netip.ParseAddrPort(s.addr)
	if err != nil {
		return fmt.Errorf("reading the server's address: %w", err)
	}
	if s.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("making an epoll: %w", err)
	}
	for i := range s.connections {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("making a socket: %w", err)
		}
		s.conns = append(s.conns, blow{fd: fd})
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}); err != nil {
			return fmt.Errorf("connecting to %s: %w", s.addr, err)
		}
		if err := errors.Join(syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1), syscall.SetNonblock(fd, true),
			syscall.EpollCtl(s.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)})); err != nil {
			return fmt.Errorf("preparing a connection: %w", err)
		}
		s.rest(i)
	}
	if s.perSecond == 0 {
		return nil
	}
	s.every = time.Duration(float64(time.Second) / s.perSecond)
	if s.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return fmt.Errorf("making a timer: %w", err)
	}
	each := unix.NsecToTimespec(tick.Nanoseconds())
	return errors.Join(unix.TimerfdSettime(s.timer, 0, &unix.ItimerSpec{Interval: each, Value: each}, nil),
		syscall.EpollCtl(s.epoll, syscall.EPOLL_CTL_ADD, s.timer, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: -1}))
}

func (s *strike) close() {
	for i := range s.conns {
		syscall.Close(s.conns[i].fd)
	}
	for _, fd := range []int{s.epoll, s.timer} {
		if fd >= 0 {
			syscall.Close(fd)
		}
	}
}

// strike sends until d is over; answers that come later do not count.
func (s *strike) strike(ctx context.Context, d time.Duration) error {
	if err := s.send(); err != nil {
		return err
	}
	events := make([]syscall.EpollEvent, s.connections+1)
	for s.now < d && ctx.Err() == nil {
		n, err := syscall.EpollWait(s.epoll, events, int(answerTimeout/time.Millisecond))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("waiting for answers: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("%s answered nothing for %v", s.addr, answerTimeout)
		}
		s.now = time.Since(s.start)
		for _, event := range events[:n] {
			if event.Fd < 0 {
				_, _, _ = rawCall(syscall.SYS_READ, s.timer, s.buffer[:8]) // only wakes
			} else if err := s.receive(int(event.Fd)); err != nil {
				return err
			}
		}
		if err := s.send(); err != nil {
			return err
		}
	}
	return nil
}

// send lets every idle connection send what is due.
func (s *strike) send() error {
	for s.free > 0 && (s.every == 0 || s.due <= s.now) {
		c := &s.conns[s.idle[s.first]]
		s.first, s.free = (s.first+1)%len(s.idle), s.free-1
		c.begin = time.Since(s.start)
		if s.every > 0 {
			c.begin = s.due
			s.due += s.every
		}
		n, _, errno := rawCall(syscall.SYS_WRITE, c.fd, s.request)
		if errno != 0 || n != len(s.request) {
			return fmt.Errorf("sending %d bytes to %s: %d were taken, %w", len(s.request), s.addr, n, errno)
		}
	}
	return nil
}

func (s *strike) receive(i int) error {
	c := &s.conns[i]
	n, _, errno := rawCall(syscall.SYS_READ, c.fd, s.buffer)
	if errno == syscall.EAGAIN {
		return nil
	}
	if errno != 0 || n <= 0 {
		return fmt.Errorf("reading the answer of %s: the connection ended (%w)", s.addr, errno)
	}
	answer := s.buffer[:n]
	if len(c.rest) > 0 {
		c.rest = append(c.rest, answer...)
		answer = c.rest
	}
	status, length, err := readHead(answer)
	switch {
	case err != nil:
		return err
	case length == 0 || len(answer) < length:
		if len(c.rest) == 0 {
			c.rest = append(c.rest, answer...)
		}
		return nil
	case len(answer) > length:
		return fmt.Errorf("%s sent more than one answer: %q", s.addr, answer[length:])
	}
	if string(status) == s.status {
		s.out.latencies = append(s.out.latencies, time.Since(s.start)-c.begin)
	} else {
		s.out.refused++
	}
	c.rest = c.rest[:0]
	s.rest(i)
	return nil
}

func (s *strike) rest(i int) {
	s.idle[(s.first+s.free)%len(s.idle)] = i
	s.free++
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// readHead answers the status and the whole length of an answer with a Content-Length; 0 while its head is not complete.
func readHead(answer []byte) (status []byte, length int, err error) {
	end := bytes.Index(answer, headEnd)
	if end < 0 {
		return nil, 0, nil
	}
	at := bytes.Index(answer[:end], contentLength)
	if at < 0 || end < 12 {
		return nil, 0, fmt.Errorf("an answer without Content-Length: %q", answer)
	}
	text := answer[at+len(contentLength) : end]
	if i := bytes.IndexByte(text, '\r'); i >= 0 {
		text = text[:i]
	}
	body, err := strconv.Atoi(string(text))
	if err != nil {
		return nil, 0, fmt.Errorf("reading Content-Length: %w", err)
	}
	return answer[9:12], end + len(headEnd) + body, nil
}

// rawCall reads or writes a descriptor that does not block, without telling Go's scheduler.
func rawCall(call uintptr, fd int, b []byte) (n int, _ uintptr, errno syscall.Errno) {
	r, second, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(r), second, errno
}
