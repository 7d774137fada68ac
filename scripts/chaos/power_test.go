//go:build linux

package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tributary/cli/loadgen"
	"tributary/scripts/powerfs"
)

// A process, what it started, and what that started end together.
func TestEndAll(t *testing.T) {
	m := &member{name: "family", binary: "/bin/sh", dir: t.TempDir()}
	cmd := exec.Command("/bin/sh", "-c", "sh -c 'sleep 600 & echo started; wait' & wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
	m.cmd, m.done = cmd, make(chan struct{})
	ended := m.done
	go func() { _ = cmd.Wait(); close(ended) }()
	family := descendants(cmd.Process.Pid)
	if len(family) != 2 {
		t.Fatalf("%d descendants, want 2", len(family))
	}
	killed := false
	m.endAll(func() { killed = true })
	if !killed {
		t.Error("the kill was not said")
	}
	for _, pid := range family {
		if alive(pid) {
			t.Errorf("process %d is alive", pid)
		}
	}
}

// What is lost is booked on the first cut after the acknowledgement.
func TestLossesByCut(t *testing.T) {
	l, err := newLedger(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.file.Close()
	click := func(id string) { l.note(&loadgen.Click{ID: id}, nil) }
	click("a")
	l.watchCuts()
	click("b")
	l.nextCut()
	click("b") // its first acknowledgement counts
	click("c")
	l.nextCut()
	click("d")
	v := &verdict{before: l.before}
	hashes := map[string]uint64{}
	for i, id := range []string{"a", "b", "", "c", "d"} {
		hashes[id] = l.hashes[i]
	}
	for id, cut := range map[string]int{"a": 0, "b": 0, "c": 1, "d": 2} {
		v.match([]uint64{hashes[id]}, nil)
		if v.lostBy[cut] != 1 {
			t.Errorf("the loss of %s is booked as %v, want cut %d", id, v.lostBy, cut)
		}
		v.match([]uint64{hashes[id]}, []uint64{hashes[id], hashes[id]})
		if v.twiceBy[cut] != 1 {
			t.Errorf("the double of %s is booked as %v, want cut %d", id, v.twiceBy, cut)
		}
	}
	o := options{dir: t.TempDir()}
	r, err := newReport(&o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	f, err := powerfs.New(t.TempDir(), powerfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &power{fs: f, losses: []powerfs.Loss{powerfs.LossPart, powerfs.LossOrder}}
	p.judge(r, &verdict{lostBy: map[int]int{0: 3, 2: 1}, twiceBy: map[int]int{1: 7}})
	text, err := os.ReadFile(r.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"power cuts: 2", "part                 cuts   1, acknowledged clicks lost 3, counted twice 0",
		"order                cuts   1, acknowledged clicks lost 0, counted twice 7", "without a cut after  cuts   0, acknowledged clicks lost 1"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report does not say %q:\n%s", want, text)
		}
	}
}
