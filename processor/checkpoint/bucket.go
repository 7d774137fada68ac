package checkpoint

import (
	"context"
	"io"
	"time"
)

// A bucket is a flat store of immutable objects under keys with slashes. An error for a key that is not there wraps errAbsent; one
// that no retry can mend is a *backoff.PermanentError.
type bucket interface {
	// put writes size bytes with that SHA-256 under key in one step.
	put(ctx context.Context, key string, r io.Reader, size int64, sum string) error
	get(ctx context.Context, key string) (io.ReadCloser, error)
	// list calls visit for the objects whose keys start with prefix, which ends in a slash.
	list(ctx context.Context, prefix string, visit func(object)) error
	// remove of what is not there does nothing.
	remove(ctx context.Context, key string) error
	close() error
}

type object struct {
	key      string
	bytes    int64
	modified time.Time
}
