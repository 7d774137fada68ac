package main

import (
	"fmt"
	"strings"
	"time"
)

// What the rows of the part report are made of. Every value is a function of a row's number, so that a dataset is the same
// wherever it is built, and a block of it can be made again by itself.
const (
	// reportRows counts changes of this file: a dataset of another version is not taken.
	reportRows = 1

	reportDays      = 90
	reportCampaigns = 60
	reportSources   = 80
	reportZones     = 200 // of each source
	reportSubs      = 200_000
	reportKeywords  = 300 // of each campaign
	reportOffers    = 40
	reportLandings  = 30

	// clicksPerEntry: 5 M ledger entries for 100 M clicks. An entry and the next are of one conversion.
	clicksPerEntry = 20

	// reportKafka is added to a block's number to make the Kafka partition of its rows: no loader has so many.
	reportKafka = 1000
)

// reportEnd is when the dataset ends. It is long over, so that what a loader brings has partitions of its own, which
// can be dropped.
var reportEnd = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// A shaped is a column with its expression.
type shaped struct{ column, of string }

// clickShape are the expressions that a click's values are made of, over n, its number.
func clickShape(clicks int64) []shaped {
	perDay := clicks / reportDays
	// between 0 and 1, another one of each salt.
	chance := func(salt string) string { return "(cityHash64(n, '" + salt + "') / 18446744073709551616.)" }
	// zipf is 1 … of: the k-th is about 1/k as frequent as the first.
	zipf := func(salt string, of int) string {
		return fmt.Sprintf("toUInt32(floor(exp(%s * log(%d))))", chance(salt), of+1)
	}
	return []shaped{
		{"part_of_day", fmt.Sprintf("((n %% %d) + %s) / %d", perDay, chance("time"), perDay)},
		// Three times as many at noon as at night.
		{"ms", fmt.Sprintf("toUInt64(%d + least(intDiv(n, %d), %d) * 86400000 + floor(86399999 * (part_of_day - 0.08 * sin(2 * pi() * part_of_day))))",
			reportEnd.AddDate(0, 0, -reportDays).UnixMilli(), perDay, reportDays-1)},
		{"at", "fromUnixTimestamp64Milli(toInt64(ms), 'UTC')"},
		{"c", zipf("campaign", reportCampaigns)},
		// A campaign has 4 sources, 2 offers, 2 landing pages and none, and 3 countries of its own.
		{"s", fmt.Sprintf("toUInt32(1 + (c * 7 + 23 * (%s - 1)) %% %d)", zipf("source", 4), reportSources)},
		{"o", fmt.Sprintf("toUInt32(1 + (c * 2 + toUInt8(%s < 0.35)) %% %d)", chance("offer"), reportOffers)},
		{"l", fmt.Sprintf("toUInt32(if(%s < 0.25, 0, 1 + (c + toUInt8(%s < 0.4)) %% %d))", chance("direct"), chance("landing"), reportLandings)},
		{"land", "['DE','US','BR','IN','FR','GB','ES','IT','PL','TR','MX','ID','TH','VN','PH','ZA','NG','EG','JP','KR','CA','AU','NL','SE','CL'][1 + (c * 5 + 7 * (" + zipf("country", 3) + " - 1)) % 25]"},
		{"d", zipf("device", 14)},
		{"v", zipf("version", 6)},
		{"z", fmt.Sprintf("toString(s * 1000 + %s)", zipf("zone", reportZones))},
		{"u", chance("sub")},
		{"cost_of", "toDecimal64(round(0.002 + 0.003 * (1 + s % 7) * (0.5 + u), 6), 6)"},
		{"payout_of", "toDecimal64(5 + o % 40, 6)"},
		{"creative_of", fmt.Sprintf("concat('cr-', toString(c), '-', toString(%s))", zipf("creative", 20))},
		{"words", fmt.Sprintf("concat('keyword ', toString(c), ' ', toString(%s))", zipf("keyword", reportKeywords))},
		{"id", "lower(concat(leftPad(hex(ms), 12, '0'), leftPad(hex(toUInt16(c)), 4, '0'), leftPad(hex(toUInt16(s)), 4, '0'), hex(cityHash64(n, 'id')), substring(hex(cityHash64(n, 'mac')), 1, 4)))"},
		{"system", "['Android','iOS','Android','Windows','Android','Windows','macOS','Android','iOS','macOS','Windows','iOS','Android','Linux'][d]"},
		{"program", "['Chrome','Safari','Samsung Internet','Chrome','Opera','Edge','Safari','Chrome','Chrome','Chrome','Firefox','Safari','Firefox','Firefox'][d]"},
	}
}

