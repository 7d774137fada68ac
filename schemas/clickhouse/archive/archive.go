package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
	schema "tributary/schemas/clickhouse"
)

var (
	// ErrDiffers is wrapped when sums are not those of their rows, after several attempts; nothing changed sides.
	ErrDiffers = errors.New("the sums differ from their rows")
	// ErrBusy is wrapped when what has to end first did not end in time; a later Run goes on.
	ErrBusy = errors.New("ClickHouse is still busy")
	// ErrBehind is wrapped when the database lacks what this program needs of it.
	ErrBehind = errors.New("the database is not up to date")
)

// A Month is a month as YYYYMM: 202601 is January 2026.
type Month uint32

// String writes 2026-01.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m/100, m%100) }

// MarshalText writes 2026-01.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// MonthOf is the UTC month of a time.
func MonthOf(t time.Time) Month {
	t = t.UTC()
	return Month(t.Year()*100 + int(t.Month()))
}

// Options say what to archive.
type Options struct {
	ClickHouse driver.Conn
	// Database: default schema.DefaultDatabase.
	Database string
	// Before is, by table, the first month that stays as it is; of a table that is not named nothing is archived. It is never
	// later than the month that is.
	Before map[string]Month
	// Drop deletes rows of the archive's months, those of earlier runs too.
	Drop bool
	// Dry: nothing is written.
	Dry bool
	// Patience is how long queries and mutations of others are waited for. Default: an hour.
	Patience time.Duration
	// Progress is called while it works. Default: nobody is told.
	Progress func(schema.Progress)
}

// A Done says what a Run did, or would do, of a month of a table.
type Done struct {
	Table string `json:"table"`
	Month Month  `json:"month"`
	// Summed rows changed sides, Late of them after others of the month; Dropped were deleted.
	Summed  uint64 `json:"summed"`
	Late    uint64 `json:"late"`
	Dropped uint64 `json:"dropped"`
}

// Tables are those that are archived, in the order in which views read them.
func Tables() []string {
	var names []string
	for i := range schemas.Facts {
		if f := &schemas.Facts[i]; !f.Archive {
			names = append(names, f.Table)
		}
	}
	return names
}

// archive is a Run.
type archive struct {
	Options
	start       time.Time
	done, total uint64
}

// Run archives months, the oldest of each table first, and returns what it did of each. Errors wrap [ErrDiffers],
// [ErrBusy] or [ErrBehind]; whatever stopped it, the next Run goes on from there.
func Run(ctx context.Context, options Options) ([]Done, error) {
	a, err := open(ctx, options)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if err := a.row(ctx, "SELECT now('UTC')", &now); err != nil {
		return nil, fmt.Errorf("asking ClickHouse for its time: %w", err)
	}
	var all []Done
	var months [][]standing
	for _, table := range Tables() {
		before := min(a.Before[table], MonthOf(now))
		of, err := a.standings(ctx, table)
		if err != nil {
			return nil, err
		}
		of = slices.DeleteFunc(of, func(s standing) bool {
			return s.month >= before || s.uncommitted() == 0 && (!a.Drop || s.all() == 0)
		})
		for _, s := range of {
			a.total += s.uncommitted()
		}
		months = append(months, of)
	}
	for i, table := range Tables() {
		for _, s := range months[i] {
			done, err := a.month(ctx, schemas.FactNamed(table), s)
			if done.Summed > 0 || done.Dropped > 0 {
				all = append(all, done)
			}
			if err != nil {
				return all, fmt.Errorf("archiving %s of %s: %w", s.month, table, err)
			}
		}
	}
	if a.Dry {
		return all, nil
	}
	return all, a.clean(ctx)
}

