package wiring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"tributary/deploy/backup"
	"tributary/deploy/config"
	"tributary/deploy/process"
)

// UnitBackup answers `tributary backup`.
const UnitBackup = "backup"

// ErrNotEmbedded is why there is no backup of an installation on engines of its own.
var ErrNotEmbedded = errors.New(
	"kafka.mode or clickhouse.mode is external: this copies what `tributary up` keeps on embedded engines. " +
		"For a cluster see docs/backup.md",
)

// BackupFolders are all that an installation on embedded engines keeps.
func BackupFolders(c *config.Config) ([]backup.Folder, error) {
	if c.Kafka.Mode != config.ModeEmbedded || c.ClickHouse.Mode != config.ModeEmbedded {
		return nil, ErrNotEmbedded
	}
	folders := []backup.Folder{
		{Name: backup.FolderData, Path: c.DataDir},
		{Name: backup.FolderProcessor, Path: c.Processor.StateDir},
	}
	if dir := c.Ingest.Spool.Dir; dir != "" {
		folders = append(folders, backup.Folder{Name: backup.FolderSpool, Path: dir})
	}
	if file := c.Ingest.CapsFile; file != "" {
		folders = append(
			folders,
			backup.Folder{Name: backup.FolderCaps, Path: filepath.Dir(file), Only: filepath.Base(file)},
		)
	}
	return folders, nil
}

// AddBackup adds what takes the snapshots that `tributary backup` asks for. Add it after all others: it stops first, and
// lets go of what it holds.
func (s *System) AddBackup() {
	folders, err := BackupFolders(&s.loaded.Config)
	if err != nil {
		return // the command says why
	}
	s.supervisor.Add(process.Unit{Name: UnitBackup,
		New: func(context.Context, prometheus.Registerer) (process.Runner, error) {
			return backup.NewResponder(
				s.loaded.Config.DataDir,
				func(ctx context.Context, at string) (time.Duration, error) {
					return s.snapshot(ctx, folders, at)
				},
			)
		}})
}

// snapshot ends all but the edge for as long as their files are looked at. What the edge acknowledges meanwhile is in its
// spool: Kafka ends before the spool is copied, so that each record is in one of the two.
func (s *System) snapshot(ctx context.Context, folders []backup.Folder, at string) (time.Duration, error) {
	logger := s.logger.Named(UnitBackup)
	if err := s.Ready(); err != nil {
		return 0, fmt.Errorf(
			"no backup is taken before everything is ready: %w. `tributary recover` says whether something is lost; "+
				"to copy the folders as they are, stop it and run this again",
			err,
		)
	}
	logger.Info("pausing all but the edge for a snapshot")
	began := time.Now()
	resume, err := s.supervisor.Pause(ctx, UnitKafka, UnitClickHouse, UnitSink, UnitProcessor, UnitConsole)
	if err != nil {
		return 0, fmt.Errorf("pausing for a snapshot: %w", err)
	}
	taken, err := backup.Take(ctx, folders, at)
	paused := time.Since(began)
	err = errors.Join(err, resume(ctx))
	if err != nil {
		logger.Error("took no snapshot", zap.Error(err), zap.Duration("paused", paused.Round(time.Millisecond)))
		return paused, err
	}
	bytes, files := taken.Bytes()
	logger.Info(
		"took a snapshot",
		zap.Duration("paused", paused.Round(time.Millisecond)),
		zap.Int("files", files),
		zap.Int64("bytes", bytes),
	)
	return paused, nil
}
