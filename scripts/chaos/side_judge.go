package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tributary/catalog/lease"
)

// judge holds what there is at the end against what is known. It is called when everything is healed.
func (d *side) judge(ctx context.Context) error {
	if d == nil {
		return nil
	}
	d.ended.Wait()
	if err := d.last(ctx); err != nil {
		return err
	}
	lost, err := d.useUp(ctx)
	if err != nil {
		return err
	}
	if err := d.rows(ctx); err != nil {
		return err
	}
	if d.old > 0 {
		if err := d.archived(ctx); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, text := range d.wrong {
		d.site.report.say("differs: %s", text)
	}
	d.site.report.say("beside it: %d visitors kept away by a block, %d not, %d without an answer; a cap of %d at %d edges, %d sent, %d lost with edges that were killed; "+
		"%d changes of blocks and catalog; %d tries to archive %d clicks", len(d.kept[true]), len(d.kept[false]), d.unanswered, d.limit, len(d.edges), sumOf(d.capped), lost,
		d.changes, d.archive, d.old)
	if len(d.wrong) > 0 {
		return errDiffers
	}
	return nil
}

func sumOf(of map[uint32]int64) (n int64) {
	for _, v := range of {
		n += v
	}
	return n
}

// last makes one more change of each kind, which every edge has to have soon.
func (d *side) last(ctx context.Context) error {
	const lastIP = "192.0.2.77"
	if _, err := d.command(ctx, "block", "add", "--ip", lastIP, "--answer", "empty", "--reason", "the last one"); err != nil {
		return err
	}
	version := ""
	if d.site.options.mode == modeRoles {
		if err := d.publish(ctx, d.version+1); err != nil {
			return err
		}
		version = fmt.Sprint(d.version)
	}
	began := time.Now()
	for is := ""; ; {
		all, counts := true, map[int]bool{}
		for i := range d.edges {
			_, blocked := d.visit(ctx, i, false, lastIP)
			a, err := d.visit(ctx, i, true, "203.0.113.1")
			if !errors.Is(blocked, errNoAnswer) || err != nil || version != "" && a.version != version {
				all, is = false, fmt.Sprintf("edge %d answers %v, %v, and to who is blocked %v", i+1, a, err, blocked)
			}
			counts[d.blocks(i)] = true
		}
		if len(counts) != 1 || counts[-1] {
			all, is = false, fmt.Sprintf("edges have different numbers of blocks in force: %v", counts)
		}
		if all {
			return nil
		}
		if time.Since(began) > inEffect {
			d.fault("%s after the last changes, the catalog's version being %s, %s", inEffect, version, is)
			return nil
		}
		if !pause(ctx, 20*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// useUp sends until the cap of the day is reached, and returns how many clicks of it were granted and never sent.
func (d *side) useUp(ctx context.Context) (lost int64, err error) {
	random := rand.New(rand.NewPCG(d.site.options.seed, 102))
	for deadline, rest := time.Now().Add(d.site.options.settle), 0; rest < 40*len(d.edges); rest++ {
		day := lease.Day(time.Now().UnixMilli(), time.UTC)
		before := d.sent(day)
		for i := range d.edges {
			_, _ = d.visit(ctx, i, false, visitor(random))
		}
		if d.sent(day) != before {
			rest = 0
		}
		if time.Now().After(deadline) || !pause(ctx, 10*time.Millisecond) {
			d.fault("%s after the last fault the cap of %d is not used up: %d were sent today", d.site.options.settle, d.limit, d.sent(day))
			break
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for day, n := range d.capped {
		if n > d.limit {
			d.wrong = append(d.wrong, fmt.Sprintf("%d visitors were sent to an offer with a cap of %d, day %d", n, d.limit, day))
		}
	}
	lives := int64(0)
	for i := range d.edges {
		lives += int64(d.site.edge(i).life() - 1)
	}
	today := lease.Day(time.Now().UnixMilli(), time.UTC)
	lost = d.limit - d.capped[today]
	if most := d.unanswered + lives*(d.limit/leasePart+1); lost > most {
		d.wrong = append(d.wrong, fmt.Sprintf("%d visitors were sent to an offer with a cap of %d; %d lives of edges and %d requests without an answer account for %d at most",
			d.capped[today], d.limit, lives, d.unanswered, most))
	}
	return lost, nil
}

func (d *side) sent(day uint32) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.capped[day]
}

// rows looks every answered click up: it is there once, marked or not, with its cost, and figures count it so.
func (d *side) rows(ctx context.Context) error {
	deadline := time.Now().Add(d.site.options.settle)
	for {
		problem, err := d.look(ctx)
		if err == nil && problem == "" {
			return nil
		}
		if time.Now().After(deadline) {
			if err == nil {
				d.fault("%s", problem)
			}
			return err
		}
		if !pause(ctx, time.Second) {
			return context.Cause(ctx)
		}
	}
}

func (d *side) look(ctx context.Context) (problem string, err error) {
	there := map[string]string{}
	rows, err := d.site.conn.Query(ctx, "SELECT click_id, concat(toString(blocked), ' ', toString(offer_id), ' ', toString(toInt64(cost * 1000000))) "+
		"FROM tributary.clicks WHERE campaign = '"+sideCampaign+"'")
	if err != nil {
		return "", fmt.Errorf("reading clicks of %s: %w", sideCampaign, err)
	}
	defer rows.Close()
	var clicks, blocked int64
	for rows.Next() {
		var id, is string
		if err := rows.Scan(&id, &is); err != nil {
			return "", err
		}
		if there[id] != "" {
			return fmt.Sprintf("the click %s is in the table twice", id), nil
		}
		if there[id] = is; strings.HasPrefix(is, "true") {
			blocked++
		} else {
			clicks++
		}
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("reading clicks of %s: %w", sideCampaign, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for away, list := range d.kept {
		for _, id := range list {
			is := there[id]
			if want := fmt.Sprint(away, " "); !strings.HasPrefix(is, want) || !strings.HasSuffix(is, fmt.Sprint(" ", sideMicros)) {
				return fmt.Sprintf("the click %s is %q in the table, want blocked %sand cost %d", id, is, want, sideMicros), nil
			}
		}
	}
	var shown, away, micros, lost int64
	err = d.site.conn.QueryRow(ctx, "SELECT toInt64(sum(clicks)), toInt64(sum(clicks_blocked)), toInt64(sum(cost) * 1000000), toInt64(sum(cost_blocked) * 1000000) "+
		"FROM tributary.epc_roi_by_campaign WHERE campaign = '"+sideCampaign+"'").Scan(&shown, &away, &micros, &lost)
	if err != nil {
		return "", fmt.Errorf("reading figures of %s: %w", sideCampaign, err)
	}
	if got, want := []int64{shown, away, micros, lost}, []int64{clicks, blocked, (clicks + blocked) * sideMicros, blocked * sideMicros}; !slices.Equal(got, want) {
		return fmt.Sprintf("clicks, those blocked, cost and that of the blocked are %v in the view, %v in the rows", got, want), nil
	}
	return "", nil
}

// archived archives without being killed, and holds what is seen against what was sent.
func (d *side) archived(ctx context.Context) error {
	if _, err := d.command(ctx, d.archiving()...); err != nil {
		return err
	}
	n, cost, err := d.sums(ctx, oldCampaign)
	if err != nil {
		return err
	}
	var rows uint64
	if err := d.site.conn.QueryRow(ctx, "SELECT sum(rows) FROM tributary.archive_months WHERE base = 'clicks'").Scan(&rows); err != nil {
		return err
	}
	if rows < oldClicks || rows > uint64(d.old) {
		d.fault("%d rows are in the archive, %d to %d would be right", rows, oldClicks, d.old)
	}
	if n != int64(d.old) || cost != n*sideMicros {
		d.fault("after the archive %d clicks of %d micros of %s are shown, %d were sent", n, cost, oldCampaign, d.old)
	}
	return nil
}