// ofVisit are the columns that a click and its ledger entries share.
var ofVisit = []shaped{
	{"click_id", "id"}, {"campaign_id", "c"}, {"campaign", "concat('campaign-', toString(c))"},
	{"buyer", "concat('buyer-', toString(c % 12))"}, {"team", "concat('team-', toString(c % 3))"},
	{"source_id", "s"}, {"source", "concat('source-', toString(s))"}, {"offer_id", "o"}, {"offer", "concat('offer-', toString(o))"},
	{"landing_id", "l"}, {"landing", "if(l = 0, '', concat('landing-', toString(l)))"},
	{"subs", fmt.Sprintf("[z, toString(toUInt32(%d * u * u)), toString(cityHash64(n, 'third') %% 20)]", reportSubs)},
	{"zone", "z"}, {"creative", "creative_of"}, {"keyword", "words"}, {"external_id", "lower(hex(cityHash64(n, 'external')))"},
	{"country", "land"}, {"city", "concat(land, '-city-', toString(v))"}, {"asn", "toUInt32(1000 + cityHash64(land, v) % 60000)"},
	{"device", "['mobile','mobile','mobile','desktop','mobile','desktop','desktop','tablet','mobile','desktop','desktop','tablet','mobile','desktop'][d]"},
	{"os", "system"}, {"os_version", "toString(9 + v)"}, {"browser", "program"}, {"browser_version", "toString(120 + v)"},
	{"bot", "if(cityHash64(n, 'bot') % 50 = 0, 'Googlebot', '')"}, {"bot_class", "if(cityHash64(n, 'bot') % 50 = 0, 'search', '')"},
	{"language", "lower(land)"}, {"referrer_domain", "concat('site-', z, '.example')"},
	{"score", "if(cityHash64(n, 'score') % 20 = 0, 60, cityHash64(n, 'score') % 17)"},
}

// clickRows is a query for the rows of the clicks numbered first and on.
func clickRows(clicks, first, count, block int64) (columns []string, query string) {
	columns, values := split(ofVisit, []shaped{
		{"event_at", "at"}, {"received_at", "at"},
		{"cost", "cost_of"}, {"cost_original", "cost_of"}, {"currency", "'USD'"},
		{"offer_payout", "payout_of"}, {"offer_payout_original", "payout_of"}, {"offer_currency", "'USD'"},
		{"ip", "IPv4ToIPv6(toIPv4(toUInt32(1677721600 + cityHash64(n, 'ip') % 100000000)))"},
		{"user_agent", "concat('Mozilla/5.0 (', system, ' ', toString(9 + v), ') AppleWebKit/537.36 (KHTML, like Gecko) ', program, '/', toString(120 + v), '.0.0.0 Safari/537.36')"},
		{"referrer", "concat('https://site-', z, '.example/article/', toString(cityHash64(n, 'page') % 5000))"},
		{"ip_clicks_per_minute", "1"}, {"`unique`", "cityHash64(n, 'unique') % 5 > 0"}, {"_layout", "1"},
		{"_partition", fmt.Sprint(reportKafka + block)}, {"_offset", "n"},
	})
	from := fmt.Sprintf("(SELECT number AS n FROM numbers(%d, %d))", first, count)
	return columns, with(clickShape(clicks)) + " SELECT " + values + " FROM " + from
}

// entryRows is a query for the ledger entries numbered first and on: of each conversion the first, on hold, and then the
// one that confirms it.
func entryRows(clicks, first, count, block int64) (columns []string, query string) {
	shape := append(clickShape(clicks), shaped{"confirmed", "toInt32(j % 2)"},
		shaped{"known_at", "at + toIntervalSecond(600 + cityHash64(p, 'wait') % 7200 + confirmed * (86400 + cityHash64(p, 'wait') % 172800))"})
	columns, values := split(ofVisit, []shaped{
		{"conversion_id", "lower(hex(sipHash128(p, 'conversion')))"}, {"seq", "1 + confirmed"}, {"kind", "if(confirmed = 1, 'status', 'created')"},
		{"receipt_id", "lower(concat(hex(sipHash128(j, 'receipt')), '00000000'))"}, {"network", "concat('network-', toString(o % 6))"},
		{"event", "if(o % 3 = 0, 'lead', 'sale')"}, {"txid", "lower(hex(cityHash64(p, 'txid')))"},
		{"status", "if(confirmed = 1, 'approved', 'pending')"}, {"previous_status", "if(confirmed = 1, 'pending', 'unspecified')"},
		{"original_status", "if(confirmed = 1, 'approved', 'hold')"},
		{"payout", "payout_of"}, {"payout_original", "payout_of"}, {"currency", "'USD'"}, {"payout_source", "'postback'"},
		{"conversions_delta", "1 - confirmed"}, {"pending_delta", "1 - 2 * confirmed"}, {"approved_delta", "confirmed"},
		{"revenue_hold_delta", "payout_of * (1 - 2 * confirmed)"}, {"revenue_confirmed_delta", "payout_of * confirmed"},
		{"event_at", "known_at"}, {"received_at", "known_at"}, {"decided_at", "known_at"}, {"click_at", "at"}, {"`match`", "'click'"},
		{"_partition", fmt.Sprint(reportKafka + block)}, {"_offset", "j"},
	})
	from := fmt.Sprintf("(SELECT number AS j, intDiv(number, 2) AS p, least(p * %d + cityHash64(p, 'click') %% %[1]d, %d) AS n FROM numbers(%d, %d))",
		2*clicksPerEntry, clicks-1, first, count)
	return columns, with(shape) + " SELECT " + values + " FROM " + from
}

func with(shape []shaped) string {
	list := make([]string, len(shape))
	for i, s := range shape {
		list[i] = s.of + " AS " + s.column
	}
	return "WITH " + strings.Join(list, ", ")
}

func split(lists ...[]shaped) (columns []string, values string) {
	var of []string
	for _, list := range lists {
		for _, s := range list {
			columns, of = append(columns, s.column), append(of, s.of)
		}
	}
	return columns, strings.Join(of, ", ")
}
