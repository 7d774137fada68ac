package config

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files")

const referenceHead = `# Configuration

<!-- Written by make generate (go test ./deploy/config -run TestReference -update); change the code instead. -->

One YAML file, strict: an unknown key is an error that names the nearest known one, and all errors are reported at once with
their lines. A commented example is [deploy/tributary.example.yaml](../deploy/tributary.example.yaml).

` + "```sh" + `
tributary config check --config tributary.yaml      # exit code 0: it is right
tributary config print --config tributary.yaml      # every key, its value, and where the value came from
` + "```" + `

A value comes from a flag (` + "`--set kafka.partitions=8`" + `), else from a variable, else from the file (` + "`--config`" + `,
` + "`TRIBUTARY_CONFIG`" + `), else from the default. The variable of a key is ` + "`TRIBUTARY_`" + ` and its path in capitals, dots as
underscores: ` + "`TRIBUTARY_KAFKA_PARTITIONS=8`" + `. Lists take commas (` + "`TRIBUTARY_KAFKA_BROKERS=a:9092,b:9092`" + `), maps
` + "`NAME=VALUE`" + ` between commas; lists of sections can only be written in the file. Durations have a unit (` +
	"`500ms`, `30s`, `30d`" + `),
keys that end in ` + "`_bytes`" + ` may (` + "`64KiB`, `16MiB`" + `). An unknown variable is an error too.

Campaigns, sources, offers, networks and exchange rates are read again when the file changes; a bad reload keeps the old ones
and says why in the log, in ` + "`/readyz`" + ` and in a metric. Other sections need a restart.

Variables that are no setting: ` + "`TRIBUTARY_CONFIG`" + ` names the file, ` + "`TRIBUTARY_LIBCHDB`" + ` the embedded engine's library,
` + "`TRIBUTARY_CACHE`" + ` the folder of fetched engines.

`

func TestReferenceIsUpToDate(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "configuration.md")
	want := referenceHead + Reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/configuration.md is not what the code says; run `make generate`")
	}
}
