package wiring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"tributary/deploy/config"
	"tributary/deploy/meaning"
	"tributary/deploy/process"
	schema "tributary/schemas/clickhouse"
)

// tablesMeaningLimit is how long ClickHouse may take to say what its rows mean where others go on without.
const tablesMeaningLimit = 5 * time.Second

// kept is what this process's own folder keeps of the stored data's meaning.
type kept struct {
	folder string
	older  bool // there were data before this start, and nothing was kept of them
	mu     sync.Mutex
	value  *meaning.Kept // nil before it was read, or where nothing is kept
}

// meaningFolder is where the meaning of what this process stores is kept: of everything in data_dir, of an edge by
// itself in its spool. The processor's state and the tables keep it themselves. Empty: nowhere.
func (s *System) meaningFolder() string {
	c := &s.loaded.Config
	switch {
	case s.hasEngines:
		return c.DataDir
	case s.edge.Load() != nil:
		return c.Ingest.Spool.Dir
	}
	return ""
}

// checkMeaning holds the configuration against the folder before anything starts.
func (s *System) checkMeaning() error {
	folder := s.meaningFolder()
	if folder == "" {
		return nil
	}
	value, err := meaning.ReadFile(folder)
	if err != nil {
		return err
	}
	s.kept.folder, s.kept.value = folder, value
	s.kept.older = value == nil && dataBeside(&s.loaded.Config) != "" // engines that start make folders
	if err := s.loaded.CutSince(folder); errors.Is(err, config.ErrShape) {
		s.logger.Warn("going on without it", zap.Error(err))
	} else if err != nil {
		return err
	}
	m := meaning.Of(s.loaded)
	if value == nil || !value.Example {
		if stored := dataBeside(&s.loaded.Config); m.Example && stored != "" {
			return fmt.Errorf("no catalog is configured, and the data in %s came with another one than the built-in example, whose campaigns lead nowhere: "+
				"name the configuration file that they came with (--config FILE). To go on with the example in their place, copy "+
				"deploy/tributary.example.yaml and name that", stored)
		}
	}
	if value == nil && m.Example {
		// Engines make their folders before the tables exist with which the rest is kept: a start that ends between the two, over a
		// taken address, must not make the next one take these folders for somebody else's data.
		value = &meaning.Kept{TopicPrefix: &m.TopicPrefix, Example: true}
		if err := meaning.WriteFile(folder, value); err != nil {
			return err
		}
		s.kept.value = value
	}
	if value == nil {
		return nil
	}
	return meaning.Located(value.Check(m, whereFolder(folder), nowMS()), s.loaded)
}

func whereFolder(folder string) string { return "what is stored in " + folder }

func nowMS() int64 {
	if now := clock(); now != nil {
		return now().UnixMilli()
	}
	return time.Now().UnixMilli()
}