// open checks what a Run and a List need.
func open(ctx context.Context, options Options) (*archive, error) {
	a := &archive{Options: options, start: time.Now()}
	a.Database = cmp.Or(a.Database, schema.DefaultDatabase)
	a.Patience = cmp.Or(a.Patience, time.Hour)
	if a.Progress == nil {
		a.Progress = func(schema.Progress) {}
	}
	for table := range a.Before {
		if !slices.Contains(Tables(), table) {
			return nil, fmt.Errorf("archiving %s: want one of %s", table, strings.Join(Tables(), ", "))
		}
	}
	var stamped uint64
	query := "SELECT count() FROM system.columns WHERE database = ? AND (table = ? AND name = 'committed_at' OR name = ? AND has(?, table))"
	if err := a.row(ctx, query, &stamped, a.Database, schemas.TableArchiveMonths, schemas.StampColumn, Tables()); err != nil {
		return nil, fmt.Errorf("looking for the archive of %s: %w", a.Database, err)
	}
	if int(stamped) != len(Tables())+1 {
		return nil, fmt.Errorf("%w: %s has no archive yet; run `tributary migrate`", ErrBehind, a.Database)
	}
	return a, nil
}

// month brings what a month of a table has to the other side, and drops it if asked to.
func (a *archive) month(ctx context.Context, f *schemas.Fact, s standing) (Done, error) {
	done := Done{Table: f.Table, Month: s.month}
	if a.Dry {
		done.Summed = s.uncommitted()
		if len(s.runs) > 0 {
			done.Late = s.rows[0]
		}
		if a.Drop {
			done.Dropped = s.all()
		}
		return done, nil
	}
	if s.rows[0] > 0 {
		if err := a.stamp(ctx, f, s.month); err != nil {
			return done, err
		}
	}
	if err := a.stamped(ctx, f); err != nil { // also those of a Run that was killed
		return done, err
	}
	before := len(s.runs)
	s, err := a.standing(ctx, f.Table, s.month)
	if err != nil {
		return done, err
	}
	for _, run := range s.pending() {
		summed, err := a.settle(ctx, f, s.month, run)
		if err != nil {
			return done, err
		}
		done.Summed += summed
		if before > 0 {
			done.Late += summed
		}
	}
	if a.Drop {
		done.Dropped, err = a.drop(ctx, f, s.month)
	}
	return done, err
}

// stamp gives the rows of a month that have no stamp one of a new run.
func (a *archive) stamp(ctx context.Context, f *schemas.Fact, month Month) error {
	if err := a.unfilled(ctx, f); err != nil {
		return err
	}
	a.tell("stamping rows of "+month.String()+" of "+f.Table, 0)
	return a.exec(ctx, fmt.Sprintf("ALTER TABLE {database}.%s UPDATE %s = %d IN PARTITION ID '%d' WHERE %s = 0 SETTINGS mutations_sync = 0",
		f.Table, schemas.StampColumn, number(), month, schemas.StampColumn))
}

// unfilled refuses a ledger whose entries of before are being given the dimensions of their clicks.
func (a *archive) unfilled(ctx context.Context, f *schemas.Fact) error {
	var n uint64
	query := "SELECT count() FROM system.tables WHERE database = ? AND startsWith(name, ?)"
	if err := a.row(ctx, query, &n, a.Database, f.Table+"_fill_"); err != nil {
		return fmt.Errorf("looking whether rows are being filled: %w", err)
	}
	if n > 0 {
		return fmt.Errorf("%w: dimensions of %s are being filled; let `tributary migrate` end first", ErrBehind, f.Table)
	}
	return nil
}

// number is one that nobody else has drawn: of a run or an attempt.
func number() uint64 {
	for {
		if n := rand.Uint64(); n != 0 {
			return n
		}
	}
}

// tell says how far it is, more rows being done than those that changed sides.
func (a *archive) tell(what string, more uint64) {
	a.Progress(schema.Paced(schema.Progress{What: what, Done: int(a.done + more), Total: int(a.total), Expected: true}, a.start))
}

func (a *archive) text(statement string) string {
	return strings.ReplaceAll(statement, "{database}", a.Database)
}

func (a *archive) exec(ctx context.Context, statement string) error {
	if err := a.ClickHouse.Exec(ctx, a.text(statement)); err != nil {
		return fmt.Errorf("%.160s: %w", a.text(statement), err)
	}
	return nil
}

// row reads the one row of one column of a query.
func (a *archive) row(ctx context.Context, query string, into any, arguments ...any) error {
	return a.ClickHouse.QueryRow(ctx, a.text(query), arguments...).Scan(into)
}
