package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas/events"
)

const appliedCatalog = `
catalog:
  offers:
    - {id: 1, name: shoes, url: "https://shop.example/?c={click_id}", payout: 4}
  sources:
    - {id: 1, name: pushads}
  campaigns:
    - id: 1
      name: summer
      offers: [shoes]
      cost: 0.02
      rules: [{countries: [DE], offers: [shoes], weights: {shoes: 2}}]
  networks:
    - {name: acme, trust: {tokens: {first: "a token of sixteen bytes"}, hmac_max_age: 1m}}
  exchange_rates:
    - {currency: EUR, date: 2026-01-01, rate: 1.1}
`

// The commands as a person uses them: what is applied is in force, what is exported applies to the same, and what is wrong is said with its line.
func TestCatalogCommands(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "x.control"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := write("first.yaml", appliedCatalog)
	second := write("second.yaml", strings.NewReplacer("cost: 0.02", "cost: 0.03", "payout: 4", "payout: 4, goal: [ftd]", "{id: 1, name: pushads}", "{id: 2, name: native}").Replace(appliedCatalog))
	wrong := write("wrong.yaml", strings.Replace(appliedCatalog, "offers: [shoes]\n", "offers: [shoe]\n", 1))
	unknown := write("unknown.yaml", strings.Replace(appliedCatalog, "cost: 0.02", "costs: 0.02", 1))
	none := write("none.yaml", "catalog: {sources: []}\n")
	command := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		args = append(args, "--set", "kafka.mode=external", "--set", "kafka.topic_prefix=x.", "--set",
			"kafka.brokers="+cluster.ListenAddrs()[0], "--set", "data_dir="+dir, "--set", "catalog.source=control",
			"--set", "catalog.base_currency=USD", "--set", "log.level=error")
		got, stdout, stderr := run(t, nil, args...)
		if got != code {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args[:2], got, code, stdout, stderr)
		}
		return stdout, stderr
	}
	says := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("it does not say %q:\n%s", want, text)
			}
		}
	}
	out, _ := command(ExitOK, "catalog", "history")
	says(out, "no catalog was applied yet")
	out, _ = command(ExitOK, "catalog", "apply", first, "--dry-run")
	says(out, "campaign summer: added", "a dry run: nothing was applied (revision 0)")
	out, _ = command(ExitOK, "catalog", "apply", first, "--if-revision", "0", "--author", "ann", "--reason", "begin")
	says(out, "network acme: added", "(redacted)", "in force as revision 6")
	if strings.Contains(out, "sixteen") {
		t.Errorf("it prints a secret:\n%s", out)
	}
	out, _ = command(ExitOK, "catalog", "apply", first)
	says(out, "nothing differs from what is in force (revision 6)")
	out, _ = command(ExitOK, "catalog", "diff", second)
	says(out, `campaign summer: cost from "0.02" to "0.03"`, `offer shoes: goal set to ["ftd"]`,
		"source pushads: removed", "source native: added", "4 differences from revision 6")
	exported, _ := command(ExitOK, "catalog", "export")
	says(exported, "# revision 6", "(redacted)", "weights:")
	again := write("again.yaml", exported)
	out, _ = command(ExitOK, "catalog", "apply", again)
	says(out, "nothing differs")
	whole, _ := command(ExitOK, "catalog", "export", "--secrets")
	says(whole, "a token of sixteen bytes")
	out, _ = command(ExitOK, "catalog", "apply", second, "--author", "bob", "--reason", "more", "--if-revision", "6")
	says(out, "in force as revision")
	_, said := command(ExitFailure, "catalog", "apply", again, "--if-revision", "6")
	says(said, "the catalog is at revision", "bob", `"more"`, "not at 6")
	out, _ = command(ExitOK, "catalog", "history")
	says(out, "bob", "ann", "begin")
	if strings.Index(out, "bob") > strings.Index(out, "ann") {
		t.Errorf("the newest is not the first:\n%s", out)
	}
	out, _ = command(ExitOK, "catalog", "history", "--revision", "6")
	says(out, "by ann: begin", "rate EUR 2026-01-01: added")
	_, said = command(ExitUsage, "catalog", "history", "--revision", "7")
	says(said, "no change made revision 7")
	out, _ = command(ExitOK, "catalog", "history", "--json", "-n", "1")
	says(out, `"author":"bob"`)
	_, said = command(ExitUsage, "catalog", "apply", wrong)
	says(said, "wrong.yaml:", "catalog.campaigns[0].offers[0]", "shoe")
	_, said = command(ExitUsage, "catalog", "apply", unknown)
	says(said, "unknown.yaml:11", `did you mean "cost"`)
	_, said = command(ExitUsage, "catalog", "apply", none)
	says(said, "campaigns: [] for none")
	_, said = command(ExitUsage, "catalog", "apply")
	says(said, "takes one FILE")
	_, said = command(ExitUsage, "catalog", "aply", first)
	says(said, `did you mean "apply"`)
	_, said = command(ExitUsage, "catalog", "export", "--copy")
	says(said, "there is no copy of the topic control")

	// What a newer program wrote is not there, and is told of.
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("x.control"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	value, err := (&events.ControlEntry{Version: 99, Kind: "block", Id: "b7k2m9qxp"}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Key: []byte("block/b7k2m9qxp"), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"block", "list"}, {"catalog", "export"}} {
		_, said = command(ExitOK, args...)
		says(said, "the entry block/b7k2m9qxp of revision", "is of version 99")
	}
}
