package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/deploy/meaning"
	schema "tributary/schemas/clickhouse"
)

// converted are the tables with an amount twice: in its own currency, and converted into the base currency.
var converted = []struct{ table, id, amount, original string }{
	{"clicks", "click_id", "cost", "cost_original"},
	{"impressions", "impression_id", "cost", "cost_original"},
	{"postbacks", "receipt_id", "payout", "payout_original"},
	{"conversions", "conversion_id", "payout", "payout_original"},
}

// checkMeaning holds what the tables say that they mean against the configuration, against what data_dir keeps, and
// against the amounts: one in the base currency is converted by nothing, so where the two differ, two base currencies
// were in force and are added in every sum.
func (a *auditor) checkMeaning(ctx context.Context) error {
	a.options.Progress(Progress{What: "table installation"})
	rows, err := schema.ReadInstallation(ctx, a.options.ClickHouse, a.options.Database)
	if err != nil {
		return err
	}
	tables := meaning.OfRows(rows)
	if tables.TopicPrefix == nil {
		a.report.Notes = append(a.report.Notes, "table installation says nothing yet: the next start of `tributary up`, `sink` or `migrate` fills it")
	}
	a.mismatch("table installation", tables.Check(a.options.Meaning, "ClickHouse's database "+a.options.Database, a.now().UnixMilli()))
	base := tables.BaseCurrency
	if kept := a.options.Kept; kept != nil {
		a.mismatch("data_dir, "+meaning.FileName, kept.Check(a.options.Meaning, "what data_dir stores", a.now().UnixMilli()))
		if base != "" && kept.BaseCurrency != "" && kept.BaseCurrency != base {
			a.differ("table installation", fmt.Sprintf("its base currency is %s, that of data_dir (%s) is %s", base, meaning.FileName, kept.BaseCurrency))
		}
		if base == "" {
			base = kept.BaseCurrency
		}
	}
	if base == "" {
		base = a.options.Meaning.BaseCurrency
	}
	if base == "" {
		a.report.Notes = append(a.report.Notes, "no base currency is known: whether amounts are in one was not looked at")
		return nil
	}
	for _, t := range converted {
		if err := a.checkConverted(ctx, base, t.table, t.id, t.amount, t.original); err != nil {
			return fmt.Errorf("comparing the amounts of table %s: %w", t.table, err)
		}
	}
	return nil
}

func (a *auditor) checkConverted(ctx context.Context, base, table, id, amount, original string) error {
	var n uint64
	var ids []string
	text := fmt.Sprintf("SELECT count(), groupArray(%d)(%s) FROM %s.%s WHERE currency = '%s' AND %s != %s",
		shownIDs, id, a.options.Database, table, base, amount, original)
	err := a.query(ctx, text, func(rows driver.Rows) error { return rows.Scan(&n, &ids) })
	if err != nil || n == 0 {
		return err
	}
	slices.Sort(ids)
	a.differ("table "+table, fmt.Sprintf("%s in %s, the base currency, with another %s than %s: another base currency was in force for them, and sums add both "+
		"(docs/meaning.md)", plural(int(n), "row"), base, amount, original), slices.Compact(ids)...)
	return nil
}

// mismatch reports each line of an error of meaning.Kept.Check.
func (a *auditor) mismatch(where string, err error) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		a.differ(where, strings.TrimPrefix(line, meaning.ErrMismatch.Error()+": "))
	}
}
