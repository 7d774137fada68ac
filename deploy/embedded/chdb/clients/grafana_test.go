package clients

import (
	"context"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/embedded/chdb/chdbtest"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
)

// TestGrafana sends what Grafana's ClickHouse plugin sends, the way it does: through Go's database/sql over HTTP, with
// gzip and a row limit. The plugin's macros are written out here.
func TestGrafana(t *testing.T) {
	engine := chdbtest.Start(t)
	conn, err := clickhouse.Open(engine.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := schema.Migrate(t.Context(), conn, schema.Options{Views: report.Views()}); err != nil {
		t.Fatal(err)
	}
	options := engine.Options()
	options.Auth = clickhouse.Auth{Database: "tributary", Username: chdbtest.Guest, Password: chdbtest.GuestPassword}
	options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionGZIP}
	options.ClientInfo = clickhouse.ClientInfo{Products: []struct{ Name, Version string }{{"grafana", "12.0.0"}, {"clickhouse-datasource", "4.10.0"}}}
	options.Settings = clickhouse.Settings{"limit": 1_000_000}
	options.DialTimeout, options.ReadTimeout = 10*time.Second, time.Minute
	db := clickhouse.OpenDB(options)
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	const filter = "received_at >= fromUnixTimestamp64Milli(1767225600000) AND received_at <= fromUnixTimestamp64Milli(1767312000000)"
	for _, query := range []string{
		"SELECT 1",
		"SELECT version()",
		"SELECT currentDatabase()",
		"SHOW DATABASES",
		`SHOW TABLES FROM "tributary"`,
		"SHOW TABLES",
		`DESC TABLE "tributary"."clicks"`,
		`DESCRIBE TABLE "tributary"."clicks"`,
		"SELECT database, name FROM system.tables ORDER BY database, name",
		"SELECT database, table, name, type, comment FROM system.columns WHERE (database, table) IN (('tributary', 'clicks')) ORDER BY database, table, position",
		"SELECT name, type, table FROM system.columns WHERE database IN ('tributary')",
		"SELECT name, is_aggregate, case_insensitive, alias_to, origin, description, syntax, arguments, returned_value, examples, categories FROM system.functions LIMIT 10000",
		"SELECT value FROM system.settings WHERE name='readonly'",
		"SELECT DISTINCT country FROM tributary.clicks SETTINGS max_execution_time=10",
		"select distinct country from tributary.clicks limit 1000",
		"SELECT toStartOfInterval(toDateTime(received_at), INTERVAL 60 second) AS time, count() AS clicks FROM clicks WHERE " + filter + " GROUP BY time ORDER BY time ASC",
		"SELECT toStartOfInterval(toDateTime(received_at), INTERVAL 60 second) AS time, count() AS clicks FROM clicks WHERE " + filter +
			" GROUP BY time ORDER BY time ASC settings additional_table_filters={'clicks' : ' country = \\'DE\\' AND campaign != \\'x\\' '}",
		"SELECT * FROM epc_roi_by_campaign ORDER BY clicks DESC LIMIT 100;",
	} {
		rows, err := db.QueryContext(grafanaContext(t), query)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			rows.Close()
		}
		if err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	for _, query := range []string{"DROP TABLE clicks", "SELECT * FROM url('http://127.0.0.1:1/', 'TSV')", "SELECT 1 SETTINGS readonly = 0"} {
		if rows, err := db.QueryContext(grafanaContext(t), query); err == nil {
			rows.Close()
			t.Errorf("%s was carried out", query)
		}
	}
}

// grafanaContext says who looks at which dashboard, as the plugin does.
func grafanaContext(t *testing.T) context.Context {
	return clickhouse.Context(t.Context(), clickhouse.WithClientInfo(clickhouse.ClientInfo{Comment: []string{"grafana_user:admin", "grafana_dashboard:abc"}}), clickhouse.WithUserLocation(time.UTC))
}
