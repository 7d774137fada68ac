package store

import "context"

// Pretend has the database say that a newer program made it.
func (s *Store) Pretend(ctx context.Context, version int64) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)", version, true)
	return err
}

func (s *Store) Migrate(ctx context.Context) error { return s.migrate(ctx) }
