package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The table installation says what the rows of all others mean: see deploy/meaning for its names. It is made beside the
// migrations' own table, for it is about all of them.
const installationTable = `.installation
(
    name String COMMENT 'What is tied to the rows of this database: base_currency, topic_prefix (quoted), click_id_key.N (fingerprint) and click_id_key.N.signed_until_ms (Unix ms; 0: never).',
    value String COMMENT 'Its value; empty where it holds no longer.',
    written_at DateTime64(3, 'UTC') COMMENT 'When it was written, UTC; the newest of a name counts.'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY name
COMMENT 'What the rows of this database mean: their base currency, the topics that they came through, the keys of their click IDs. A configuration that says otherwise is refused.'`

// unknownTable is ClickHouse's code for a table that is not there.
const unknownTable = 60

// ReadInstallation returns the values of the table installation by name: none where the table is empty, or not there
// yet.
func ReadInstallation(ctx context.Context, conn driver.Conn, database string) (map[string]string, error) {
	values := map[string]string{}
	rows, err := conn.Query(ctx, "SELECT name, value FROM "+database+".installation FINAL WHERE value != ''")
	var exception *clickhouse.Exception
	if errors.As(err, &exception) && exception.Code == unknownTable {
		return values, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s.installation: %w", database, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("reading %s.installation: %w", database, err)
		}
		values[name] = value
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s.installation: %w", database, err)
	}
	return values, nil
}

// WriteInstallation makes the values those of the table installation: of what was read before, only what differs is
// written.
func WriteInstallation(ctx context.Context, conn driver.Conn, database string, before, now map[string]string) error {
	changed := map[string]string{}
	for name, value := range now {
		if before[name] != value {
			changed[name] = value
		}
	}
	for name := range before {
		if _, there := now[name]; !there {
			changed[name] = ""
		}
	}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		// The newest counts, also where ClickHouse's clock went back since.
		err := conn.Exec(ctx, "INSERT INTO "+database+".installation (name, value, written_at) SETTINGS async_insert = 0 "+
			"SELECT ?, ?, greatest(now64(3, 'UTC'), max(written_at) + toIntervalMillisecond(1)) FROM "+database+".installation", name, changed[name])
		if err != nil {
			return fmt.Errorf("writing %s.installation: %w", database, err)
		}
	}
	return nil
}
