package checkpoint

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tributary/schemas"
)

func TestConfigIsChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		field  string // of the expected problem; empty: none
	}{
		"defaults":            {func(*Config) {}, ""},
		"relative directory":  {func(c *Config) { c.URL = "data/checkpoints" }, ""},
		"file":                {func(c *Config) { c.URL = "file:///mnt/checkpoints" }, ""},
		"bucket alone":        {func(c *Config) { c.URL = "s3://bucket" }, ""},
		"bucket and more":     {func(c *Config) { c.URL = "s3://bucket/a/b?endpoint=http://host:9000&region=r" }, ""},
		"file of a host":      {func(c *Config) { c.URL = "file://host/path" }, "url"},
		"another scheme":      {func(c *Config) { c.URL = "gs://bucket" }, "url"},
		"no bucket":           {func(c *Config) { c.URL = "s3:///prefix" }, "url"},
		"password":            {func(c *Config) { c.URL = "s3://me:secret@bucket" }, "url"},
		"secret parameter":    {func(c *Config) { c.URL = "s3://bucket?secret_key=secret" }, "url"},
		"secret in endpoint":  {func(c *Config) { c.URL = "s3://bucket?endpoint=http://me:secret@host" }, "url"},
		"endpoint, no scheme": {func(c *Config) { c.URL = "s3://bucket?endpoint=host" }, "url"},
		"upwards":             {func(c *Config) { c.URL = "s3://bucket/a/../../b" }, "url"},
		"not a URL":           {func(c *Config) { c.URL = "s3://%zz:secret" }, "url"},
		"too often":           {func(c *Config) { c.Interval = time.Millisecond }, "interval"},
		"keeps none":          {func(c *Config) { c.Keep = 0 }, "keep"},
		"rate of nothing":     {func(c *Config) { c.BytesPerSecond = 5 }, "bytes_per_second"},
		"negative rate":       {func(c *Config) { c.RestoreBytesPerSecond = -1 }, "restore_bytes_per_second"},
		"no transfers":        {func(c *Config) { c.Transfers = 0 }, "transfers"},
	} {
		c := Defaults()
		tc.change(&c)
		err := c.Validate()
		var field *schemas.FieldError
		if tc.field == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.As(err, &field) || field.Field != tc.field || !strings.Contains(field.Problem, "would be right") && !strings.Contains(field.Problem, "come from the environment") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
	bad := Config{Interval: -1, Keep: -1, Transfers: 1000}
	if n := len(strings.Split(bad.Validate().Error(), "\n")); n != 3 {
		t.Errorf("%d problems at once, want 3", n)
	}
}
