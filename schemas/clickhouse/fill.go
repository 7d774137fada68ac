package clickhouse

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"tributary/schemas"
)

// Ledger entries have the dimensions of their click. Those that were made before there were such fields have none, and
// fillDimensions takes them from the clicks, once.
//
// It goes by month, in chunks of so many clicks: the chunk's clicks are put into a table of ClickHouse's engine Join,
// and one ALTER UPDATE takes them from there into the entries that have no dimension at all. So no entry is written
// anew or twice, whatever is inserted meanwhile; money, counts and what an entry was made of are not touched, and a
// part's projections are made anew with it. A killed run leaves what it has filled; ClickHouse finishes the update that
// it was asked for, and the next run goes on with entries that have none still.
//
// What is done is written down by month (schema_fills). An entry without dimensions may still come after that, made or
// loaded by a role of the former version, until all of them are replaced: for fillAgain the months of that time are
// looked at again by each run, then never more.

// The table schema_fills says what was filled.
const fillsTable = `.schema_fills
(
    name String COMMENT 'What was filled: dimensions (of ledger entries, from their clicks).',
    month UInt32 COMMENT 'Month of received_at, UTC, as YYYYMM; 0 when all of it is done and is never looked at again.',
    rows UInt64 COMMENT 'How many rows were filled.',
    gone UInt64 COMMENT 'How many rows keep empty values, for their click is not there any more.',
    done_at DateTime64(3, 'UTC') COMMENT 'When it was first done, UTC.'
)
ENGINE = MergeTree
ORDER BY (name, month, done_at)
COMMENT 'What rows of before got that newer ones have from the start. Written by the migration runner.'`

const (
	// fillAgain is how long months are looked at again.
	fillAgain = 24 * time.Hour
	// fillLateDays are days before the first run whose entries may come yet.
	fillLateDays = 35
	// fillMost is how many clicks a chunk has, some 100 to 200 MB of ClickHouse's memory. Each chunk costs a look at every
	// entry of the month.
	fillMost = 500_000
	// A chunk's table, and one that a later run has put aside to see whether anything needs it.
	fillPrefix = "conversions_fill_"
	leftPrefix = "conversions_left_"
)

// The fields of an entry that came with all the rest of its click's dimensions.
const firstCarried, lastCarried = 45, 73

// carried are the columns that an entry takes from its click.
var carried = func() (columns []schemas.Column) {
	clicks, entries := schemas.TableOf("scored.clicks"), schemas.TableOf("scored.conversions")
	for _, c := range entries.Columns {
		if c.Fill != schemas.FillField || len(c.Path) != 1 || c.Path[0].Number() < firstCarried ||
			c.Path[0].Number() > lastCarried {
			continue
		}
		if of := clicks.Column(c.Name); of == nil || of.Type != c.Type {
			panic("clickhouse: an entry's column " + c.Name + " is none of its click")
		}
		columns = append(columns, c)
	}
	return columns
}()

// empties are conditions, one a column: it has no value.
func empties() []string {
	all := make([]string, len(carried))
	for i, c := range carried {
		all[i] = fmt.Sprintf("%s = defaultValueOfTypeName('%s')", quoteName(c.Name), c.Type)
		if c.IsArray() {
			all[i] = "empty(" + quoteName(c.Name) + ")"
		}
	}
	return all
}

// bare is the condition that none of the columns has a value.
func bare() string { return strings.Join(empties(), " AND ") }

// unfilled is the condition on an entry that may get dimensions: its click was found, and it has none of them.
func unfilled() string { return "match = 'click' AND " + bare() }

// fillDimensions fills what entries of before lack.
func (r *run) fillDimensions(ctx context.Context) error {
	if err := r.dropLeftFills(ctx); err != nil {
		return fmt.Errorf("looking for what a killed run left: %w", err)
	}
	state, err := r.fillState(ctx)
	if err != nil || state.closed {
		return err
	}
	f := &filling{run: r, start: time.Now(), most: cmp.Or(r.fillMost, fillMost)}
	bare := make([]int, len(state.months))
	for i, month := range state.months {
		if bare[i], err = f.count(ctx, ofMonth(month)+" AND "+unfilled()); err != nil {
			return err
		}
		f.total += bare[i]
	}
	for i, month := range state.months {
		if err := f.month(ctx, month, bare[i], !state.done[month]); err != nil {
			return fmt.Errorf("month %d: %w", month, err)
		}
	}
	if f.rows > 0 || f.gone > 0 && len(state.done) == 0 {
		what := fmt.Sprintf("%d ledger entries of before have the dimensions of their clicks now", f.rows)
		if f.gone > 0 {
			what += fmt.Sprintf("; %d keep none, for their clicks are not there any more", f.gone)
		}
		r.progress(Progress{What: what, Expected: true})
	}
	if len(state.months) > 0 {
		if err := r.dropLeftFills(ctx); err != nil { // what was needed at the start is not any more
			return fmt.Errorf("dropping what a killed run left: %w", err)
		}
	}
	if !state.last {
		return nil
	}
	return r.noteFill(ctx, 0, 0, 0)
}

