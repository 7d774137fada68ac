package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/catalog/block"
	"tributary/catalog/lease"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/id"
)

// inSight is how long something may have been written and be unknown to an edge that says that it sees: an answer of Kafka is waited for
// five seconds, and an edge calls itself blind after two without one.
const inSight = 8 * time.Second

// A placed is a record of the topic control as the model reads it.
type placed struct {
	revision int64
	key      string
	ended    bool
	bad      bool
	write    string
	author   string
	expires  time.Time
	value    string
	// started and acked are of the command that wrote it; acked is zero where nobody was told.
	started, acked time.Time
}

// placedOf reads the topic a second time: its order is that of the offsets, and who broke a rule is known from who wrote.
func placedOf(records []*kgo.Record, written []*wrote) (list []placed) {
	by := map[string]*wrote{}
	for _, c := range written {
		by[c.author] = c
	}
	for _, r := range records {
		p := placed{revision: r.Offset + 1, key: string(r.Key), ended: r.Value == nil}
		for _, h := range r.Headers {
			switch h.Key {
			case "write":
				p.write = string(h.Value)
			case "author":
				p.author = string(h.Value)
			}
		}
		if !p.ended {
			m := events.ControlEntry{}
			if m.UnmarshalVT(r.Value) == nil {
				p.author, p.value = m.Author, string(m.Value)
				if m.ExpiresMs != 0 {
					p.expires = time.UnixMilli(m.ExpiresMs)
				}
			}
		}
		if c := by[p.author]; c != nil {
			p.bad, p.started, p.acked = c.Kind == changeBad, c.started, c.acked
		}
		list = append(list, p)
	}
	return list
}

// comparePlane holds what edges did against the topics.
func comparePlane(w *World, x *Expected, log *planeLog, rows map[string][]Row) []string {
	if log == nil || log.ends == nil {
		return nil
	}
	d := &differences{}
	all := placedOf(log.control, w.written)
	d.compareOrder(w, all)
	d.compareSeen(w.seen, all)
	d.compareEnds(log.ends, all)
	d.compareVisits(w, x, all)
	d.compareCaps(w, log.books)
	d.compareChanges(all, rows["control_changes"])
	return d.list
}

// compareOrder: what was acknowledged is in the topic, once; a write is in one piece.
func (d *differences) compareOrder(w *World, all []placed) {
	writes, last := map[string]bool{}, ""
	authors := map[string]int{}
	for _, p := range all {
		if p.write != last && writes[p.write] {
			d.add("control: the records of the write of %s are not beside each other", p.author)
		}
		writes[p.write], last = p.write != "", p.write
		authors[p.author]++
	}
	for _, c := range w.written {
		n := authors[c.author]
		switch {
		case c.acked.IsZero():
		case n == 0 && c.revision > 0 && c.Kind != changeCatalog:
			d.add("control: the change %s was acknowledged and is not in the topic: %+v", c.author, *c.Change)
		case n > 1 && c.Kind != changeCatalog:
			d.add("control: the change %s is in the topic %d times: %+v", c.author, n, *c.Change)
		}
		if c.acked.IsZero() || c.Kind == changeBad || n == 0 {
			continue
		}
		last := int64(0)
		for _, p := range all {
			if p.author == c.author {
				last = p.revision
			}
		}
		if last != c.revision {
			d.add("control: the change %s has revision %d and was told %d", c.author, last, c.revision)
		}
	}
}

// inForce is the model's state: of each key the last good entry at a revision.
func inForce(all []placed, revision int64) map[string]*placed {
	state := map[string]*placed{}
	for i := range all {
		p := &all[i]
		switch {
		case p.revision > revision:
			return state
		case p.bad:
		case p.ended:
			delete(state, p.key)
		default:
			state[p.key] = p
		}
	}
	return state
}

// compareSeen: whatever an edge showed at any time is the state after some write, as a whole.
func (d *differences) compareSeen(seen []watched, all []placed) {
	for _, s := range seen {
		i := slices.IndexFunc(all, func(p placed) bool { return p.revision > s.revision })
		if i > 0 && all[i].write != "" && all[i].write == all[i-1].write {
			d.add("control: %s shows a part of a write of %s, up to revision %d", s.edge, all[i].author, s.revision)
		}
		want := inForce(all, s.revision)
		for _, key := range slices.Sorted(maps.Keys(s.of)) {
			if want[key] == nil || want[key].revision != s.of[key] {
				d.add("control: %s shows %s of revision %d at revision %d, %v would be right", s.edge, key, s.of[key], s.revision, want[key])
			}
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if p := want[key]; s.of[key] == 0 && (p.expires.IsZero() || p.expires.After(s.at)) {
				d.add("control: %s does not show %s of revision %d at revision %d", s.edge, key, p.revision, s.revision)
			}
		}
	}
}

