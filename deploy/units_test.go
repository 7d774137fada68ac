package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// unitBlocks are the units of a page: a block whose first line names the file.
var unitBlocks = regexp.MustCompile("(?s)```ini\n# /etc/systemd/system/([a-z-]+\\.(?:service|timer))\n(.*?)```")

// systemd takes every line of the units, and of those that the page shows: it passes over what it does not know with a word
// that nobody reads.
func TestUnitsAreVerified(t *testing.T) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed here: the units were not verified")
	}
	units := map[string]string{}
	for _, name := range []string{"tributary.service", "tributary@.service"} {
		text, err := os.ReadFile(filepath.Join("systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		units[strings.Replace(name, "@.", "@ingest.", 1)] = string(text)
		// Of the main process alone systemd looks at the code after which another try would find the same.
		if strings.Contains(string(text), "\nExecStartPre=") || !strings.Contains(string(text), "\nRestartPreventExitStatus=2\n") {
			t.Errorf("%s: a wrong configuration is tried again and again", name)
		}
	}
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := unitBlocks.FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Errorf("the page shows %d units", len(blocks))
	}
	for _, block := range blocks {
		units[block[1]] = block[2]
	}
	dir := t.TempDir()
	verify := func(names ...string) string {
		command := exec.Command(program, append([]string{"verify", "--man=no"}, names...)...)
		command.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":") // beside the system's
		said, err := command.CombinedOutput()
		if err != nil {
			return err.Error() + "\n" + string(said)
		}
		return string(said)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		// The program is not installed here, and verify looks for it.
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "/usr/local/bin/tributary", "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var paths []string
	for name, text := range units {
		paths = append(paths, write(name, text))
	}
	if said := verify(paths...); said != "" {
		t.Errorf("systemd-analyze says:\n%s", said)
	}
	wrong := write("wrong.service", strings.Replace(units["tributary.service"], "WatchdogSec=", "WatchdogSecs=", 1))
	if said := verify(wrong); !strings.Contains(said, "WatchdogSecs") {
		t.Errorf("a line that systemd does not know passes: %q", said)
	}
}
