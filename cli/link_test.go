package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tributary/deploy/config"
)

// configuration writes a configuration file with a small catalog.
func configuration(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tributary.yaml")
	text := `
ingest: {listen: "127.0.0.1:1"}
kafka: {brokers: ["127.0.0.1:1"]}
clickhouse: {addr: "127.0.0.1:1"}
catalog:
  base_currency: USD
  click_id_keys: {active: 1, keys: {1: "a secret of the tests, 32 bytes."}}
  campaigns: [{id: 1, name: summer, offers: [casino], allow_foreign_click_ids: true}]
  offers: [{id: 1, name: casino, url: "https://offer.example/?sub={click_id}"}]
  networks: [{name: acme}]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a person reads who made a mistake, before anything is sent or written.
func TestLinkImportAndPostbackMistakes(t *testing.T) {
	file := configuration(t)
	csv := filepath.Join(t.TempDir(), "clicks.csv")
	if err := os.WriteFile(csv, []byte("sub_id,datetime,campaign\na,2026-02-20 10:00:00,summer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"link sub":       {[]string{"link", "chek", "x"}, `there is no command "chek"; did you mean "check"?`},
		"link nothing":   {[]string{"link", "check"}, "link check takes one URL, got 0; see `tributary link check --help`"},
		"link unquoted":  {[]string{"link", "check", "a", "b"}, "put quotes around one that has spaces or &"},
		"link no URL":    {[]string{"link", "check", "summer"}, `"summer" is not a URL; right would be one such as https://t.example`},
		"link campaign":  {[]string{"link", "campaign", "sumer"}, `there is no campaign "sumer"; did you mean "summer"?`},
		"link value":     {[]string{"link", "campaign", "summer", "--value", "sub1"}, `--value "sub1" is not a pair; right would be NAME=TEXT`},
		"link base":      {[]string{"link", "campaign", "summer", "--base", "t.example"}, `"t.example" is not an address of the edge`},
		"link network":   {[]string{"link", "postback", "--network", "acne", "--sender", "tune"}, `there is no network "acne"; did you mean "acme"?`},
		"import nothing": {[]string{"import", "clicks"}, "import clicks takes one file, got 0"},
		"import tracker": {[]string{"import", "clicks", "--from", "kaitaro", csv}, `--from "kaitaro" is unknown; did you mean "keitaro"?`},
		"import no file": {[]string{"import", "clicks", csv + "x"}, "opening the file: open " + csv + "x: no such file"},
		"import zone":    {[]string{"import", "clicks", "--time-zone", "Berlin", csv}, `--time-zone "Berlin" is unknown; right would be an IANA name such as Europe/Berlin`},
		"import dates":   {[]string{"import", "clicks", "--dates", "ymd", csv}, `--dates "ymd" is unknown; right would be dmy`},
		"import decimal": {[]string{"import", "clicks", "--decimal", "dot", csv}, `--decimal "dot" is unknown; right would be auto, point or comma`},
		"import columns": {[]string{"import", "clicks", "--columns", "clickid=a", csv}, `there is no field "clickid"; did you mean "click_id"?`},
		"import map":     {[]string{"import", "clicks", "--campaign-map", "a", csv}, `--campaign-map "a" is not a pair; right would be THEIRS=NAME`},
		"import edge":    {[]string{"import", "clicks", "--edge", "t.example", "--from", "keitaro", csv}, `--edge "t.example" is not the address of an edge`},
		"import native":  {[]string{"import", "clicks", csv}, "known to be the click_id in an export of native; right would be --columns click_id=NAME"},
		"import char":    {[]string{"import", "clicks", "--separator", "ab", csv}, `--separator "ab" is none`},
		"postback sub":   {[]string{"postback", "tset"}, `there is no command "tset"; did you mean "test"?`},
		"postback many":  {[]string{"postback", "test", "acme"}, `tributary postback test takes no arguments, got "acme"`},
		"postback edge":  {[]string{"postback", "test", "--edge", "here"}, `--edge "here" is not the address of an edge`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, append(c.args, "--config", file)...)
			if code != ExitUsage || !strings.Contains(stderr, c.want) || stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr:\n%s\nwant code %d and %q", code, stdout, stderr, ExitUsage, c.want)
			}
		})
	}
}

