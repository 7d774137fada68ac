package wiring

import (
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tributary/deploy/config"
	"tributary/deploy/receipts"
	"tributary/ingest"
)

// receipts is what looks receipts up for this process's edge: nil where it is turned off, or where no ClickHouse is declared: an embedded
// one is another process's, if there is one.
func (s *System) receipts() (ingest.Receipts, error) {
	c := &s.loaded.Config
	if c.Ingest.Receipts.PerSecond == 0 || c.ClickHouse.Mode == config.ModeEmbedded && !s.hasEngines {
		return nil, nil
	}
	if s.lookups == nil { // an edge that is made anew uses the one before's
		opts, err := ClickHouseOptions(c.ClickHouse)
		if err != nil {
			return nil, err
		}
		opts.Auth.Database = "" // each statement names its database, which may not exist yet
		opts.DialTimeout, opts.ReadTimeout = c.Ingest.Receipts.Timeout, c.Ingest.Receipts.Timeout
		opts.MaxOpenConns = c.Ingest.Receipts.Concurrent
		opts.MaxIdleConns = opts.MaxOpenConns
		if s.lookups, err = clickhouse.Open(opts); err != nil { // it connects at the first look-up
			return nil, fmt.Errorf("opening ClickHouse for receipts: %w", err)
		}
	}
	return receipts.NewReader(s.lookups, c.ClickHouse.Database), nil
}
