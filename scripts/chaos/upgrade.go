package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// upgradeOptions are the command line of mode upgrade.
type upgradeOptions struct {
	from string
	end  string
}

// How the older version ends.
const (
	endOrderly = "orderly"
	endKill    = "kill"
)

func (o *upgradeOptions) flags() {
	flag.StringVar(&o.from, "from", "", "the older program of mode upgrade, built with -tags chaos")
	flag.StringVar(&o.end, "end", endOrderly, "how the older program ends in mode upgrade: orderly (SIGTERM) or kill (-9)")
}

func (o *upgradeOptions) check(mode string) (problems []error) {
	if o.end != endOrderly && o.end != endKill {
		problems = append(problems, fmt.Errorf("--end %q does not exist; orderly or kill would be right", o.end))
	}
	if (o.from != "") != (mode == modeUpgrade) {
		return append(problems, errors.New("--from names the older program of mode upgrade, and only of that; scripts/upgrade/run builds it"))
	}
	if o.from == "" {
		return problems
	}
	var err error
	if o.from, err = filepath.Abs(o.from); err == nil {
		_, err = os.Stat(o.from)
	}
	if err != nil {
		problems = append(problems, fmt.Errorf("the older program: %w", err))
	}
	return problems
}

// filledLimit is how long the older version may take until every table has rows.
const filledLimit = 2 * time.Minute

// upgrade lets the older version fill every table, ends it under load, starts the newer one on the same data, takes
// its state away, and lets it work until ctx ends.
func (s *site) upgrade(ctx context.Context) error {
	pause(ctx, s.options.length/2)
	deadline := time.Now().Add(filledLimit)
	var empty []string
	for {
		now, err := s.emptyTables(ctx)
		if err == nil && len(now) == 0 {
			break
		}
		if err == nil {
			empty = now
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("the older version left these without a row within %s: %s (%w)", filledLimit, strings.Join(empty, ", "), err)
		}
		pause(ctx, 200*time.Millisecond)
	}
	m := s.member("up")
	what := "upgrade, end of the older version: " + s.options.upgrade.end
	s.report.begin("upgrade", what)
	signal := syscall.SIGTERM
	if s.options.upgrade.end == endKill {
		signal = syscall.SIGKILL
	}
	m.end(signal)
	m.binary = s.options.binary
	err := m.start()
	if err == nil {
		// However long it migrates: the minutes bound the load beside it, not the start.
		err = m.await(context.WithoutCancel(ctx), startLimit)
	}
	if err == nil {
		// The newer version has a password of its own.
		err = errors.Join(s.conn.Close(), s.connect())
	}
	s.report.end(what, err)
	if err != nil {
		return err
	}
	pause(ctx, s.options.length/6)
	return s.rebuild(context.WithoutCancel(ctx), m)
}

// rebuild takes the processor's state away: what the older version decided and what the newer one did since are
// built again from the topics, and the load goes on with the conversions of both.
func (s *site) rebuild(ctx context.Context, m *member) error {
	const what = "upgrade, the state is lost"
	s.report.begin("upgrade", what)
	m.end(syscall.SIGKILL)
	err := empty(m.state)
	if err == nil {
		err = m.start()
	}
	if err == nil {
		err = m.await(ctx, startLimit)
	}
	s.report.end(what, err)
	return err
}

// emptyTables are the tables without rows, and "corrections" while there is none.
func (s *site) emptyTables(ctx context.Context) ([]string, error) {
	var empty []string
	rows, err := s.conn.Query(ctx, "SELECT name FROM system.tables WHERE database = 'tributary' AND engine LIKE '%MergeTree' AND total_rows = 0 ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		empty = append(empty, name)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var corrections uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM tributary.conversions_current WHERE correction").Scan(&corrections); err != nil {
		return nil, err
	}
	if corrections == 0 {
		empty = append(empty, "corrections in conversions_current")
	}
	return empty, nil
}
