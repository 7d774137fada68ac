package processor

import (
	"bytes"
	"reflect"
	"testing"

	"tributary/processor/stage"
	"tributary/schemas/fuzzbound"
)

func TestJudge(t *testing.T) {
	one, two, three := cycleID{1, 11}, cycleID{2, 22}, cycleID{3, 33}
	otherTwo := cycleID{2, 99}
	at := func(n int64) map[string]int64 { return map[string]int64{"clicks": n} }
	ends := at(100)
	committed := func(c cycleID, pos int64) commit { return commit{cycle: c, any: true, named: true, positions: at(pos)} }
	for name, c := range map[string]struct {
		state  meta
		commit commit
		want   verdict
	}{
		"nothing yet":                               {meta{}, commit{}, goOn},
		"the last cycle is committed":               {meta{cycle: two, base: one, positions: at(20)}, committed(two, 20), goOn},
		"the last cycle aborted":                    {meta{cycle: two, base: one, positions: at(20)}, committed(one, 10), resend},
		"the very first cycle aborted":              {meta{cycle: one, positions: at(10)}, commit{}, resend},
		"only timers, aborted":                      {meta{cycle: two, base: one, positions: at(10)}, committed(one, 10), resend},
		"left cleanly, another moved on":            {meta{cycle: two, base: one, settled: true, positions: at(20)}, committed(three, 30), replay},
		"crashed, another moved on":                 {meta{cycle: two, base: one, positions: at(20)}, committed(three, 30), rebuild},
		"another counted alike":                     {meta{cycle: two, base: one, positions: at(20)}, committed(otherTwo, 20), rebuild},
		"the state is lost":                         {meta{}, committed(three, 30), replay},
		"a replay was interrupted":                  {meta{settled: true, positions: at(12)}, committed(three, 30), replay},
		"an operator moved the group":               {meta{cycle: two, base: one, positions: at(20)}, commit{any: true, positions: at(0)}, rebuild},
		"the group's offsets expired":               {meta{cycle: two, base: one, settled: true, positions: at(20)}, commit{}, goOn},
		"the group was deleted under a crash":       {meta{cycle: two, base: one, positions: at(20)}, commit{}, rebuild},
		"the log is shorter than what was read":     {meta{cycle: two, base: one, positions: at(101)}, committed(two, 101), rebuild},
		"a settled state ahead of what's committed": {meta{cycle: two, base: one, settled: true, positions: at(40)}, committed(three, 30), rebuild},
	} {
		if got := judge(&c.state, c.commit, ends); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestMetaAndCommitComeBack(t *testing.T) {
	m := meta{cycle: cycleID{7, 1 << 63}, base: cycleID{6, 5}, settled: true, watermarkMS: 1_795_000_000_000, positions: map[string]int64{"clicks": 5, "postbacks": 0}}
	// As version 2 wrote it, which had all but the last number.
	older := m.append(nil)
	older[0] = 2
	if back, err := readMeta(older[:len(older)-1]); err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("%+v of version 2 came back as %+v, %v", m, back, err)
	}
	m.decisions = 300
	raw := m.append(nil)
	back, err := readMeta(raw)
	if err != nil || !reflect.DeepEqual(back, m) {
		t.Errorf("%+v came back as %+v, %v", m, back, err)
	}
	for n := range raw {
		if _, err := readMeta(raw[:n]); err == nil {
			t.Errorf("%d of %d bytes are accepted", n, len(raw))
		}
	}
	c, wm, ok := parseCommit(m.commitMetadata())
	if !ok || c != m.cycle || wm != m.watermarkMS {
		t.Errorf("%q came back as %v %d %v", m.commitMetadata(), c, wm, ok)
	}
	for _, bad := range []string{"", "member-1", "tributary1:1:2", "tributary1:x:2:3", "tributary2:1:2:3", "tributary1:1:2:3:4"} {
		if _, _, ok := parseCommit(bad); ok {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzOutbox(f *testing.F) {
	f.Add(appendOutbox(nil, []stage.Output{
		{Topic: "a", Key: []byte("k"), Value: []byte("v")},
		{Topic: "b", Source: stage.Source{Topic: "clicks", Offset: 1 << 40}, Suffix: []byte("s")},
	}))
	f.Add([]byte{})
	f.Add([]byte{outboxVersion, 0, 200, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		fuzzbound.Hold(t, 512*len(raw), func() { _, _ = readOutbox(raw) })
		outputs, err := readOutbox(raw)
		if err != nil {
			return
		}
		again := appendOutbox(nil, outputs)
		back, err := readOutbox(again)
		if err != nil || len(back) != len(outputs) {
			t.Fatalf("%x: %v", again, err)
		}
		if !bytes.Equal(again, appendOutbox(nil, back)) {
			t.Fatalf("%x is not stable", again)
		}
	})
}

func FuzzMeta(f *testing.F) {
	m := meta{cycle: cycleID{7, 8}, positions: map[string]int64{"clicks": 5}}
	f.Add(m.append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fuzzbound.Hold(t, 64*len(raw), func() { _, _ = readMeta(raw) })
		m, err := readMeta(raw)
		if err != nil {
			return
		}
		if _, err := readMeta(m.append(nil)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestProcessingAClickDoesNotAllocatePerClick(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w := newWorld(t, 1)
	const runs, batch = 5, 1000
	p, records := partitionOver(t, w, (runs+1)*batch)
	i := 0
	n := testing.AllocsPerRun(runs, func() {
		p.inputs[0].records = append(p.inputs[0].records[:0], records[i:i+batch]...)
		i += batch
		if err := p.run(w.clockMS.Load(), false, false); err != nil {
			t.Fatal(err)
		}
		p.committed()
	})
	if n/batch > 0.25 {
		t.Errorf("%v allocations for %d clicks", n, batch)
	}
}