// compareEnds: at the end every edge has the same, and refuses the same.
func (d *differences) compareEnds(ends []endState, all []placed) {
	want := inForce(all, 1<<62)
	refused := map[string]string{}
	for _, p := range all {
		delete(refused, p.key)
		if p.bad {
			refused[p.key] = fmt.Sprintf("%s at %d", p.key, p.revision)
		}
	}
	for _, e := range ends {
		for _, key := range slices.Sorted(maps.Keys(want)) {
			p := want[key]
			value, there := e.values[key]
			if expired := !p.expires.IsZero() && !p.expires.After(e.at); there == expired || there && value != p.value {
				d.add("control: at the end %s has %s %t, as it was written %t; expired %t", e.edge, key, there, value == p.value, expired)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(e.values)) {
			if want[key] == nil {
				d.add("control: at the end %s has %s, which is not in force", e.edge, key)
			}
		}
		if right := slices.Sorted(maps.Values(refused)); !slices.Equal(e.refused, right) {
			d.add("control: %s refuses %v, %v would be right", e.edge, e.refused, right)
		}
	}
}

// span are the entries of a key that may be in force at an edge during a visit: from the last that it must know to the last that there was.
// nil stands for none.
func span(of []*placed, v *visited) (may []*placed) {
	var must *placed
	for _, p := range of {
		if p.started.After(v.answered) {
			break
		}
		if !p.acked.IsZero() && p.acked.Before(v.sees.Add(-inSight)) {
			must, may = p, nil
			continue
		}
		may = append(may, p)
	}
	return append([]*placed{must}, may...)
}

// compareVisits: which block is on a click, and which catalog it was made by.
func (d *differences) compareVisits(w *World, x *Expected, all []placed) {
	// Of each block and of the campaign the good entries in order; who ended one with a time is nobody.
	of := map[string][]*placed{}
	for i := range all {
		if p := &all[i]; !p.bad && (strings.HasPrefix(p.key, block.Kind+"/") || p.key == "campaign/plane") {
			of[p.key] = append(of[p.key], p)
		}
	}
	for _, v := range w.visits {
		row := x.clicks[v.id]
		if v.id == "" {
			continue
		}
		if row == nil {
			d.add("clicks: visit %d at %s was answered, and its click %s is not in Kafka", v.Number, v.edge, v.id)
			continue
		}
		if row["cost"] != number(int64(planeCost)) {
			d.add("clicks: the click of visit %d costs %s", v.Number, row["cost"])
		}
		offer := uint32(restOffer)
		if v.to == cappedHost {
			offer = cappedOffer
		}
		if row["offer_id"] != number(offer) || row["blocked"] == "true" && offer == cappedOffer {
			d.add("clicks: visit %d is sent to %s, its click has offer %s, blocked %s", v.Number, v.to, row["offer_id"], row["blocked"])
		}
		if v.sees.IsZero() {
			continue
		}
		d.compareBlocked(v, row, of)
		d.compareVersion(v, row, of["campaign/plane"])
	}
}

// compareBlocked holds a click's block against those that may be in force.
func (d *differences) compareBlocked(v *visited, row Row, of map[string][]*placed) {
	const clocks = 5 * time.Second // how far clocks are from each other at most, and a little more
	may, must := map[string]bool{}, false
	for key, entries := range of {
		if !strings.HasPrefix(key, block.Kind+"/") {
			continue
		}
		applied, maybe := true, false
		for _, p := range span(entries, v) {
			b := &events.Block{}
			if p == nil || p.ended || b.UnmarshalVT([]byte(p.value)) != nil || b.Removed || b.SubValue != fmt.Sprint("z", v.Zone) ||
				b.UntilMs != 0 && v.asked.Add(-clocks).UnixMilli() > b.UntilMs {
				applied = false
				continue
			}
			maybe = true
			if b.Shadow || b.UntilMs != 0 && v.answered.Add(clocks).UnixMilli() > b.UntilMs {
				applied = false
			}
		}
		if maybe {
			may[strings.TrimPrefix(key, block.Kind+"/")] = true
		}
		must = must || applied
	}
	switch id := row["block"]; {
	case id != "" && !may[id]:
		d.add("clicks: visit %d of zone %d at %s meets the block %s, which is not in force; %v may be", v.Number, v.Zone, v.edge, id, slices.Sorted(maps.Keys(may)))
	case must && row["blocked"] != "true":
		d.add("clicks: visit %d of zone %d at %s at %s, which saw the topic at %s, is not blocked; %v may be in force", v.Number, v.Zone, v.edge,
			v.asked.Format("15:04:05.000"), v.sees.Format("15:04:05.000"), slices.Sorted(maps.Keys(may)))
	}
}

// compareVersion holds the version of the catalog that made a click against those that may be in force.
func (d *differences) compareVersion(v *visited, row Row, entries []*placed) {
	var may []string
	for _, p := range span(entries, v) {
		var c struct {
			Tags []string `json:"tags"`
		}
		if p != nil && json.Unmarshal([]byte(p.value), &c) == nil {
			may = append(may, strings.Join(c.Tags, "|"))
		}
	}
	if !slices.Contains(may, row["tags"]) {
		d.add("clicks: visit %d at %s, which saw the topic at %s, is made by the catalog %s; %v may be in force", v.Number, v.edge, v.sees.Format("15:04:05.000"), row["tags"], may)
	}
}

// compareCaps: no day has more clicks of the offer than its cap, and the last one has as many as were granted.
func (d *differences) compareCaps(w *World, records []*kgo.Record) {
	limit := int64(max(w.scenario.Plane.Cap, w.scenario.Plane.Raised))
	sent := map[uint32]int64{}
	for _, v := range w.visits {
		if c, err := id.ParseClick(v.id); err == nil && v.to == cappedHost {
			sent[lease.Day(c.TimeMS(), time.UTC)]++
		}
	}
	granted := map[uint32]int64{}
	for _, r := range records {
		m, b := events.ControlEntry{}, events.LeaseBook{}
		if m.UnmarshalVT(r.Value) != nil || b.UnmarshalVT(m.Value) != nil {
			continue // a tombstone
		}
		key, err := lease.ParseKey(m.Id)
		if err != nil {
			d.add("leases: %v", err)
			continue
		}
		sum := b.Spent
		for _, a := range b.Accounts {
			sum += a.Granted - a.Returned
		}
		if granted[key.Day] = sum; sum > limit {
			d.add("leases: %d clicks of day %d are granted, the cap is %d", sum, key.Day, limit)
		}
	}
	for _, day := range slices.Sorted(maps.Keys(sent)) {
		if sent[day] > limit || sent[day] > granted[day] {
			d.add("leases: %d visitors of day %d were sent to the offer with a cap of %d, of which %d were granted", sent[day], day, limit, granted[day])
		}
	}
}

// compareChanges: the history has each change of a block once.
func (d *differences) compareChanges(all []placed, rows []Row) {
	var want, got []string
	last := map[string]*events.Block{}
	for _, p := range all {
		name, is := strings.CutPrefix(p.key, block.Kind+"/")
		if !is || p.bad {
			continue
		}
		b := &events.Block{}
		if p.ended {
			if was := last[name]; was == nil || was.Removed {
				continue // it had ended before
			}
			want = append(want, fmt.Sprintf("%s by %q, ended true", name, p.author))
			delete(last, name)
			continue
		}
		_ = b.UnmarshalVT([]byte(p.value))
		last[name] = b
		want = append(want, fmt.Sprintf("%s by %q, ended %t", name, p.author, b.Removed))
	}
	slices.SortFunc(rows, func(a, b Row) int { return int(a.number("_offset") - b.number("_offset")) })
	for _, r := range rows {
		if r["kind"] == block.Kind {
			got = append(got, fmt.Sprintf("%s by %q, ended %s", r["id"], r["author"], r["ended"]))
		}
	}
	if !slices.Equal(want, got) {
		d.add("%s: has\n    %s\n  and would be right with\n    %s", schemas.TopicControlChanges, strings.Join(got, "\n    "), strings.Join(want, "\n    "))
	}
}
