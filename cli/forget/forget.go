package forget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/schemas"
	"tributary/schemas/id"
)

// Personal are the columns that tell of a visitor, or may, by their declarations: what he or the traffic source wrote into free text
// counts.
var Personal = schemas.PersonalColumns(schemas.Tables())

// Remains says what Run does not reach, a line each.
var Remains = []string{
	"Kafka keeps the records until their retention (kafka.retention) ends; dead-letters can be listed and replayed until then.",
	"The processor's state and checkpoints keep a click's subs and external ID for the lookback window. A postback that comes within it brings them into the ledger again: run this again when it is over. Where a destination uses IP or user agent, the state has them for up to 28 days.",
	"What destinations have not been told yet (outbound.requests) is still told, with what it has of the click.",
	"An edge that cannot reach Kafka keeps records in its spool and sends them later. ClickHouse deletes the files of the rows before in some minutes; its backups keep theirs.",
	"Offers, networks and traffic sources got the click ID, and what their links' macros passed on; destinations got what outbound_attempts says.",
}

// maxIDs bounds one statement, maxNeedles what one of ClickHouse's searches in a text looks for.
const (
	maxIDs     = 1000
	maxNeedles = 255
)

// Options say whom to forget, and where.
type Options struct {
	ClickHouse driver.Conn
	Database   string
	// ClickIDs are signed ones in any case, or foreign ones as the other tracker wrote them.
	ClickIDs []string
	// Tables are those that stages declare: their personal columns are blanked too.
	Tables []schemas.Table
	// Do blanks; without it nothing is written.
	Do bool
}

// Report is what was found and done.
type Report struct {
	Done   bool
	Tables []Table
	// Unreached are tables with personal columns and without a click ID.
	Unreached []string
}

// Table is one table that can have rows of the clicks.
type Table struct {
	Name string
	// Rows is how many there are of the clicks, Personal how many of them had personal data before, Left how many have now.
	Rows, Personal, Left uint64
	// Columns are blanked.
	Columns []string
	// Fixed are personal columns that ClickHouse cannot change, because they are in a key.
	Fixed []string
}

// Rows adds up all tables.
func (r *Report) Rows() (rows, personal, left uint64) {
	for _, t := range r.Tables {
		rows, personal, left = rows+t.Rows, personal+t.Personal, left+t.Left
	}
	return rows, personal, left
}

// Run looks for rows of the clicks in every table, and blanks them if asked to. After an error the report says how far it came.
func Run(ctx context.Context, o Options) (*Report, error) {
	ids, err := idsOf(o.ClickIDs)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, o)
	if err != nil {
		return nil, err
	}
	report := &Report{Done: o.Do, Unreached: found.unreached}
	for _, t := range found.tables {
		report.Tables = append(report.Tables, Table{Name: t.name, Fixed: t.fixed})
		out := &report.Tables[len(report.Tables)-1]
		for _, c := range t.columns {
			out.Columns = append(out.Columns, c.name)
		}
		if out.Rows, out.Personal, err = t.count(ctx, o, ids); err != nil {
			return report, err
		}
		out.Left = out.Personal
		if !o.Do || out.Personal == 0 || len(t.columns) == 0 {
			continue
		}
		if err := t.blank(ctx, o, ids); err != nil {
			return report, err
		}
		if _, out.Left, err = t.count(ctx, o, ids); err != nil {
			return report, err
		}
	}
	if _, _, left := report.Rows(); o.Do && left > 0 {
		return report, fmt.Errorf("%d rows have personal data still; run it again: rows may have come meanwhile", left)
	}
	return report, nil
}

// ids are the click IDs in the forms in which tables have them.
type ids struct {
	// exact are all as they are stored; signed are ours, which a raw request may have in any case.
	exact, signed []string
}

func idsOf(given []string) (out ids, err error) {
	var problems []error
	if len(given) > maxIDs {
		return out, fmt.Errorf("there are %d click IDs, at most %d are taken at once", len(given), maxIDs)
	}
	for _, text := range given {
		if click, err := id.ParseClick([]byte(text)); err == nil {
			text = click.String()
			out.signed = append(out.signed, text)
		} else if text == "" || len(text) > schemas.MaxClickIDBytes || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }) {
			problems = append(problems, fmt.Errorf("%q is not a click ID: want the 40 characters of one, or another tracker's of at most %d bytes", text, schemas.MaxClickIDBytes))
			continue
		}
		out.exact = append(out.exact, text)
	}
	return out, errors.Join(problems...)
}

// column is one that is blanked.
type column struct{ name, typ string }

func (c column) blank() string { return "defaultValueOfTypeName(" + quoted(c.typ) + ")" }

type table struct {
	name    string
	columns []column
	fixed   []string
	hasRaw  bool
}

type tables struct {
	tables    []table
	unreached []string
}

