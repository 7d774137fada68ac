package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"tributary/ingest/spool"
)

func TestSpoolCommands(t *testing.T) {
	data := t.TempDir()
	at := "--set=data_dir=" + data
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"sub command": {[]string{"spool", "lst"}, `there is no command "lst"; did you mean "list"?`},
		"argument":    {[]string{"spool", "list", "x"}, "takes no arguments"},
		"no folder":   {[]string{"spool", "list", at}, "there is no folder " + filepath.Join(data, "spool")},
		"nothing":     {[]string{"spool", "requeue", at}, "there is no folder"},
		"wait":        {[]string{"spool", "requeue", "--all", "--wait=-1s", at}, "--wait -1s is below 0"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, c.args...)
			if code != ExitUsage || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr:\n%s\nwant code %d and %q", code, stdout, stderr, ExitUsage, c.want)
			}
		})
	}
	cfg := spool.Defaults()
	cfg.Dir = filepath.Join(data, "spool")
	s, err := spool.Open(cfg, spool.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if code, stdout, stderr := run(t, nil, "spool", "list", at); code != ExitOK || !strings.Contains(stdout, "Nothing is set aside in "+cfg.Dir) {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := run(t, nil, "spool", "requeue", "--all", at); code != ExitOK || !strings.Contains(stdout, "No record is set aside") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	if code, _, stderr := run(t, nil, "spool", "requeue", "1-32.refused", at); code != ExitUsage || !strings.Contains(stderr, "1-32.refused is not the file of a record in "+filepath.Join(cfg.Dir, "aside")) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