// The commands as a person uses them where no server runs.
func TestLinkAndImportOffline(t *testing.T) {
	file := configuration(t)
	csv := filepath.Join(t.TempDir(), "clicks.csv")
	if err := os.WriteFile(csv, []byte("sub_id,datetime,campaign\na,2026-02-20 10:00:00,summer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"link":     {[]string{"link", "campaign", "summer", "--base", "https://t.example", "--traffic", "mgid"}, ExitOK, []string{"https://t.example/c/summer?external_id={click_id}&", "a click of campaign summer"}},
		"own base": {[]string{"link", "campaign", "summer"}, ExitOK, []string{"http://127.0.0.1:1/c/summer\n"}},
		"template": {[]string{"link", "postback", "--sender", "tune"}, ExitOK, []string{"http://127.0.0.1:1/postback/acme?click_id={aff_sub}&payout={payout}&txid={transaction_id}\n", "taken: event conversion, approved"}},
		"check":    {[]string{"link", "check", "/c/summer?sub1=a", "--json"}, ExitOK, []string{`"kind":"click link"`, `"ok":true`}},
		"refused":  {[]string{"link", "check", "/c/winter"}, ExitFailure, []string{`refused: no campaign is named "winter"`}},
		"dry run":  {[]string{"import", "clicks", "--from", "keitaro", csv}, ExitOK, []string{"1 click can be imported", "The same with --yes imports 1 click."}},
		"no edge":  {[]string{"import", "clicks", "--from", "keitaro", csv, "--yes", "--retry-for", "0s"}, ExitFailure, []string{"0 clicks sent", "the same command goes on there"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, append(c.args, "--config", file)...)
			if code != c.code {
				t.Errorf("exit code %d, %s", code, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("no %q in\n%s\n%s", want, stdout, stderr)
				}
			}
		})
	}
	code, _, stderr := run(t, nil, "postback", "test", "--config", file)
	if code != ExitFailure || !strings.Contains(stderr, "reaching ClickHouse at 127.0.0.1:1 (clickhouse.addr)") {
		t.Errorf("postback test without engines: exit code %d, %s", code, stderr)
	}
}

// TestPrintedLinkCommandsWork runs every command that a warning, `up` and the page about trust print, as it is printed.
func TestPrintedLinkCommandsWork(t *testing.T) {
	example, err := os.ReadFile("../deploy/tributary.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/trust.md")
	if err != nil {
		t.Fatal(err)
	}
	const token = "0123456789abcdef0123456789abcdef"
	text := string(example)
	proved := strings.Replace(text, "    - name: acme\n", "    - name: acme\n      trust: {tokens: {first: "+token+"}}\n", 1)
	if proved == text {
		t.Fatal("the example declares no network acme")
	}
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	code, _, warnings := run(t, nil, "config", "check", "--config", file)
	if code != ExitOK {
		t.Fatal(warnings)
	}
	write(proved)
	env := &environment{set: []string{"ingest.listen=127.0.0.1:4321"}, environ: []string{"TRIBUTARY_CONFIG=" + file}}
	from := env.dlqSources()
	loaded, err := config.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	var greeting bytes.Buffer
	greet(&greeting, &loaded.Config, "", env.sqlCommand(from, loaded), postbackLinkCommand(from, loaded, "acme"))
	printed := regexp.MustCompile(`tributary link [^` + "`" + `)\n]*`)
	for where, c := range map[string]struct {
		text, base string
		environ    []string
	}{
		"the warning": {warnings, "", []string{"TRIBUTARY_CONFIG=" + file}}, "docs/trust.md": {string(page), "", []string{"TRIBUTARY_CONFIG=" + file}},
		"up": {greeting.String(), "http://127.0.0.1:4321/", nil},
	} {
		commands := printed.FindAllString(c.text, -1)
		if len(commands) == 0 {
			t.Errorf("%s prints no command: %s", where, c.text)
		}
		for _, command := range commands {
			code, stdout, stderr := run(t, c.environ, shellWords(command)[1:]...)
			url, _, _ := strings.Cut(stdout, "\n")
			if code != ExitOK || !strings.HasPrefix(url, c.base) || !strings.Contains(url, "/postback/acme?click_id={click_id}&payout={payout}&txid={txid}&token="+token) ||
				!strings.Contains(stdout, "Note: Replace {click_id}") {
				t.Errorf("%s prints %q: exit code %d, %s%s", where, command, code, stdout, stderr)
			}
		}
	}
	// What stands in the places is refused, should somebody forget them.
	code, stdout, stderr := run(t, []string{"TRIBUTARY_CONFIG=" + file}, "link", "check", "/postback/acme?click_id={click_id}&payout={payout}&txid={txid}&token="+token)
	if code != ExitFailure || !strings.Contains(stdout, "macro") {
		t.Errorf("places that nobody filled in: exit code %d, %s%s", code, stdout, stderr)
	}
}
