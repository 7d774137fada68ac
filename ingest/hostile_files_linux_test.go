package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog"
)

// filesEdgeEnv makes this test binary the edge of TestHostileFewFiles; it has the brokers' addresses.
const filesEdgeEnv = "TRIBUTARY_TEST_FILES_EDGE"

// filesAllowed is the edge's limit of open files there.
const filesAllowed = 256

// TestHostileFewFiles runs an edge that may open few files, takes them all away, and connects to it: those who are
// connected are served on, nobody is turned away, the edge does not turn in circles, and with files again everybody
// is served.
func TestHostileFewFiles(t *testing.T) {
	if brokers := os.Getenv(filesEdgeEnv); brokers != "" {
		if err := filesEdge(brokers); err != nil {
			t.Fatal(err)
		}
		return
	}
	b := newBench(t, nil)
	cmd := exec.Command(os.Args[0], "-test.run=^TestHostileFewFiles$")
	cmd.Env, cmd.Stderr = append(os.Environ(), filesEdgeEnv+"="+strings.Join(b.cluster.ListenAddrs(), ",")), os.Stderr
	tell, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		tell.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the edge ended with %v", err)
		}
	}()
	answers := bufio.NewReader(out)
	ask := func(command string) string {
		t.Helper()
		fmt.Fprintln(tell, command)
		answer, err := answers.ReadString('\n')
		if err != nil {
			t.Fatalf("after %s the edge says %q, %v", command, answer, err)
		}
		return strings.TrimSpace(answer)
	}
	address := ask("start")
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		return c
	}
	request := func(c net.Conn, path string) {
		t.Helper()
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatalf("a connection that was open: %v", err)
		}
	}
	first := dial()
	reader := bufio.NewReader(first)
	get := func(path string) (int, string) {
		t.Helper()
		request(first, path)
		status, body, err := readWhole(reader)
		if err != nil {
			t.Fatalf("a connection that was open: %v", err)
		}
		return status, body
	}
	eventually(t, "the edge is ready", 30*time.Second, func() bool { status, _ := get("/readyz"); return status == 200 })
	if status, _ := get("/c/summer"); status != 302 {
		t.Fatalf("a click is answered %d", status)
	}
	if _, body := get("/readyz"); !strings.Contains(body, fmt.Sprintf("the process may open %d files: %d connections are served", filesAllowed, filesAllowed/4)) {
		t.Errorf("readyz answers %s", body)
	}
	metric := func(name string) int {
		t.Helper()
		_, body := get("/metrics")
		found := regexp.MustCompile(`(?m)^tributary_ingest_` + name + ` (\d+)$`).FindStringSubmatch(body)
		if found == nil {
			t.Fatalf("there is no metric %s", name)
		}
		n, _ := strconv.Atoi(found[1])
		return n
	}
	if n := metric("max_connections"); n != filesAllowed/4 {
		t.Errorf("max_connections is %d", n)
	}

	ask("hold")
	began := time.Now()
	const waiting = 20
	var queue []net.Conn
	for range waiting {
		c := dial()
		request(c, "/c/summer")
		queue = append(queue, c)
	}
	eventually(t, "it could not take connections", 30*time.Second, func() bool { return metric("accept_errors_total") >= 6 })
	for range 20 {
		if status, _ := get("/c/summer"); status != 302 {
			t.Errorf("meanwhile a click is answered %d", status)
		}
	}
	if n, most := metric("accept_errors_total"), 20+4*int(time.Since(began)/time.Second); n > most {
		t.Errorf("it tried %d times within %v", n, time.Since(began))
	}
	ask("free")
	for _, c := range queue {
		if status, _, err := readWhole(bufio.NewReader(c)); err != nil || status != 302 {
			t.Errorf("who waited is answered %d, %v", status, err)
		}
	}
	if status, _ := get("/c/summer"); status != 302 {
		t.Errorf("afterwards a click is answered %d", status)
	}
	if answer := ask("end"); answer != "ended: <nil>" {
		t.Errorf("Run: %s", answer)
	}
}

// readWhole reads an answer.
func readWhole(r *bufio.Reader) (status int, body string, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, "", err
		}
		line = strings.TrimSpace(line)
		if first && len(line) > 12 {
			if status, err = strconv.Atoi(line[9:12]); err != nil {
				return 0, "", err
			}
		} else if text, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(text); err != nil {
				return 0, "", err
			}
		}
		if line == "" {
			text := make([]byte, length)
			_, err := io.ReadFull(r, text)
			return status, string(text), err
		}
	}
}

// filesEdge is the edge, told on its standard input what to do.
func filesEdge(brokers string) error {
	limit := syscall.Rlimit{Cur: filesAllowed, Max: filesAllowed}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	cat, err := catalog.Build(testCatalog())
	if err != nil {
		return err
	}
	cfg := Defaults()
	cfg.Listen, cfg.CapsFile = "127.0.0.1:0", ""
	cfg.Trust.ManagementRoutes = true // the test asks for figures and reasons
	edge, err := New(cfg, Deps{Kafka: []kgo.Opt{kgo.SeedBrokers(strings.Split(brokers, ",")...)}, Registerer: prometheus.NewRegistry(), Catalog: cat})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- edge.Run(ctx) }()
	var held []*os.File
	for told := bufio.NewScanner(os.Stdin); told.Scan(); {
		switch told.Text() {
		case "start":
			fmt.Println(edge.Addr())
		case "hold":
			for {
				f, err := os.Open(os.DevNull)
				if errors.Is(err, syscall.EMFILE) {
					break
				}
				if err != nil {
					return err
				}
				held = append(held, f)
			}
			fmt.Println("held", len(held))
		case "free":
			for _, f := range held {
				f.Close()
			}
			fmt.Println("freed")
		case "end":
			stop()
			fmt.Println("ended:", <-ran)
			return nil
		}
	}
	return nil
}
