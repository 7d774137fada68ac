package wiring

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"tributary/deploy/config"
	"tributary/processor/stage"
	"tributary/report"
	schema "tributary/schemas/clickhouse"
)

// ClickHouseOptions are what every client of the pipeline's ClickHouse shares. The session's database is the
// configuration's, which must exist: for migrating use Migrate.
func ClickHouseOptions(c config.ClickHouse) (*clickhouse.Options, error) {
	opts := &clickhouse.Options{
		Addr:        []string{c.Addr},
		Protocol:    clickhouse.Native,
		Auth:        clickhouse.Auth{Database: c.Database, Username: c.User, Password: c.Password},
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout: 10 * time.Second,
		ReadTimeout: 5 * time.Minute,
		ClientInfo:  clickhouse.ClientInfo{Products: []struct{ Name, Version string }{{Name: "tributary", Version: Version()}}},
	}
	if c.Protocol == config.ProtocolHTTP {
		opts.Protocol = clickhouse.HTTP
	}
	if c.Mode == config.ModeEmbedded {
		// On loopback compression only costs processor time.
		opts.Compression = nil
	}
	if c.TLS.Enabled {
		encryption, err := TLSConfig(c.TLS)
		if err != nil {
			return nil, fmt.Errorf("clickhouse.tls: %w", err)
		}
		opts.TLS = encryption
	}
	return opts, nil
}

// Migrate brings the database to this program's schema and answers what it applied. It tells the log how far a long part is.
func Migrate(ctx context.Context, c config.ClickHouse, logger *zap.Logger) ([]schema.Applied, error) {
	opts, err := ClickHouseOptions(c)
	if err != nil {
		return nil, err
	}
	opts.Auth.Database = "default" // ours may not exist yet
	opts.ReadTimeout = time.Hour   // for sums of the rows of a month
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return nil, fmt.Errorf("opening ClickHouse: %w", err)
	}
	defer conn.Close()
	if err := reach(ctx, conn, c); err != nil {
		return nil, err
	}
	applied, err := schema.Migrate(ctx, conn, schema.Options{
		Database: c.Database, Tables: stage.Tables(), Views: report.Views(), RetentionDays: c.RetentionDays, Progress: tell(logger)})
	if err != nil {
		return applied, fmt.Errorf("migrating the database %s: %w", c.Database, err)
	}
	return applied, nil
}

// progressEvery is how often a long part of a migration is told of.
const progressEvery = 2 * time.Second

// tell writes what a migration says into the log: how far it is now and then, all else at once.
func tell(logger *zap.Logger) func(schema.Progress) {
	var last time.Time
	return func(p schema.Progress) {
		switch {
		case p.Total == 0 && p.Expected:
			logger.Info("migrating: " + p.What)
		case p.Total == 0:
			logger.Warn("migrating: " + p.What)
		case p.Done == p.Total || time.Since(last) >= progressEvery:
			last = time.Now()
			fields := []zap.Field{zap.Int("done", p.Done), zap.Int("of", p.Total)}
			if p.Rate > 0 {
				fields = append(fields, zap.Float64("per_second", math.Round(p.Rate)))
			}
			logger.Info("migrating: "+p.What, append(fields, zap.Duration("left", p.Left.Round(time.Second)))...)
		}
	}
}

func reach(ctx context.Context, conn driver.Conn, c config.ClickHouse) error {
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("reaching ClickHouse at %s (clickhouse.addr) over %s: %w", c.Addr, c.Protocol, err)
	}
	return nil
}
