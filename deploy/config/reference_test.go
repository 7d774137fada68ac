package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files")

const referenceHead = `# Configuration reference

Made from the code by ` + "`make generate`" + `; a test holds the two together. A commented example is
[tributary.example.yaml](tributary.example.yaml).

A value comes from a flag (` + "`--set kafka.partitions=8`" + `), else from a variable, else from the file (` + "`--config`" + `,
` + "`TRIBUTARY_CONFIG`" + `), else from the default. The variable of a key is ` + "`TRIBUTARY_`" + ` and its path in capitals, dots as
underscores: ` + "`TRIBUTARY_KAFKA_PARTITIONS=8`" + `. Lists take commas (` + "`TRIBUTARY_KAFKA_BROKERS=a:9092,b:9092`" + `), maps
` + "`NAME=VALUE`" + ` between commas; lists of sections can only be written in the file. Durations have a unit (` + "`500ms`, `30s`, `30d`" + `), keys
that end in ` + "`_bytes`" + ` may (` + "`64KiB`, `16MiB`" + `). An unknown key or variable is an error.

Variables that are no setting: ` + "`TRIBUTARY_CONFIG`" + ` names the file, ` + "`TRIBUTARY_LIBCHDB`" + ` the embedded engine's library,
` + "`TRIBUTARY_CACHE`" + ` the folder of fetched engines.

`

func TestReferenceIsUpToDate(t *testing.T) {
	path := filepath.Join("..", "CONFIG.md")
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
		t.Errorf("deploy/CONFIG.md is not what the code says; run `make generate`")
	}
}

// The README holds the same table between two marks.
func TestReadmeHoldsTheReference(t *testing.T) {
	const begin, end = "<!-- configuration: begin, written by make generate -->\n", "<!-- configuration: end -->"
	path := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(text), begin)
	got, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("README.md lacks the marks %q and %q around the configuration table", begin, end)
	}
	want := "\n" + Reference() + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Error("the configuration table of README.md is not what the code says; run `make generate`")
	}
}