// keepMeaning writes what is in force into the folder, before anything is stored with it.
func (s *System) keepMeaning(m meaning.Meaning) error {
	if s.kept.folder == "" {
		return nil
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	next := meaning.Kept{}
	if s.kept.value != nil {
		next = *s.kept.value
	}
	news := next.Take(m, nowMS())
	if len(news) == 0 {
		return nil
	}
	if err := meaning.WriteFile(s.kept.folder, &next); err != nil {
		return err
	}
	s.kept.value = &next
	sayNews(s.logger, "what the stored data mean", s.kept.older, news, s.kept.folder)
	s.kept.older = false
	return nil
}

// keepShape remembers the configuration's file beside what it is in force for. Without it the next start does not notice
// that the file was cut short, which is no reason to end this one.
func (s *System) keepShape(loaded *config.Loaded) {
	if s.kept.folder == "" {
		return
	}
	if err := loaded.Keep(s.kept.folder); err != nil {
		s.logger.Warn("the next start cannot tell whether the file was cut short", zap.Error(err))
	}
}

func sayNews(logger *zap.Logger, what string, older bool, news []string, where string) {
	text := what + " is kept with them: " + strings.Join(news, ", ")
	if older {
		text += "; they are from before it was, and taken to have come with the configuration in force"
	}
	logger.Info(text, zap.String("in", where))
}

// reloadMeaning lets a changed configuration pass, and keeps what is new of it, or refuses it.
func (s *System) reloadMeaning(loaded *config.Loaded) error {
	m := meaning.Of(loaded)
	s.kept.mu.Lock()
	value := s.kept.value
	s.kept.mu.Unlock()
	if value == nil {
		return nil
	}
	if err := meaning.Located(value.Check(m, whereFolder(s.kept.folder), nowMS()), loaded); err != nil {
		return err
	}
	if err := s.keepMeaning(m); err != nil {
		return err
	}
	if s.hasEngines {
		ctx, cancel := context.WithTimeout(context.Background(), tablesMeaningLimit)
		defer cancel()
		if err := keepInTables(ctx, loaded, s.logger); err != nil {
			s.logger.Warn("what the tables mean could not be kept with them; the next start does", zap.Error(err))
		}
	}
	return nil
}

// processorMeaning answers what the processor's state shall keep beside what it kept, nil for nothing, or refuses.
func (s *System) processorMeaning(was []byte) ([]byte, error) {
	value := new(meaning.Kept)
	if was != nil {
		var err error
		if value, err = meaning.Parse(was); err != nil {
			return nil, process.Permanent(fmt.Errorf("reading what the processor's state means: %w", err))
		}
	}
	where := "the processor's state in " + s.loaded.Config.Processor.StateDir
	m := meaning.Of(s.loaded)
	if err := value.Check(m, where, nowMS()); err != nil {
		return nil, process.Permanent(meaning.Located(err, s.loaded))
	}
	news := value.Take(m, nowMS())
	if len(news) == 0 {
		return was, nil
	}
	sayNews(s.logger.Named(UnitProcessor), "what the processor's state means", false, news, s.loaded.Config.Processor.StateDir)
	return value.Text(), nil
}

// keepInTables holds the configuration against the tables, and keeps what is new of it there. The error wraps
// meaning.ErrMismatch where it does not fit.
func keepInTables(ctx context.Context, loaded *config.Loaded, logger *zap.Logger) error {
	return withTables(&loaded.Config, func(conn driver.Conn, database string) error {
		before, err := schema.ReadInstallation(ctx, conn, database)
		if err != nil {
			return err
		}
		value := meaning.OfRows(before)
		m := meaning.Of(loaded)
		if err := value.Check(m, whereTables(database), nowMS()); err != nil {
			return meaning.Located(err, loaded)
		}
		news := value.Take(m, nowMS())
		if len(news) == 0 {
			return nil
		}
		if err := schema.WriteInstallation(ctx, conn, database, before, value.Rows()); err != nil {
			return err
		}
		sayNews(logger, "what the tables mean", false, news, "ClickHouse's database "+database)
		return nil
	})
}

// checkTablesMeaning is keepInTables for who may only read them.
func checkTablesMeaning(ctx context.Context, loaded *config.Loaded) error {
	return withTables(&loaded.Config, func(conn driver.Conn, database string) error {
		rows, err := schema.ReadInstallation(ctx, conn, database)
		if err != nil {
			return err
		}
		return meaning.Located(meaning.OfRows(rows).Check(meaning.Of(loaded), whereTables(database), nowMS()), loaded)
	})
}

func whereTables(database string) string { return "ClickHouse's database " + database }

func withTables(c *config.Config, use func(conn driver.Conn, database string) error) error {
	opts, err := ClickHouseOptions(c.ClickHouse)
	if err != nil {
		return err
	}
	opts.Auth.Database = "" // it may not exist yet
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return fmt.Errorf("opening ClickHouse: %w", err)
	}
	return errors.Join(use(conn, c.ClickHouse.Database), conn.Close())
}

// keepEdgeMeaning is for an edge by itself: it asks the tables too, where they answer. An edge goes on without
// ClickHouse, and must not wait for it.
func (s *System) keepEdgeMeaning(ctx context.Context) error {
	if s.hasEngines {
		return nil // the setup does
	}
	c := &s.loaded.Config
	if c.ClickHouse.Mode != config.ModeEmbedded {
		ctx, cancel := context.WithTimeout(ctx, tablesMeaningLimit)
		defer cancel()
		switch err := checkTablesMeaning(ctx, s.loaded); {
		case errors.Is(err, meaning.ErrMismatch):
			return process.Permanent(err)
		case err != nil:
			s.logger.Info("ClickHouse does not say what its tables mean; going on with what this edge has kept", zap.Error(err))
		}
	}
	if err := s.keepMeaning(meaning.Of(s.loaded)); err != nil {
		return err
	}
	s.keepShape(s.loaded)
	return nil
}
