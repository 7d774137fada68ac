package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"tributary/cli/loadgen"
)

// A ledger keeps the ID of every acknowledged click: a few bytes in memory, the text in a file.
type ledger struct {
	mu     sync.Mutex
	hashes []uint64
	cut    int            // the power cut to come, from 0
	before map[uint64]int // of mode power: by hash, the first cut after the click was acknowledged; nil in the other modes
	file   *os.File
	out    *bufio.Writer
}

func newLedger(dir string) (*ledger, error) {
	file, err := os.Create(filepath.Join(dir, "acknowledged-clicks"))
	if err != nil {
		return nil, err
	}
	return &ledger{file: file, out: bufio.NewWriterSize(file, 1<<20)}, nil
}

// watchCuts makes the ledger remember which power cut came after each click.
func (l *ledger) watchCuts() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = map[uint64]int{}
	for _, h := range l.hashes {
		l.before[h] = 0
	}
}

// nextCut notes that a power cut is over.
func (l *ledger) nextCut() {
	l.mu.Lock()
	l.cut++
	l.mu.Unlock()
}

// note is the driver's Watch.
func (l *ledger) note(c *loadgen.Click, p *loadgen.Postback) {
	if p != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := xxhash.Sum64String(c.ID)
	l.hashes = append(l.hashes, h)
	if l.before != nil {
		if _, ok := l.before[h]; !ok {
			l.before[h] = l.cut
		}
	}
	l.out.WriteString(c.ID)
	l.out.WriteByte('\n')
}

// maxNamed is how many IDs of a kind are named.
const maxNamed = 20

// verdict is what became of the acknowledged clicks.
type verdict struct {
	clicks                    int // different IDs acknowledged
	lost, twice, foreign      int // missing; in the table more than once; in the table and never acknowledged
	lostIDs, twiceIDs, others []string
	// Of mode power: the cuts that followed the acknowledgement of what is lost and what is there twice.
	lostBy, twiceBy map[int]int
	before          map[uint64]int
}

// judge looks every acknowledged click up in the table.
func (l *ledger) judge(ctx context.Context, s *site) (*verdict, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.out.Flush(); err != nil {
		return nil, err
	}
	slices.Sort(l.hashes)
	want := slices.Compact(l.hashes) // a click may be sent twice
	l.hashes = want
	got := make([]uint64, 0, len(want))
	rows, err := s.conn.Query(ctx, "SELECT xxHash64(click_id) FROM tributary.clicks WHERE campaign NOT IN ('"+strings.Join(sideCampaigns, "', '")+"')")
	if err != nil {
		return nil, fmt.Errorf("reading click IDs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var h uint64
		if err := rows.Scan(&h); err != nil {
			return nil, err
		}
		got = append(got, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading click IDs: %w", err)
	}
	slices.Sort(got)
	v := &verdict{clicks: len(want), before: l.before}
	lost, odd := v.match(want, got)
	if v.lostIDs, err = l.names(lost); err != nil {
		return nil, err
	}
	for h := range odd {
		var id string
		var n uint64
		if err := s.conn.QueryRow(ctx, fmt.Sprintf("SELECT any(click_id), count() FROM tributary.clicks WHERE xxHash64(click_id) = %d", h)).Scan(&id, &n); err != nil {
			return nil, err
		}
		if n > 1 {
			v.twiceIDs = append(v.twiceIDs, id)
		} else {
			v.others = append(v.others, id)
		}
	}
	return v, nil
}

// match counts what two sorted lists of hashes differ in, want without repetitions, and answers some of the hashes: those that
// are lost, and those that are there once too often or for no reason.
func (v *verdict) match(want, got []uint64) (lost, odd map[uint64]bool) {
	lost, odd = map[uint64]bool{}, map[uint64]bool{}
	v.lostBy, v.twiceBy = map[int]int{}, map[int]int{}
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case j == len(got) || i < len(want) && want[i] < got[j]:
			v.lost++
			v.lostBy[v.before[want[i]]]++
			note(lost, want[i])
			i++
		case i == len(want) || got[j] < want[i]:
			v.foreign++
			note(odd, got[j])
			j++
		default:
			h := want[i]
			i++
			for j++; j < len(got) && got[j] == h; j++ {
				v.twice++
				v.twiceBy[v.before[h]]++
				note(odd, h)
			}
		}
	}
	return lost, odd
}

func note(set map[uint64]bool, h uint64) {
	if len(set) < maxNamed {
		set[h] = true
	}
}

// names finds the texts of hashes.
func (l *ledger) names(of map[uint64]bool) ([]string, error) {
	if len(of) == 0 {
		return nil, nil
	}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var out []string
	lines := bufio.NewScanner(l.file)
	for lines.Scan() {
		if h := xxhash.Sum64(lines.Bytes()); of[h] {
			out = append(out, lines.Text())
			delete(of, h)
		}
	}
	return out, lines.Err()
}

func (v *verdict) right() bool { return v.lost == 0 && v.twice == 0 && v.foreign == 0 }

func (v *verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d acknowledged clicks: %d lost, %d counted twice, %d that nobody sent", v.clicks, v.lost, v.twice, v.foreign)
	for _, k := range []struct {
		what string
		ids  []string
	}{{"lost", v.lostIDs}, {"counted twice", v.twiceIDs}, {"not sent", v.others}} {
		if len(k.ids) > 0 {
			fmt.Fprintf(&b, "\n  %s: %s", k.what, strings.Join(k.ids, " "))
		}
	}
	return b.String()
}
