package checkpoint

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tributary/schemas"
)

// Config says where checkpoints go and what shipping them may cost.
type Config struct {
	URL                   string        `yaml:"url" doc:"where checkpoints of the state are shipped: a directory, or s3://bucket/prefix?endpoint=https://host&region=name; empty: nowhere. S3 credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the AWS credentials file, or the machine's role"`
	Interval              time.Duration `yaml:"interval" doc:"how often each partition is shipped"`
	Keep                  int           `yaml:"keep" doc:"checkpoints kept of each partition"`
	BytesPerSecond        int64         `yaml:"bytes_per_second" doc:"bytes shipped a second at most; 0: no limit"`
	RestoreBytesPerSecond int64         `yaml:"restore_bytes_per_second" doc:"bytes fetched a second at most; 0: no limit"`
	Transfers             int           `yaml:"transfers" doc:"files sent or fetched at the same time"`
}

// Defaults ship nowhere.
func Defaults() Config {
	return Config{Interval: 10 * time.Minute, Keep: 3, BytesPerSecond: 64 << 20, Transfers: 4}
}

// Bounds of transfers at the same time: each holds a connection and a 128 KiB buffer.
const maxTransfers = 64

// Validate returns every problem at once, each a *schemas.FieldError.
func (c *Config) Validate() error {
	var problems []error
	check := func(ok bool, field, format string, args ...any) {
		if !ok {
			problems = append(problems, &schemas.FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
		}
	}
	if c.URL != "" {
		if _, err := parseDestination(c.URL); err != nil {
			check(false, "url", "%s", err)
		}
	}
	check(c.Interval >= time.Second && c.Interval <= 7*24*time.Hour, "interval", "%s is out of range; 1s to 168h would be right", c.Interval)
	check(c.Keep >= 1 && c.Keep <= 1000, "keep", "%d is out of range; 1 to 1000 would be right", c.Keep)
	check(c.BytesPerSecond == 0 || c.BytesPerSecond >= 1<<16, "bytes_per_second", "%d is too small; 0 (no limit) or at least 65536 would be right", c.BytesPerSecond)
	check(c.RestoreBytesPerSecond == 0 || c.RestoreBytesPerSecond >= 1<<16, "restore_bytes_per_second", "%d is too small; 0 (no limit) or at least 65536 would be right", c.RestoreBytesPerSecond)
	check(c.Transfers >= 1 && c.Transfers <= maxTransfers, "transfers", "%d is out of range; 1 to %d would be right", c.Transfers, maxTransfers)
	return errors.Join(problems...)
}

// destination is a parsed URL.
type destination struct {
	dir string // a directory, or empty
	// Of an object store:
	bucket, prefix   string
	endpoint, region string
	secure           bool
}

var errURL = errors.New("a directory such as /mnt/checkpoints, or s3://bucket/prefix?endpoint=https://host&region=name, would be right")

// parseDestination reads a URL. Its errors do not repeat the URL: it may hold what somebody took for the place of a password.
func parseDestination(raw string) (destination, error) {
	scheme, _, found := strings.Cut(raw, "://")
	if !found {
		return destination{dir: filepath.Clean(raw)}, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return destination{}, fmt.Errorf("is no URL; %w", errURL)
	}
	switch {
	case u.User != nil:
		return destination{}, errors.New("holds credentials; the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or the AWS credentials file would be right")
	case scheme == "file" && u.Host == "" && filepath.IsAbs(u.Path) && u.RawQuery == "":
		return destination{dir: filepath.Clean(u.Path)}, nil
	case scheme != "s3" || u.Host == "" || u.Port() != "":
		return destination{}, fmt.Errorf("is neither file:///path nor s3://bucket; %w", errURL)
	}
	d := destination{bucket: u.Host, prefix: strings.Trim(u.Path, "/"), secure: true, endpoint: "s3.amazonaws.com", region: os.Getenv("AWS_REGION")}
	if slices.Contains(strings.Split(d.prefix, "/"), "..") {
		return destination{}, fmt.Errorf("has a prefix with ..; %w", errURL)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return destination{}, fmt.Errorf("has an unreadable query; %w", errURL)
	}
	for key := range q {
		switch key {
		case "region":
			d.region = q.Get(key)
		case "endpoint":
			e, err := url.Parse(q.Get(key))
			if err != nil || e.Host == "" || e.User != nil || strings.Trim(e.Path, "/") != "" || e.RawQuery != "" || (e.Scheme != "http" && e.Scheme != "https") {
				return destination{}, errors.New("has a wrong endpoint; https://host or http://host:port would be right")
			}
			d.endpoint, d.secure = e.Host, e.Scheme == "https"
		default:
			return destination{}, errors.New("has an unknown parameter; endpoint and region would be right, credentials come from the environment")
		}
	}
	return d, nil
}
