package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// sums are the additive columns of a rollup row, in the order of rollupSums.
type sums [17]int64

var rollupSums = [...]string{"clicks", "flagged_clicks", "bot_clicks", "click_score_sum", "cost", "entries", "conversions", "registered", "pending", "approved",
	"rejected", "chargebacks", "revenue_hold", "revenue_confirmed", "flagged", "created", "created_score_sum"}

func (s *sums) add(o sums) {
	for i := range s {
		s[i] += o[i]
	}
}

// addRollup does what the view of one rollup over one base table does with a block.
func addRollup(into map[string]sums, rollup, table string, rows []Row) {
	if !feeds(table, rollup) {
		return
	}
	for _, row := range rows {
		at := "event_at"
		if table == "conversions" {
			at = "click_at"
		}
		bucket := time.UnixMilli(row.number(at)).UTC().Truncate(time.Minute)
		device := row["device"]
		if strings.HasPrefix(rollup, "rollup_hour") {
			bucket = bucket.Truncate(time.Hour)
			device += "|" + row["os"] + "|" + row["browser"]
		}
		day := time.UnixMilli(row.number("received_at")).UTC().Format("2006-01-02")
		key := fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s|%s|%s|%s", day, bucket.Format("2006-01-02T15:04"), row["campaign_id"], row["campaign"], row["source_id"], row["source"],
			row["offer_id"], row["offer"], row["country"], device)
		sum := into[key]
		sum.add(contribution(table, rollup, row))
		into[key] = sum
	}
}

func contribution(table, rollup string, row Row) (s sums) {
	score := row.number("score")
	if table == "clicks" {
		s[0] = 1
		if strings.HasSuffix(rollup, "_traffic") {
			return s
		}
		if score >= 50 {
			s[1] = 1
		}
		if row["bot"] != "" {
			s[2] = 1
		}
		s[3], s[4] = score, row.number("cost")
		return s
	}
	s[5] = 1
	for i, column := range []string{"conversions_delta", "registered_delta", "pending_delta", "approved_delta", "rejected_delta", "chargeback_delta",
		"revenue_hold_delta", "revenue_confirmed_delta", "flagged_delta"} {
		s[6+i] = row.number(column)
	}
	if row["kind"] == "created" {
		s[15], s[16] = 1, score
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
