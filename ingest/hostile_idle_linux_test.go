package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// idleClientEnv makes this test binary the client of TestIdleConnections; it has the edge's address.
const idleClientEnv = "TRIBUTARY_TEST_IDLE_CLIENT"

// TestIdleConnections opens TRIBUTARY_TEST_CONNECTIONS connections (500 when it is not set), or as many as the machine lets one process
// have, from processes of their own. Half of them stay silent, half of them click once. It shows that visitors are served, what a
// connection takes of the edge's memory, and that everything is given back.
func TestIdleConnections(t *testing.T) {
	if addr := os.Getenv(idleClientEnv); addr != "" {
		if err := idleClient(addr); err != nil {
			t.Fatal(err)
		}
		return
	}
	wanted := 500
	if text := os.Getenv("TRIBUTARY_TEST_CONNECTIONS"); text != "" {
		var err error
		if wanted, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	files := allowFiles(t, wanted+700)
	n := min(wanted, files-700) // the edge keeps 512 for other things than connections
	if n < wanted {
		t.Logf("%d connections instead of %d: the machine allows a process %d open files", n, wanted, files)
	}
	b := newBench(t, func(cfg *Config, _ *Deps) {
		cfg.MaxConnections, cfg.IdleTimeout, cfg.ReadTimeout = n+100, time.Hour, time.Hour
	})
	waitReady(t, b.edge)
	if _, err := b.visitor(10); err != nil {
		t.Fatal(err)
	}
	served := func(what string) {
		t.Helper()
		longest, err := b.visitor(50)
		if err != nil {
			t.Fatalf("beside %s: %v", what, err)
		}
		t.Logf("beside %s a visitor waits %v at most in 50 clicks", what, longest.Round(10*time.Microsecond))
		if longest > b.edge.cfg.AckTimeout {
			t.Errorf("beside %s a visitor waits %v", what, longest)
		}
	}
	start, empty := time.Now(), inUse()
	client := startIdleClient(t, b.edge.Addr().String())
	half := n / 2
	client.open("silent", half)
	eventually(t, "the silent connections are accepted", time.Minute, func() bool { return int(b.edge.server.GetOpenConnectionsCount()) >= half })
	silent := inUse()
	served(fmt.Sprintf("%d silent connections", half))
	client.open("click", n-half)
	idle := inUse()
	served(fmt.Sprintf("%d idle connections", n))
	perSilent, perIdle := (silent-empty)/int64(half), (idle-silent)/int64(n-half)
	t.Logf("%d connections in %v; memory a connection: %d bytes silent, %d bytes after a click", n, time.Since(start).Round(time.Millisecond), perSilent, perIdle)
	// Of few connections the pools and the broker's records take more.
	if limit := int64(b.edge.cfg.MaxHeaderBytes + perConnectionBytes); n >= 5000 && (perIdle > limit || perSilent > limit) {
		t.Errorf("a connection takes more than the %d bytes that are stated", limit)
	}
	client.end()
	eventually(t, "the edge lets all connections go", time.Minute, func() bool { return b.edge.server.GetOpenConnectionsCount() <= 1 })
	served("none of them")
}

// A crowd is the process that opens connections.
type crowd struct {
	t       *testing.T
	cmd     *exec.Cmd
	tell    io.WriteCloser
	answers *bufio.Reader
}

func startIdleClient(t *testing.T, addr string) *crowd {
	t.Helper()
	c := &crowd{t: t, cmd: exec.Command(os.Args[0], "-test.run=^TestIdleConnections$")}
	c.cmd.Env, c.cmd.Stderr = append(os.Environ(), idleClientEnv+"="+addr), os.Stderr
	var err error
	if c.tell, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.answers = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.tell.Close(); _ = c.cmd.Wait() }) // end has told what it thinks of the exit
	return c
}

func (c *crowd) open(kind string, n int) {
	c.t.Helper()
	fmt.Fprintf(c.tell, "%s %d\n", kind, n)
	if answer, err := c.answers.ReadString('\n'); err != nil || answer != "done\n" {
		rest, _ := io.ReadAll(c.answers)
		c.t.Fatalf("opening %d connections: %q %v %s", n, answer, err, rest)
	}
}

func (c *crowd) end() {
	c.t.Helper()
	c.tell.Close()
	_, _ = io.Copy(io.Discard, c.answers)
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("the client: %v", err)
	}
}

// idleClient opens what it is told on its standard input, until that ends.
func idleClient(addr string) error {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	var mu sync.Mutex
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.(*net.TCPConn).SetLinger(0) // no port is kept for it
			c.Close()
		}
	}()
	one := func(i int, click bool) error {
		// An address has 28,000 ports to come from, and finding a free one takes longer the fewer are left.
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i/5000))}}
		conn, err := dialer.Dial("tcp", to.String())
		if err != nil {
			return err
		}
		mu.Lock()
		conns = append(conns, conn)
		mu.Unlock()
		if !click {
			return nil
		}
		if _, err := io.WriteString(conn, "GET /c/summer HTTP/1.1\r\nHost: x\r\nUser-Agent: "+chrome+"\r\n\r\n"); err != nil {
			return err
		}
		answer := make([]byte, 1024)
		got, err := conn.Read(answer)
		if err != nil || got < 12 || string(answer[9:12]) != "302" {
			return fmt.Errorf("a click is answered %q, %v", answer[:got], err)
		}
		return nil
	}
	for told := bufio.NewReader(os.Stdin); ; {
		var kind string
		var n int
		if _, err := fmt.Fscanf(told, "%s %d\n", &kind, &n); err != nil {
			return nil
		}
		const workers = 32
		begun := len(conns)
		failed := make(chan error, workers)
		for w := range workers {
			go func() {
				for i := begun + w; i < begun+n; i += workers {
					if err := one(i, kind == "click"); err != nil {
						failed <- fmt.Errorf("connection %d: %w", i, err)
						return
					}
				}
				failed <- nil
			}()
		}
		for range workers {
			if err := <-failed; err != nil {
				return err
			}
		}
		fmt.Println("done")
	}
}

// allowFiles raises this process's limit of open files towards n and answers what it is then.
func allowFiles(t *testing.T, n int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= uint64(n) {
		return n
	}
	raised := syscall.Rlimit{Cur: uint64(n), Max: max(limit.Max, uint64(n))}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) != nil { // more than the hard limit needs privileges
		raised = syscall.Rlimit{Cur: min(uint64(n), limit.Max), Max: limit.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
			t.Fatal(err)
		}
	}
	return int(raised.Cur)
}
