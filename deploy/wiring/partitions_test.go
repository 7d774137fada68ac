package wiring_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"tributary/deploy/wiring"
)

// grow adds partitions to topics of the embedded broker.
func (u *up) grow(n int, topics ...string) {
	u.t.Helper()
	opts, err := wiring.KafkaOptions(u.config.Kafka, "test", zap.NewNop())
	if err != nil {
		u.t.Fatal(err)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		u.t.Fatal(err)
	}
	defer client.Close()
	made, err := kadm.NewClient(client).UpdatePartitions(u.t.Context(), n, topics...)
	if err != nil || made.Error() != nil {
		u.t.Fatal(err, made.Error())
	}
}

// Partitions that are added to a topic that the processor only writes are read, and a start goes on with them. Added to what goes together, they
// stop the processor alone: the edge takes on, /readyz and the log say what is wrong, and a start is refused with the way out.
func TestAddedPartitions(t *testing.T) {
	dir, c := t.TempDir(), newOwnCatalog(t)
	lines, logger := recorded()
	u := startLogged(t, dir, c.file, logger)
	sent := 0
	send := func(n int) {
		t.Helper()
		for range n {
			sent++
			_, clickID := u.click("summer")
			if got := u.postback(clickID, fmt.Sprint("t", sent)); got != "accepted" {
				t.Fatalf("postback: %s", got)
			}
		}
		want := fmt.Sprintf("%d,%d,%d", sent, sent, 11*sent)
		eventually(t, "figures", func() (bool, string) { got := u.query(figures); return got == want, got })
	}
	send(2)
	u.grow(9, "scored.clicks")
	eventually(t, "the log", func() (bool, string) {
		return lines.FilterMessageSnippet("more partitions than before").Len() > 0, "nothing is said"
	})
	// Some of them go to the new partitions, once the producer has seen them.
	send(10)
	eventually(t, "rows of an added partition", func() (bool, string) {
		send(4)
		got := u.query("SELECT max(_partition) FROM tributary.clicks")
		return got >= "4", got
	})
	if report := u.audit(dir, c.file); !report.OK() {
		t.Errorf("the auditor: %v", report.Differences)
	}
	u.end()
	u = startLogged(t, dir, c.file, logger)
	send(2)

	u.grow(5, "clicks")
	u.says("the topics have another number of partitions than the state: clicks had 4 partitions at the start and has 5 now")
	if code, _ := u.click("summer"); code != http.StatusFound {
		t.Errorf("the edge answers %d", code)
	}
	if lines.FilterMessageSnippet("failed; starting it again").Len() == 0 {
		t.Error("the log says nothing")
	}
	u.end()
	refuses(t, "unequal numbers", dir, c.file, "clicks has 5, the configuration says 4; clicks, postbacks, claims, cycles, scored.conversions must have equal numbers")
	other := startLogged(t, t.TempDir(), c.file, zap.NewNop(), "kafka.topic_prefix=new.", "clickhouse.database=new")
	_, clickID := other.click("summer")
	if got := other.postback(clickID, "n1"); got != "accepted" || !strings.HasPrefix(other.query("SELECT 1"), "1") {
		t.Errorf("another installation: %s", got)
	}
	other.end()
}