// find asks the database which tables have click_id or personal columns.
func find(ctx context.Context, o Options) (*tables, error) {
	rows, err := o.ClickHouse.Query(ctx, `SELECT c.table, c.name, c.type, toUInt8(c.is_in_sorting_key OR c.is_in_primary_key OR c.is_in_partition_key OR c.is_in_sampling_key)
FROM system.columns AS c INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
WHERE c.database = `+quoted(o.Database)+` AND t.engine LIKE '%MergeTree' AND c.default_kind IN ('', 'DEFAULT') AND c.name IN (`+list(append([]string{"click_id"}, schemas.PersonalColumns(slices.Concat(schemas.Tables(), o.Tables))...))+`)
ORDER BY c.table, c.position`)
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse for the columns of %s: %w", o.Database, err)
	}
	defer rows.Close()
	var all []table
	withID := map[string]bool{}
	for rows.Next() {
		var name, col, typ string
		var key uint8
		if err := rows.Scan(&name, &col, &typ, &key); err != nil {
			return nil, fmt.Errorf("reading the columns of %s: %w", o.Database, err)
		}
		if len(all) == 0 || all[len(all)-1].name != name {
			all = append(all, table{name: name})
		}
		t := &all[len(all)-1]
		switch {
		case col == "click_id":
			withID[name] = true
			continue
		case key != 0:
			t.fixed = append(t.fixed, col)
		default:
			t.columns = append(t.columns, column{col, typ})
		}
		t.hasRaw = t.hasRaw || col == "raw"
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the columns of %s: %w", o.Database, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the database %s has no table of ours; is clickhouse.database right, and was `tributary migrate` run?", o.Database)
	}
	out := &tables{}
	for _, t := range all {
		if withID[t.name] {
			out.tables = append(out.tables, t)
		} else {
			out.unreached = append(out.unreached, t.name)
		}
	}
	return out, nil
}

// where takes the rows of the clicks.
func (t *table) where(i ids) string {
	text := "click_id IN (" + list(i.exact) + ")"
	if t.hasRaw && len(i.signed) > 0 {
		text += " OR lower(click_id) IN (" + list(i.signed) + ")"
		for some := range slices.Chunk(i.signed, maxNeedles) {
			text += " OR multiSearchAny(lower(raw), [" + list(some) + "])"
		}
	}
	return text
}

func (t *table) count(ctx context.Context, o Options, i ids) (rows, personal uint64, err error) {
	some := []string{"0"}
	for _, c := range t.columns {
		some = append(some, c.name+" != "+c.blank())
	}
	text := fmt.Sprintf("SELECT count(), countIf(%s) FROM %s.%s WHERE %s", strings.Join(some, " OR "), o.Database, t.name, t.where(i))
	if err := o.ClickHouse.QueryRow(ctx, text).Scan(&rows, &personal); err != nil {
		return 0, 0, fmt.Errorf("counting rows of table %s: %w", t.name, err)
	}
	return rows, personal, nil
}

// mutationPoll is how often ClickHouse is asked whether it is done.
const mutationPoll = 100 * time.Millisecond

// blank rewrites the rows and waits until they are. If the wait is cut short, ClickHouse goes on by itself.
func (t *table) blank(ctx context.Context, o Options, i ids) error {
	sets := make([]string, len(t.columns))
	for n, c := range t.columns {
		sets[n] = c.name + " = " + c.blank()
	}
	text := fmt.Sprintf("ALTER TABLE %s.%s UPDATE %s WHERE %s SETTINGS mutations_sync = 0", o.Database, t.name, strings.Join(sets, ", "), t.where(i))
	// Mutations of before are not ours to wait for.
	var since uint32
	if err := o.ClickHouse.QueryRow(ctx, "SELECT toUnixTimestamp(now())").Scan(&since); err != nil {
		return fmt.Errorf("asking ClickHouse for its time: %w", err)
	}
	if err := o.ClickHouse.Exec(ctx, text); err != nil {
		return fmt.Errorf("blanking rows of table %s: %w", t.name, err)
	}
	asked := fmt.Sprintf("SELECT countIf(NOT is_done), max(if(is_done, '', latest_fail_reason)) FROM system.mutations WHERE database = %s AND table = %s AND create_time >= toDateTime(%d)", quoted(o.Database), quoted(t.name), since)
	for {
		var open uint64
		var failed string
		err := o.ClickHouse.QueryRow(ctx, asked).Scan(&open, &failed)
		switch {
		case err != nil:
			return fmt.Errorf("waiting until rows of table %s are blanked (ClickHouse goes on by itself): %w", t.name, err)
		case failed != "":
			return fmt.Errorf("blanking rows of table %s: ClickHouse says %s; see system.mutations, and KILL MUTATION to give it up", t.name, failed)
		case open == 0:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until rows of table %s are blanked (ClickHouse goes on by itself): %w", t.name, ctx.Err())
		case <-time.After(mutationPoll):
		}
	}
}

// list writes SQL strings with commas between.
func list(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = quoted(text)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
