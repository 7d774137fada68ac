package wiring_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tributary/deploy"
	"tributary/deploy/config"
	"tributary/deploy/wiring"
)

// TestNobodyElseReadsWhatIsKept: whatever engines and roles make, and in a data_dir that was made beforehand as most
// are, nobody but its owner may enter a folder or read a file.
func TestNobodyElseReadsWhatIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, folder := range []string{dir, filepath.Join(dir, "processor"), filepath.Join(dir, "spool", "old")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "spool", "old", "segment"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	u := start(t, dir, "")
	code, id := u.click("summer")
	if code != 302 || u.postback(id, "t1") != "accepted" {
		t.Fatal("nothing is counted")
	}
	eventually(t, "figures", func() (bool, string) { got := u.query(figures); return got == "1,1,11", got })
	seen := 0
	look := func() {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil // a merge or a compaction was quicker
			}
			if err != nil {
				return err
			}
			about, err := entry.Info()
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			seen++
			if mode := about.Mode(); mode&fs.ModeSymlink == 0 && mode.Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, mode)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	look()
	// The broker serves nobody without what is in there.
	client, err := kgo.NewClient(kgo.SeedBrokers(u.config.Kafka.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := client.Ping(ctx); err == nil {
		t.Error("the embedded Kafka serves a client without a password")
	}
	var c config.Config
	c.Kafka.Mode, c.DataDir = config.ModeEmbedded, dir
	if err := wiring.ReadKafkaLogin(&c); err != nil || c.Kafka.SASL != u.config.Kafka.SASL || len(c.Kafka.SASL.Password) != 64 {
		t.Errorf("the login that a command reads: %+v, %v", c.Kafka.SASL, err)
	}
	for _, name := range []string{wiring.KcatFile, wiring.KafkaClientFile} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(text), c.Kafka.SASL.Password) || !strings.Contains(string(text), u.config.Kafka.Brokers[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	u.end()
	look()
	if seen < 200 {
		t.Errorf("saw only %d files and folders", seen)
	}
	// A password that others may have read is not used.
	if err := os.Chmod(filepath.Join(dir, wiring.KafkaPasswordFile), 0o644); err != nil {
		t.Fatal(err)
	}
	c = config.Config{DataDir: dir, Kafka: config.Kafka{Mode: config.ModeEmbedded}}
	if err := wiring.RestrictData(&c); err != nil {
		t.Fatal(err)
	}
	if err := wiring.MakeKafkaLogin(&c); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a password that others may read: %v", err)
	}
}

// TestWarningsAreSaidOnce: at the start, and again only when a reload brings a new one.
func TestWarningsAreSaidOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	_, catalog, _ := strings.Cut(string(deploy.ExampleConfig), "\ncatalog:")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("catalog:"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(catalog)
	core, logs := observer.New(zap.WarnLevel)
	u := startLogged(t, t.TempDir(), file, zap.New(core))
	defer u.end()
	said := func(network string) int {
		return logs.Filter(func(e observer.LoggedEntry) bool {
			return strings.HasPrefix(e.Message, "catalog.networks[") && strings.Contains(e.Message, "network "+network+" is believed without proof")
		}).Len()
	}
	if said("acme") != 1 {
		t.Fatalf("said %d times: %v", said("acme"), logs.All())
	}
	const more, rates = "    - {name: another, currency: EUR}\n", "  exchange_rates:"
	put(strings.Replace(catalog, rates, more+rates, 1))
	eventually(t, "the new network's warning", func() (bool, string) { return said("another") == 1, "missing" })
	put(strings.Replace(catalog, rates, more+"    - {name: proved, currency: EUR, trust: {allow: [203.0.113.7]}}\n    - {name: last, currency: EUR}\n"+rates, 1))
	eventually(t, "the last network's warning", func() (bool, string) { return said("last") == 1, "missing" })
	if said("acme") != 1 || said("another") != 1 || said("proved") != 0 {
		t.Errorf("said of acme %d times, of another %d times, of one with a proof %d times", said("acme"), said("another"), said("proved"))
	}
}

// TestARoleClosesItsFolders: a role by itself closes what is there, wherever it is, and makes nothing that it does not
// need.
func TestARoleClosesItsFolders(t *testing.T) {
	modeOf := func(path string) fs.FileMode {
		t.Helper()
		about, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return about.Mode().Perm()
	}
	c := config.Defaults()
	root := t.TempDir()
	c.DataDir, c.Ingest.Spool.Dir, c.Processor.StateDir = filepath.Join(root, "data"), filepath.Join(root, "spool"), filepath.Join(root, "state")
	for _, folder := range []string{c.Ingest.Spool.Dir, c.Processor.StateDir} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	segment := filepath.Join(c.Ingest.Spool.Dir, "segment")
	if err := os.WriteFile(segment, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(segment, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(c.Processor.StateDir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := wiring.RestrictRole(&c, config.SectionIngest, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.DataDir); !os.IsNotExist(err) {
		t.Errorf("data_dir, which the edge does not need here, was made: %v", err)
	}
	if modeOf(c.Ingest.Spool.Dir) != 0o700 || modeOf(segment) != 0o600 || modeOf(c.Processor.StateDir) != 0o750 {
		t.Errorf("modes %o, %o, %o", modeOf(c.Ingest.Spool.Dir), modeOf(segment), modeOf(c.Processor.StateDir))
	}
	if err := os.Mkdir(c.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(c.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := wiring.RestrictRole(&c, config.SectionProcessor, zap.NewNop()); err != nil || modeOf(c.DataDir) != 0o700 || modeOf(c.Processor.StateDir) != 0o700 {
		t.Errorf("%v, modes %o, %o", err, modeOf(c.DataDir), modeOf(c.Processor.StateDir))
	}
}
