package cli

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"tributary/deploy/config"
	"tributary/deploy/meaning"
)

func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir()) // a command may make its data_dir
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, &out, &errs, environ)
	return code, out.String(), errs.String()
}

// What a person reads who made a mistake, and the code a script sees.
func TestMistakes(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for name, c := range map[string]struct {
		args    []string
		environ []string
		want    string
	}{
		"unknown command":   {[]string{"upp"}, nil, `tributary: there is no command "upp"; did you mean "up"? see ` + "`tributary --help`"},
		"unknown sub":       {[]string{"config", "chek"}, nil, `there is no command "chek"; did you mean "check"?`},
		"unknown flag":      {[]string{"up", "--port=1"}, nil, "unknown flag: --port; see `tributary up --help`"},
		"argument":          {[]string{"version", "now"}, nil, `tributary version takes no arguments, got "now"`},
		"no file":           {[]string{"up", "--config", missing}, nil, "there is no configuration file " + missing},
		"no file, variable": {[]string{"config", "check"}, []string{"TRIBUTARY_CONFIG=" + missing}, "there is no configuration file " + missing},
		"no file's name":    {[]string{"up", "--config", ""}, nil, "it names no file"},
		"an empty variable": {[]string{"up"}, []string{"TRIBUTARY_CONFIG="}, "TRIBUTARY_CONFIG is set and names no file"},
		"unknown key":       {[]string{"config", "print", "--set", "kafka.broker=a:1"}, nil, `--set kafka.broker: unknown key; did you mean "kafka.brokers"?`},
		"unknown variable":  {[]string{"sink"}, []string{"TRIBUTARY_SNIK_GROUP=a"}, "TRIBUTARY_SNIK_GROUP: unknown variable; did you mean TRIBUTARY_SINK_GROUP?"},
		"embedded role":     {[]string{"process"}, nil, "kafka.mode is embedded, and embedded engines live only inside `tributary up`"},
		"embedded migrate":  {[]string{"migrate", "--set", "kafka.mode=external"}, nil, "clickhouse.mode is embedded"},
		"edge without keys": {[]string{"ingest", "--set", "kafka.mode=external"}, nil, "catalog.click_id_keys"},
		"up without keys":   {[]string{"up", "--set", "kafka.mode=external"}, nil, "catalog.click_id_keys"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, c.environ, c.args...)
			if code != ExitUsage || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr:\n%s\nwant code %d and %q", code, stdout, stderr, ExitUsage, c.want)
			}
		})
	}
}

// An address in use is a failure of the work, in a sentence that says which key to set; the data folder is free afterwards.
func TestUpSaysWhichAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, key := range []string{"ops.listen", "kafka.brokers"} {
		args := []string{"up", "--set", "data_dir=" + t.TempDir(), "--set", "ops.listen=127.0.0.1:0", "--set", "kafka.brokers=127.0.0.1:0", "--set", key + "=" + taken.Addr().String()}
		code, _, stderr := run(t, nil, args...)
		if last := stderr[strings.LastIndexByte(strings.TrimSpace(stderr), '\n')+1:]; code != ExitFailure || !strings.Contains(last, "set "+key) {
			t.Errorf("%s: exit code %d, %s", key, code, stderr)
		}
	}
}

func TestConfigCommands(t *testing.T) {
	example, err := filepath.Abs("../deploy/tributary.example.yaml") // before run leaves this folder
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, nil, "config", "check")
	if code != ExitOK || !strings.HasPrefix(stdout, "right: the built-in defaults") || stderr != "" {
		t.Errorf("check: %d %q %q", code, stdout, stderr)
	}
	code, stdout, _ = run(t, []string{"TRIBUTARY_INGEST_LISTEN=:1234"}, "config", "print", "-c", example)
	for _, want := range []string{"listen: :1234 # TRIBUTARY_INGEST_LISTEN", "base_currency: USD # file, line", "keys: {1: (redacted)} # made by tributary up"} {
		if code != ExitOK || !strings.Contains(stdout, want) {
			t.Errorf("print: %d, no %q in:\n%s", code, want, stdout)
		}
	}
	if code, stdout, _ = run(t, nil, "config", "reference"); code != ExitOK || !strings.Contains(stdout, "| `kafka.brokers` |") {
		t.Errorf("reference: %d", code)
	}
	// Looking makes nothing.
	dir := filepath.Join(t.TempDir(), "data")
	run(t, nil, "config", "check", "--set", "data_dir="+dir)
	if _, err := os.Stat(dir); err == nil {
		t.Error("config check made the data folder")
	}
}

