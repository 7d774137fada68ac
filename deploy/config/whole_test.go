package config

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tributary/deploy"
)

const oneCampaign = `catalog:
  base_currency: USD
  click_id_keys: {active: 1, keys: {1: 0123456789abcdef}}
  offers: [{id: 1, name: shop, url: "https://shop.example/?c={click_id}"}]
  networks: [{name: acme}]
  campaigns:
    - {id: 1, name: first, offers: [shop]}
    - {id: 2, name: second, offers: [shop]}
`

// Nothing is taken for the built-in example, or for a catalog of nothing, where a file is named.
func TestEmptyIsNotTheExample(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comments": "# nothing yet\n", "no document": "---\n", "null": "~\n", "other sections": "log: {level: info}\n",
		"an empty section": "catalog:\n", "an empty section, written so": "catalog: {}\n",
		"keys alone": "catalog:\n  click_id_keys: {active: 1, keys: {1: 0123456789abcdef}}\n",
		"half":       oneCampaign[:strings.Index(oneCampaign, "  campaigns:")],
	} {
		t.Run(name, func(t *testing.T) {
			for role, from := range map[string]Sources{"up": {Catalog: deploy.ExampleConfig}, "ingest": {Sections: []string{SectionCatalog}}} {
				from.File = write(t, text)
				_, err := Load(from)
				var problems Problems
				if !errors.As(err, &problems) || !strings.Contains(err.Error(), "tributary.yaml: catalog.campaigns: no campaigns are declared") {
					t.Errorf("%s: %v", role, err)
				}
			}
			// Roles without a catalog do without, and config check says so.
			if _, err := Load(Sources{File: write(t, text), Sections: []string{SectionSink}}); err != nil {
				t.Errorf("sink: %v", err)
			}
			looked, err := Load(Sources{File: write(t, text), Catalog: deploy.ExampleConfig, CatalogOptional: true, Sections: []string{SectionSink}})
			if err != nil || looked.StoodIn || !looked.NoCatalog {
				t.Errorf("looking: %v", err)
			}
		})
	}
}

// The message's own advice is right.
func TestCatalogOfNoCampaignsIsSaidSo(t *testing.T) {
	text := oneCampaign[:strings.Index(oneCampaign, "  campaigns:")] + "  campaigns: []\n"
	if _, err := Load(Sources{File: write(t, text), Catalog: deploy.ExampleConfig}); err != nil {
		t.Error(err)
	}
	loaded, err := Load(Sources{Catalog: deploy.ExampleConfig, Set: []string{"catalog.click_id_keys.active=1", "catalog.click_id_keys.keys=1=0123456789abcdef"}})
	if err != nil || !loaded.StoodIn {
		t.Errorf("without a file: %v", err)
	}
}

// What stood below a key may have been commented out: only a section of the top is left out like that.
func TestEmptyValuesAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"kafka:\n  brokers:\n    # - kafka-1:9092\n":                                      "kafka.brokers: the list is empty: write [] for none",
		"kafka:\n  retention:\n    # clicks: 1d\n":                                        "kafka.retention: the map is empty: write {} for none",
		"clickhouse:\n  tls:\n    # enabled: true\n":                                      "clickhouse.tls: the section is empty: write {} for the defaults",
		strings.Replace(oneCampaign, "{name: acme}", "{name: acme, trust: }", 1):          "catalog.networks[0].trust: the section is empty",
		oneCampaign[:strings.Index(oneCampaign, "    - {id: 1")]:                          "catalog.campaigns: the list is empty",
		strings.Replace(oneCampaign, "{name: acme}", "{name: acme, trust: {allow: }}", 1): "catalog.networks[0].trust.allow: the list is empty",
	} {
		_, err := Load(Sources{File: write(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
	if _, err := Load(Sources{File: write(t, oneCampaign+"ingest:\nlog: # nothing\n")}); err != nil {
		t.Error(err)
	}
}

// watched is a Watch over one file whose readings the test waits for.
type watched struct {
	t     *testing.T
	file  string
	again chan struct{}
	// last is the newest reading.
	last atomic.Pointer[Change]
}

func watch(t *testing.T, text string) *watched {
	t.Helper()
	w := &watched{t: t, file: write(t, text), again: make(chan struct{})}
	from := Sources{File: w.file, Catalog: deploy.ExampleConfig}
	started, err := Load(from)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Watch(ctx, from, started, w.again, func(c Change) error { w.last.Store(&c); return nil })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w
}

// put replaces the file as an editor does, so that no half of it is seen, and answers what a SIGHUP finds.
func (w *watched) put(text string) Change {
	w.t.Helper()
	if err := os.WriteFile(w.file+".new", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(w.file+".new", w.file); err != nil {
		w.t.Fatal(err)
	}
	return w.reload()
}

// reload answers what a SIGHUP finds, however many readings there were before because the file changed. When the second is
// taken, the reading of the first has ended.
func (w *watched) reload() Change {
	w.t.Helper()
	for range 2 {
		select {
		case w.again <- struct{}{}:
		case <-time.After(time.Minute):
			w.t.Fatal("the file was not read again within a minute")
		}
	}
	return *w.last.Load()
}

func (w *watched) refuses(what, text, want string) {
	w.t.Helper()
	if change := w.put(text); change.Err == nil || !strings.Contains(change.Err.Error(), want) {
		w.t.Errorf("%s: %+v, want %q", what, change, want)
	}
}

func (w *watched) takes(what, text string) {
	w.t.Helper()
	if change := w.put(text); change.Err != nil {
		w.t.Errorf("%s: %v", what, change.Err)
	}
}

// A file that is a part of itself is refused at a reload, as far as it can be told; what the refusals advise is taken.
func TestPartOfAFileIsRefused(t *testing.T) {
	w := watch(t, oneCampaign)
	half := strings.TrimSuffix(oneCampaign, "    - {id: 2, name: second, offers: [shop]}\n")
	w.refuses("empty", "", "no campaigns are declared")
	w.refuses("comments", "# to be written\n", "no campaigns are declared")
	w.refuses("a beginning", half, "is the first")
	w.refuses("within a line", half+"    - {id: 3, name: third, offers: [shop]}", "ends within a line")
	w.takes("the rest removed on purpose", half+"...\n")
	w.refuses("the mark is gone", strings.Replace(half, "first", "one", 1), "does not end with a line ...")
	w.takes("the mark is back", strings.Replace(half, "first", "one", 1)+"...\n")
	w.takes("comments alone", strings.Replace(half, "first", "one", 1)+"...\n# the end\n")

	w = watch(t, oneCampaign)
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	if change := w.reload(); change.Err == nil || !strings.Contains(change.Err.Error(), "there is no configuration file") {
		t.Errorf("a deleted file: %+v", change)
	}
	w.takes("another middle", strings.Replace(oneCampaign, "    - {id: 1, name: first, offers: [shop]}\n", "", 1))
	w.takes("as it was", oneCampaign)
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.file, 0o700); err != nil {
		t.Fatal(err)
	}
	if change := w.reload(); change.Err == nil || !strings.Contains(change.Err.Error(), "reading the configuration") {
		t.Errorf("unreadable: %+v", change)
	}
}