// fillState is what is to be done.
type fillState struct {
	// months are to be looked at, done ones were before.
	months []uint32
	done   map[uint32]bool
	// last: this run is the last one. closed: it was before.
	last, closed bool
}

func (r *run) fillState(ctx context.Context) (fillState, error) {
	s := fillState{done: map[uint32]bool{}}
	var done []uint32
	var closed, old bool
	var again uint32
	query := fmt.Sprintf("SELECT groupUniqArrayIf(month, month > 0), countIf(month = 0) > 0, "+
		"minIf(done_at, month > 0) < now64(3) - %d, toYYYYMM(minIf(done_at, month > 0) - toIntervalDay(%d)) "+
		"FROM %s.schema_fills WHERE name = 'dimensions'", int(fillAgain.Seconds()), fillLateDays, r.database)
	if err := r.conn.QueryRow(ctx, query).Scan(&done, &closed, &old, &again); err != nil {
		return s, fmt.Errorf("reading %s.schema_fills: %w", r.database, err)
	}
	if s.closed = closed; closed {
		return s, nil
	}
	for _, month := range done {
		s.done[month] = true
	}
	rows, err := r.conn.Query(ctx, "SELECT DISTINCT toUInt32(partition) AS month FROM system.parts "+
		"WHERE database = ? AND table = 'conversions' AND active AND rows > 0 ORDER BY month DESC", r.database)
	if err != nil {
		return s, fmt.Errorf("looking for the ledger's months: %w", err)
	}
	defer rows.Close() // its error is rows.Err's
	any := false
	for rows.Next() {
		var month uint32
		if err := rows.Scan(&month); err != nil {
			return s, fmt.Errorf("looking for the ledger's months: %w", err)
		}
		if any = true; !s.done[month] || month >= again {
			s.months = append(s.months, month)
		}
	}
	// A ledger without rows is a new one: all that comes has its dimensions.
	s.last = len(done) > 0 && old || len(done) == 0 && !any
	return s, rows.Err()
}

// noteFill writes down that a month is done; 0 stands for all of them.
func (r *run) noteFill(ctx context.Context, month uint32, rows, gone int) error {
	return r.exec(ctx, "INSERT INTO %[1]s.schema_fills (name, month, rows, gone, done_at) SETTINGS async_insert = 0 "+
		"SELECT 'dimensions', %[2]d, %[3]d, %[4]d, now64(3, 'UTC')", month, rows, gone)
}

// filling is one run's work.
type filling struct {
	*run
	start time.Time
	// most clicks are taken at once.
	most int
	// total entries are to be looked at, done ones were; rows were filled, and of gone ones the click is away.
	total, done, rows, gone int
}

func ofMonth(month uint32) string { return fmt.Sprintf("toYYYYMM(received_at) = %d", month) }

func (f *filling) count(ctx context.Context, where string) (int, error) {
	var n uint64
	if err := f.conn.QueryRow(ctx, "SELECT count() FROM "+f.database+".conversions WHERE "+where).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting ledger entries without dimensions: %w", err)
	}
	return int(n), nil
}

// month fills the entries of one; bare ones are without dimensions.
func (f *filling) month(ctx context.Context, month uint32, bare int, first bool) error {
	rows, gone := f.rows, f.gone
	chunks := (bare + f.most - 1) / f.most
	for i := range chunks {
		chunk := fmt.Sprintf("%s AND %s AND cityHash64(click_id) %% %d = %d", ofMonth(month), unfilled(), chunks, i)
		if err := f.chunk(ctx, month, chunk); err != nil {
			return err
		}
		away, err := f.count(ctx, fmt.Sprintf("%[1]s AND click_id NOT IN (SELECT click_id FROM %[2]s.clicks "+
			"WHERE click_id IN (SELECT click_id FROM %[2]s.conversions WHERE %[1]s))", chunk, f.database))
		if err != nil {
			return err
		}
		f.gone += away
		f.done += bare*(i+1)/chunks - bare*i/chunks
		f.tell(month)
	}
	if !first && f.rows == rows {
		return nil
	}
	return f.noteFill(ctx, month, f.rows-rows, f.gone-gone)
}

