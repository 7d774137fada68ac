package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.yaml.in/yaml/v4"

	"tributary/catalog"
	"tributary/ingest"
)

// edgeVariable makes the test binary an edge, described by the variable's JSON, until it is killed.
const edgeVariable = "TRIBUTARY_TEST_EDGE"

// edgeChild describes an edge of its own process.
type edgeChild struct {
	Listen, Spool, Prefix, Catalog string
	// Kafka is where every connection to a broker goes, whatever address the broker tells.
	Kafka    string
	AckBound time.Duration
}

func init() {
	text := os.Getenv(edgeVariable)
	if text == "" {
		return
	}
	if err := serveEdge(text); err != nil {
		fmt.Fprintln(os.Stderr, "edge:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveEdge(text string) error {
	var c edgeChild
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	var file struct{ Catalog catalog.Config }
	if err := yaml.Unmarshal([]byte(c.Catalog), &file); err != nil {
		return err
	}
	built, err := catalog.Build(file.Catalog)
	if err != nil {
		return err
	}
	cfg := ingest.Defaults()
	cfg.Listen, cfg.Spool.Dir, cfg.AckBound = c.Listen, c.Spool, c.AckBound
	cfg.Trust.ManagementRoutes = true
	logger, err := zap.NewDevelopment(zap.IncreaseLevel(zap.WarnLevel), zap.AddStacktrace(zap.PanicLevel))
	if err != nil {
		return err
	}
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, c.Kafka)
	}
	edge, err := ingest.New(cfg, ingest.Deps{
		Kafka: []kgo.Opt{kgo.SeedBrokers(c.Kafka), kgo.Dialer(dial)}, TopicPrefix: c.Prefix, Registerer: prometheus.NewRegistry(), Logger: logger, Catalog: built,
	})
	if err != nil {
		return err
	}
	return edge.Run(context.Background())
}
