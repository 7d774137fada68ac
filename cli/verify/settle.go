package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tributary/schemas"
)

const (
	// settlePoll is the pause between two looks at a pipeline that still works.
	settlePoll = 60 * time.Millisecond
	// momentPoll is the pause while a moment is looked for in which the processor rests: traffic leaves only short ones.
	momentPoll = 2 * time.Millisecond
	// liveAfter is how long requests must keep coming in before the audit gives up waiting for quiet and takes a moment
	// between two transactions instead.
	liveAfter = 4 * time.Second
)

// moment is one look at Kafka: how far every topic is, and how far the processor has come in its inputs.
type moment struct {
	scope     *scope
	extents   map[string][]extent
	committed map[string][]int64
}

// sameWork tells whether the processor did nothing between two looks: what it read and what it wrote belong together.
func (m *moment) sameWork(o *moment) bool {
	for _, name := range m.scope.outputs {
		if !slices.Equal(m.extents[name], o.extents[name]) {
			return false
		}
	}
	return maps.EqualFunc(m.committed, o.committed, func(x, y []int64) bool { return slices.Equal(x, y) })
}

// advanced tells whether requests came in since the first look and the processor is not stuck on any partition.
func (m *moment) advanced(first *moment) bool {
	grown := false
	for _, name := range inputs {
		for p, e := range m.extents[name] {
			grown = grown || e.end > first.extents[name][p].end
			if m.committed[name][p] < e.end && m.committed[name][p] == first.committed[name][p] && first.committed[name][p] < first.extents[name][p].end {
				return false
			}
		}
	}
	for _, name := range m.scope.direct {
		for p, e := range m.extents[name] {
			grown = grown || e.end > first.extents[name][p].end
		}
	}
	return grown
}

// settle waits until the groups have nothing left to do and no topic grows, then fixes the range of every partition. While
// requests keep coming in it takes a moment in which the processor rested, and audits what was done until then.
func (a *auditor) settle(ctx context.Context) error {
	began := a.now()
	var first, last, rest *moment
	for {
		now, err := a.look(ctx)
		if err != nil {
			return err
		}
		if first == nil {
			first = now
		}
		if last != nil && now.sameWork(last) {
			rest = now
		}
		left, err := a.backlog(ctx, now.extents, true)
		if err != nil {
			return err
		}
		waited := a.now().Sub(began)
		switch {
		case len(left) == 0 && last != nil && equalExtents(last.extents, now.extents):
			a.take(now.extents)
			return nil
		case a.options.ProcessorGroup != "" && rest != nil && waited > min(liveAfter, a.options.Wait) && now.advanced(first):
			return a.settleLive(ctx, rest)
		case waited > a.options.Wait:
			a.take(now.extents)
			a.differBehind(left)
			if len(left) == 0 {
				a.differ("all topics", fmt.Sprintf("not quiet after %s: records still come in; stop the traffic, or wait longer", a.options.Wait))
			}
			return nil
		}
		last = now
		a.options.Progress(Progress{What: "waiting for the pipeline to finish what it has"})
		between := settlePoll
		if waited > liveAfter {
			between = momentPoll
		}
		if err := pause(ctx, between); err != nil {
			return err
		}
	}
}

// settleLive audits up to a moment in which the processor rested, once the sink has loaded what was written until then.
func (a *auditor) settleLive(ctx context.Context, rest *moment) error {
	a.live = true
	a.report.Notes = append(a.report.Notes, "requests came in meanwhile: the audit covers what was finished when it began")
	for _, name := range inputs {
		for p := range rest.extents[name] {
			e := &rest.extents[name][p]
			e.end = max(e.start, min(e.end, rest.committed[name][p]))
		}
	}
	a.take(rest.extents)
	deadline := a.now().Add(a.options.Wait)
	for {
		left, err := a.backlog(ctx, rest.extents, false)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return nil
		}
		if a.now().After(deadline) {
			a.differBehind(left)
			return nil
		}
		a.options.Progress(Progress{What: "waiting for the sink"})
		if err := pause(ctx, settlePoll); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (a *auditor) look(ctx context.Context) (*moment, error) {
	extents, err := a.log.extents(ctx, append([]string{schemas.TopicClaims}, a.scope.audited...))
	if err != nil {
		return nil, err
	}
	m := &moment{scope: a.scope, extents: extents}
	if a.options.ProcessorGroup != "" {
		m.committed, err = a.log.committed(ctx, a.options.ProcessorGroup, inputs, extents)
	}
	return m, err
}

func (a *auditor) take(extents map[string][]extent) {
	for _, name := range a.scope.audited {
		a.topics[name] = newTopic(name, a.scope.tableOf(name), extents[name])
	}
}

type behind struct {
	where, group string
	offset       int64
}

func (a *auditor) differBehind(left []behind) {
	for _, l := range left {
		a.differ(l.where, fmt.Sprintf("not quiet after %s: group %s has records to process from offset %d on; differences below may be mere delay", a.options.Wait, l.group, l.offset))
	}
}

// backlog answers the partitions in which a group has a record before it. An offset below the end is not enough: the last
// offsets of a transactional topic are markers that no consumer sees.
func (a *auditor) backlog(ctx context.Context, extents map[string][]extent, processor bool) ([]behind, error) {
	var out []behind
	groups := []struct {
		id     string
		topics []string
	}{{a.options.SinkGroup, a.scope.loaded}}
	if processor {
		groups = append(groups, struct {
			id     string
			topics []string
		}{a.options.ProcessorGroup, append([]string{schemas.TopicClaims}, inputs...)})
	}
	for _, g := range groups {
		if g.id == "" {
			continue
		}
		committed, err := a.log.committed(ctx, g.id, g.topics, extents)
		if err != nil {
			return nil, err
		}
		for _, name := range g.topics {
			for partition, e := range extents[name] {
				from := max(committed[name][partition], e.start)
				err := a.log.scan(ctx, name, partition, from, e.end, func(int64, []byte) error { return errFound })
				if errors.Is(err, errFound) {
					out = append(out, behind{fmt.Sprintf("topic %s, partition %d", name, partition), g.id, from})
				} else if err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}