func (f *filling) tell(month uint32) {
	f.progress(Paced(Progress{What: fmt.Sprintf("dimensions of ledger entries, at month %d, entries", month), Done: f.done,
		Total: f.total, Expected: true}, f.start))
}

// chunk fills the entries that where names. What somebody changes of the clicks meanwhile (`tributary forget`) must not
// come back with what was read of them before: then the chunk's clicks are read again, and its entries updated again.
func (f *filling) chunk(ctx context.Context, month uint32, where string) error {
	from, before, failures := "conversions WHERE "+where, "", 0
	for {
		since, err := f.restingClicks(ctx)
		if err != nil {
			return err
		}
		table, err := f.take(ctx, from, before == "")
		if err != nil {
			return err
		}
		rows, err := f.count(ctx, fmt.Sprintf("%s AND click_id IN (SELECT click_id FROM %s.%s)", where, f.database, table))
		if err != nil {
			return err
		}
		if rows == 0 {
			return f.dropFills(ctx, table, before)
		}
		if changed, err := f.clicksChanged(ctx, since); err != nil || changed {
			if err := errors.Join(err, f.dropFills(ctx, table)); err != nil {
				return err
			}
			continue
		}
		columns, err := f.valued(ctx, table, before != "")
		if err != nil {
			return err
		}
		if err := f.ask(ctx, month, table, where, columns); err != nil {
			// Another run may have put the table aside before the update was asked for.
			if failures++; failures < attempts && ctx.Err() == nil {
				continue
			}
			return err
		}
		if err := f.await(ctx, month, table); err != nil {
			return err
		}
		if before == "" {
			f.rows += rows
		}
		changed, err := f.clicksChanged(ctx, since)
		if err != nil {
			return err
		}
		if err := f.dropFills(ctx, before); err != nil {
			return err
		}
		if !changed {
			return f.dropFills(ctx, table)
		}
		// Those that have what this update brought, and none that had something before.
		from, where, before = table, ofMonth(month)+" AND match = 'click'", table
		for _, c := range carried {
			where += fmt.Sprintf(" AND %s = %s", quoteName(c.Name), f.get(table, c.Name))
		}
	}
}

// take makes a table of the clicks that from names, with their dimensions.
func (f *filling) take(ctx context.Context, from string, some bool) (table string, err error) {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("naming a table: %w", err)
	}
	table = fillPrefix + hex.EncodeToString(random[:])
	names, columns := make([]string, len(carried)), make([]string, len(carried))
	for i, c := range carried {
		names[i] = quoteName(c.Name)
		columns[i] = names[i] + " " + c.Type
	}
	err = f.exec(ctx, "CREATE TABLE %[1]s.%[2]s (click_id String, there UInt8, %[3]s) ENGINE = Join(ANY, LEFT, click_id) "+
		"COMMENT 'Dimensions of clicks while ledger entries get them. The migration runner drops it.'",
		table, strings.Join(columns, ", "))
	if err != nil {
		return "", err
	}
	only := "1"
	if some {
		only = "NOT (" + bare() + ")"
	}
	return table, f.exec(ctx, "INSERT INTO %[1]s.%[2]s (click_id, there, %[3]s) SETTINGS async_insert = 0 "+
		"SELECT click_id, 1, %[3]s FROM %[1]s.clicks WHERE click_id IN (SELECT click_id FROM %[1]s.%[4]s) AND %[5]s "+
		"LIMIT 1 BY click_id", table, strings.Join(names, ", "), from, only)
}

// valued are the columns in which any click of a table has a value, for each costs a look-up an entry; or all of them.
func (f *filling) valued(ctx context.Context, table string, all bool) (columns []string, err error) {
	has := make([]bool, len(carried))
	if !all {
		query := fmt.Sprintf("SELECT [max(NOT (%s))] FROM %s.%s", strings.Join(empties(), ")), max(NOT ("), f.database, table)
		var any []uint8
		if err := f.conn.QueryRow(ctx, query).Scan(&any); err != nil {
			return nil, fmt.Errorf("looking which dimensions clicks have: %w", err)
		}
		for i := range has {
			has[i] = any[i] > 0
		}
	}
	for i, c := range carried {
		if all || has[i] {
			columns = append(columns, c.Name)
		}
	}
	return columns, nil
}

