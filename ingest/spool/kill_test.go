package spool

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// childVariable makes the test binary a process that appends to the folder it names until it is killed.
const childVariable = "TRIBUTARY_TEST_SPOOL"

// child appends records, numbered from its argument on, and prints each number once the record is durable.
func child(dir string) {
	s, err := Open(testConfig(dir), Deps{})
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	first, _ := strconv.Atoi(os.Getenv(childVariable + "_FIRST"))
	type promise struct {
		batch *Batch
		n     int
	}
	waiting := make(chan promise, 64)
	go func() {
		out := bufio.NewWriter(os.Stdout)
		for p := range waiting {
			<-p.batch.Done()
			if p.batch.Err() != nil {
				os.Exit(1)
			}
			fmt.Fprintln(out, p.n)
			out.Flush()
		}
	}()
	for n := first; ; n++ {
		b, err := s.Submit(testRecord(n))
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		waiting <- promise{b, n}
	}
}

// TestKill kills a process that appends, again and again: each record it was told to be durable is there, once and in order.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	next, drained := 0, 0
	for round := range rounds {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), childVariable+"="+dir, childVariable+"_FIRST="+strconv.Itoa(next))
		stdout, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := next - 1
		lines := bufio.NewScanner(stdout)
		for count := 0; lines.Scan(); count++ {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			acknowledged = n
			if count == 300+137*round {
				command.Process.Kill()
			}
		}
		command.Wait()
		s := opened(t, testConfig(dir), nil)
		found := drained + int(s.pending.Load())
		if found <= acknowledged {
			t.Fatalf("round %d: %d records are there, %d was acknowledged", round, found, acknowledged)
		}
		// Half of it is drained now, the rest in the next round.
		for drained < acknowledged-100*(round%2) {
			entries, err := s.Next(t.Context(), 64)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if want := fmt.Sprintf("id-%06d", drained); string(e.ID) != want {
					t.Fatalf("round %d: %s is drained, want %s", round, e.ID, want)
				}
				drained++
			}
			s.Done(len(entries))
		}
		next = found
		closed(t, s)
	}
}
