package wiring_test

import (
	"errors"
	"slices"
	"testing"

	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

func TestBackupFolders(t *testing.T) {
	for name, c := range map[string]struct {
		set  []string
		want []string
	}{
		"all in data_dir":         {nil, []string{"data d", "processor d/processor", "spool d/spool"}},
		"folders of their own":    {[]string{"ingest.spool.dir=/s", "processor.state_dir=/p"}, []string{"data d", "processor /p", "spool /s"}},
		"no spool, a caps file":   {[]string{"ingest.spool.dir=", "ingest.caps_file=/c/caps"}, []string{"data d", "processor d/processor", "caps /c caps"}},
		"engines of one's own":    {[]string{"kafka.mode=external"}, nil},
		"ClickHouse of one's own": {[]string{"clickhouse.mode=external"}, nil},
	} {
		loaded, err := config.Load(config.Sources{Set: append(c.set, "data_dir=d"), Sections: []string{}})
		if err != nil {
			t.Fatal(name, err)
		}
		folders, err := wiring.BackupFolders(&loaded.Config)
		if errors.Is(err, wiring.ErrNotEmbedded) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, f := range folders {
			text := f.Name + " " + f.Path
			if f.Only != "" {
				text += " " + f.Only
			}
			got = append(got, text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