// ask has ClickHouse bring columns of a table into the entries that where names.
func (f *filling) ask(ctx context.Context, month uint32, table, where string, columns []string) error {
	sets := make([]string, len(columns))
	for i, name := range columns {
		sets[i] = quoteName(name) + " = " + f.get(table, name)
	}
	return f.exec(ctx, "ALTER TABLE %[1]s.conversions UPDATE %[2]s IN PARTITION ID '%[3]d' "+
		"WHERE %[4]s AND %[5]s = 1 SETTINGS mutations_sync = 0",
		strings.Join(sets, ", "), month, where, f.get(table, "there"))
}

// get is the value that a chunk's table has of an entry's click.
func (r *run) get(table, column string) string {
	return fmt.Sprintf("joinGet('%s.%s', '%s', click_id)", r.database, table, column)
}

// await waits until ClickHouse has done what ask asked for.
func (f *filling) await(ctx context.Context, month uint32, table string) error {
	return poll(ctx, func() (bool, error) {
		running, failed, err := f.updates(ctx, table)
		if err == nil && failed != "" {
			err = stuck(failed)
		}
		f.tell(month)
		return !running, err
	})
}

// updates says whether ClickHouse has yet to finish an update from a table, and why it failed last.
func (r *run) updates(ctx context.Context, table string) (running bool, failed string, err error) {
	return r.mutations(ctx, "conversions", table)
}

// changesOfClicks are the mutations that change what clicks have.
const changesOfClicks = "FROM system.mutations WHERE database = ? AND table = 'clicks' AND match(command, " +
	"'UPDATE|DELETE')"

// restingClicks waits until nobody changes clicks, and returns ClickHouse's time in Unix seconds: what is asked for
// later has that time or a later one.
func (f *filling) restingClicks(ctx context.Context) (since int64, err error) {
	query := "SELECT countIf(NOT is_done OR create_time >= now() - 1), toInt64(toUnixTimestamp(now())) " + changesOfClicks
	return since, poll(ctx, func() (bool, error) {
		var n uint64
		if err := f.conn.QueryRow(ctx, query, f.database).Scan(&n, &since); err != nil {
			return false, fmt.Errorf("looking whether clicks are being changed: %w", err)
		}
		return n == 0, nil
	})
}

func (f *filling) clicksChanged(ctx context.Context, since int64) (bool, error) {
	var n uint64
	query := "SELECT count() " + changesOfClicks + " AND create_time >= toDateTime(?)"
	if err := f.conn.QueryRow(ctx, query, f.database, since).Scan(&n); err != nil {
		return false, fmt.Errorf("looking whether clicks were changed: %w", err)
	}
	return n > 0, nil
}

// dropFills drops tables; an empty name stands for none.
func (r *run) dropFills(ctx context.Context, tables ...string) error {
	for _, table := range tables {
		if table == "" {
			continue
		}
		if err := r.exec(ctx, "DROP TABLE IF EXISTS %[1]s.%[2]s SETTINGS max_table_size_to_drop = 0", table); err != nil {
			return err
		}
	}
	return nil
}

// dropLeftFills drops the tables of a run that was killed, but for those that ClickHouse needs still. A table is put
// aside before that is looked at, so that another run cannot ask for an update from it in between: it fails, and takes
// the clicks again.
func (r *run) dropLeftFills(ctx context.Context) error {
	tables, err := r.pairs(ctx, "SELECT name, engine FROM system.tables WHERE database = '"+r.database+
		"' AND engine = 'Join' AND (startsWith(name, '"+fillPrefix+"') OR startsWith(name, '"+leftPrefix+"'))")
	if err != nil {
		return err
	}
	for name := range tables {
		random, mine := strings.CutPrefix(name, fillPrefix)
		if !mine {
			random = strings.TrimPrefix(name, leftPrefix)
		}
		fill, left := fillPrefix+random, leftPrefix+random
		if needed, _, err := r.updates(ctx, fill); err != nil {
			return err
		} else if mine && needed {
			continue
		}
		if mine {
			if err := r.exec(ctx, "RENAME TABLE %[1]s.%[2]s TO %[1]s.%[3]s", fill, left); err != nil {
				continue // another run dropped it, or put it aside
			}
		}
		needed, _, err := r.updates(ctx, fill)
		if err != nil {
			return err
		}
		if needed {
			err = r.exec(ctx, "RENAME TABLE %[1]s.%[3]s TO %[1]s.%[2]s", fill, left)
		} else {
			err = r.dropFills(ctx, left)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
