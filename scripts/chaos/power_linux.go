package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tributary/scripts/powerfs"
)

// power is the file system whose power is cut, and what the cuts took.
type power struct {
	fs      *powerfs.FS
	mount   *powerfs.Mount
	backing *disk // in memory, or nil where none can be had
	losses  []powerfs.Loss
}

// powerData puts the data on a file system that forgets what was not synced.
func (s *site) powerData(data string) error {
	backing := filepath.Join(s.options.dir, "backing")
	if err := os.MkdirAll(backing, 0o700); err != nil {
		return err
	}
	o := s.options.power
	p := &power{}
	var err error
	if p.backing, err = newDisk(backing); err != nil {
		s.report.say("the data is kept on disk, not in memory: %v", err)
	}
	p.fs, err = powerfs.New(backing, powerfs.Options{NamesFollow: o.namesFollow, SyncDelay: o.syncDelay, SyncEverything: o.syncEverything,
		Synced: strings.Split(o.synced, ",")})
	if err != nil {
		return err
	}
	if p.mount, err = p.fs.Mount(data); err != nil {
		return err
	}
	s.power = p
	return nil
}

// powerReady is how long a start may take before its own power is cut too.
const powerReady = startLimit

// cutAgainAndAgain cuts the power until ctx ends or there were enough cuts: mostly after some seconds of work, one time in
// five while it still starts.
func (s *site) cutAgainAndAgain(ctx context.Context, l *ledger) error {
	random := rand.New(rand.NewPCG(s.options.seed, 0x706f776572))
	l.watchCuts()
	m := s.member("up")
	for cut := 0; s.options.power.cuts == 0 || cut < s.options.power.cuts; cut++ {
		load := time.Duration(float64(s.options.gap) * (.3 + .7*random.ExpFloat64()))
		early := random.IntN(5) == 0
		loss := powerfs.Losses[cut%len(powerfs.Losses)]
		if s.options.power.loss != lossMixed {
			loss = powerfs.Loss(s.options.power.loss)
		}
		if early {
			load /= 2
		} else if err := m.await(ctx, powerReady); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if !pause(ctx, load) {
			return nil
		}
		what := fmt.Sprintf("power cut, %s, life %d, ready %t", loss, m.life(), m.isReady())
		s.report.begin("power cut, "+string(loss), what)
		err := s.power.cut(m, loss, random, s.report)
		l.nextCut()
		if err == nil {
			err = m.start()
		}
		s.report.end(what, err)
		if err != nil {
			return err
		}
	}
	return nil
}

// cut is one power cut: a moment for the disk, the end of every process, and what is lost.
func (p *power) cut(m *member, loss powerfs.Loss, random *rand.Rand, r *report) error {
	p.fs.PowerOff()
	m.endAll(func() { p.fs.Release() })
	if err := p.mount.Unmount(); err != nil {
		return err
	}
	report, err := p.fs.Cut(loss, random)
	if err != nil {
		return err
	}
	p.losses = append(p.losses, loss)
	r.say("   %s", report)
	p.mount, err = p.fs.Mount(p.mount.Path())
	return err
}

// endAll kills the process and all that it started, at once, and returns when they are gone. killed is called when each has its
// signal.
func (m *member) endAll(killed func()) {
	m.mu.Lock()
	m.asked, m.wanted = true, false
	cmd, done := m.cmd, m.done
	m.mu.Unlock()
	if cmd == nil {
		killed()
		return
	}
	family := append([]int{cmd.Process.Pid}, descendants(cmd.Process.Pid)...)
	for _, pid := range family {
		_ = unix.Kill(pid, syscall.SIGKILL) // it may have ended
	}
	killed()
	<-done
	for _, pid := range family[1:] {
		// Whoever takes orphans in reaps it; a zombie has closed its files.
		for alive(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// descendants are the processes that pid and its children started.
func descendants(pid int) []int {
	parents := map[int][]int{}
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, name := range names {
		parent, _, ok := stat(name)
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); ok && err == nil {
			parents[parent] = append(parents[parent], child)
		}
	}
	var out []int
	for waiting := []int{pid}; len(waiting) > 0; waiting = waiting[1:] {
		out = append(out, parents[waiting[0]]...)
		waiting = append(waiting, parents[waiting[0]]...)
	}
	return out
}

// stat reads the parent and the state of a process.
func stat(path string) (parent int, state string, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, "", false
	}
	// The name before may hold anything, also brackets.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return 0, "", false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, fields[0], err == nil
}

func alive(pid int) bool {
	_, state, ok := stat(fmt.Sprintf("/proc/%d/stat", pid))
	return ok && state != "Z" && state != "X"
}

// judge says what was lost and doubled, by the kind of the first cut after its acknowledgement.
func (p *power) judge(r *report, v *verdict) {
	if p == nil {
		return
	}
	type line struct{ cuts, lost, twice int }
	kinds := map[string]*line{}
	of := func(cut int) *line {
		kind := "without a cut after"
		if cut < len(p.losses) {
			kind = string(p.losses[cut])
		}
		if kinds[kind] == nil {
			kinds[kind] = &line{}
		}
		return kinds[kind]
	}
	for i := range p.losses {
		of(i).cuts++
	}
	for cut, n := range v.lostBy {
		of(cut).lost += n
	}
	for cut, n := range v.twiceBy {
		of(cut).twice += n
	}
	r.say("power cuts: %d", len(p.losses))
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[kind]
		r.say("  %-20s cuts %3d, acknowledged clicks lost %d, counted twice %d", kind, k.cuts, k.lost, k.twice)
	}
	st := &p.fs.Stats
	r.say("  asked of the file system: %d writes, %d syncs of files, %d of folders, %d of everything", st.Writes.Load(), st.FileSyncs.Load(),
		st.FolderSyncs.Load(), st.WholeSyncs.Load())
}

// keepPower makes what the file system holds readable after the run, where the run's folder stays.
func (s *site) keepPower(keep bool) {
	if s == nil || s.power == nil {
		return
	}
	p := s.power
	for _, m := range s.members {
		m.endAll(func() {})
	}
	if keep {
		if err := os.CopyFS(filepath.Join(s.options.dir, "data-at-the-end"), os.DirFS(s.data())); err != nil {
			s.report.say("keeping the data: %v", err)
		}
	}
	if err := p.mount.Unmount(); err != nil {
		p.mount.Detach()
	}
	if p.backing != nil {
		p.backing.unmount()
	}
}
