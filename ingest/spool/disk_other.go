//go:build !linux

package spool

func (f osFile) reserve(size int64) error { return f.Truncate(size) }
func (f osFile) syncData() error          { return f.Sync() }