// What the edge would refuse to start with, and what is right but may be meant otherwise, is told before.
func TestConfigCheckLooksFurther(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.mmdb")
	if err := os.WriteFile(broken, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, why := range map[string]string{broken: "no whole MMDB file", filepath.Join(dir, "nothing.mmdb"): "no such file"} {
		code, _, stderr := run(t, nil, "config", "check", "--set", "ingest.geo.asn_file="+file)
		if code != ExitUsage || !strings.Contains(stderr, "ingest.geo.asn_file, "+file) || !strings.Contains(stderr, why) {
			t.Errorf("%s: exit code %d, %s", file, code, stderr)
		}
		if code, stdout, stderr := run(t, nil, "config", "check", "--data-files-elsewhere", "--set", "ingest.geo.asn_file="+file); code != ExitOK || !strings.HasPrefix(stdout, "right:") {
			t.Errorf("%s, elsewhere: exit code %d, %s", file, code, stderr)
		}
	}
	file := filepath.Join(dir, "tributary.yaml")
	text := `catalog:
  base_currency: USD
  offers: [{id: 1, name: priced, url: "https://o.example/?c={cost}"}]
  landings: [{id: 1, name: quiz, url: "https://l.example/?click={click_id}"}]
  campaigns: [{id: 1, name: summer, offers: [priced], landings: [quiz]}]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, nil, "config", "check", "--config", file)
	if code != ExitOK || !strings.HasPrefix(stdout, "right: ") || !strings.HasPrefix(stderr, "warning: catalog.campaigns[0].landings[0]: ") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

// What data_dir keeps of its data is held against the file before the running `up` would refuse it.
func TestConfigCheckKnowsTheData(t *testing.T) {
	dir := t.TempDir()
	prefix := "a."
	if err := meaning.WriteFile(dir, &meaning.Kept{BaseCurrency: "USD", TopicPrefix: &prefix, Keys: map[int]meaning.Key{1: {Fingerprint: "00", SignedUntilMS: meaning.Signing}}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tributary.yaml")
	if err := os.WriteFile(file, []byte("data_dir: "+dir+"\nkafka: {topic_prefix: a.}\ncatalog: {base_currency: EUR, campaigns: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, nil, "config", "check", "--config", file)
	if code != ExitUsage || !strings.Contains(stderr, file+":3:11: catalog.base_currency: is EUR") || strings.Contains(stderr, "click_id_keys") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if code, _, stderr = run(t, nil, "config", "check", "--config", file, "--set", "catalog.base_currency=USD"); code != ExitOK {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// A file without campaigns is right for the roles that do without, which the check says.
func TestConfigCheckOfNoCampaigns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte("# to come\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run(t, nil, "up", "--config", file)
	if code != ExitUsage || !strings.Contains(stderr, file+": catalog.campaigns: no campaigns are declared") {
		t.Errorf("up: exit code %d, %s", code, stderr)
	}
	code, stdout, stderr := run(t, nil, "config", "check", "--config", file)
	if code != ExitOK || !strings.Contains(stdout, "no campaigns are declared") {
		t.Errorf("check: exit code %d, %s%s", code, stdout, stderr)
	}
}

// Every command explains itself with an example that is spelled as it must be typed.
func TestHelp(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Short == "" || c.Long == "" {
			t.Errorf("%s has no help text", c.CommandPath())
		}
		if !c.HasSubCommands() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, line := range strings.Split(c.Long, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: a line of the help is wider than 100 columns: %s", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&environment{}))
}

// Before a start the check says that the file is a part of the one that was in force last.
func TestConfigCheckKnowsAFileThatWasCut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(backupCatalog)
	loaded, err := config.Load(config.Sources{File: file, Sections: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	for name, where := range map[string]string{"data_dir": "data_dir=", "an edge's spool": "ingest.spool.dir="} {
		folder := filepath.Join(t.TempDir(), "kept")
		prefix := ""
		if err := errors.Join(meaning.WriteFile(folder, &meaning.Kept{TopicPrefix: &prefix}), loaded.Keep(folder)); err != nil {
			t.Fatal(err)
		}
		check := []string{"config", "check", "--config", file, "--set", where + folder}
		put(strings.TrimSuffix(backupCatalog, "  networks: [{name: acme}]\n"))
		if code, _, stderr := run(t, nil, check...); code != ExitUsage || !strings.Contains(stderr, "the one that was in force last") {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
		put(backupCatalog)
		if code, _, stderr := run(t, nil, check...); code != ExitOK {
			t.Errorf("%s, whole: exit code %d, %s", name, code, stderr)
		}
		if err := os.WriteFile(filepath.Join(folder, config.ShapeFile), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := run(t, nil, check...); code != ExitOK || !strings.Contains(stderr, "one that is cut short is not noticed") {
			t.Errorf("%s, nothing to compare with: exit code %d, %s", name, code, stderr)
		}
	}
}
