package embedded

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestFailedLoginsAreTold: each is counted and told with the address it came from; a right one is not.
func TestFailedLoginsAreTold(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	registry := prometheus.NewRegistry()
	k, err := NewKafka("127.0.0.1:0", t.TempDir(), zap.New(core), WithLogin(Login{testUser, testPassword}), WithMetrics(registry))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	failed := func() float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "tributary_kafka_refused_total" && m.GetLabel()[0].GetValue() == "login" {
					return m.GetCounter().GetValue()
				}
			}
		}
		t.Fatal("failed logins have no metric")
		return 0
	}
	if err := produceOnce(t, k.Address(), kgo.SASL(scram.Auth{User: testUser, Pass: testPassword}.AsSha256Mechanism())); err != nil {
		t.Fatal(err)
	}
	if n := failed(); n != 0 || logs.Len() > 0 {
		t.Errorf("a right login: %v failed, %v", n, logs.All())
	}
	for _, wrong := range []scram.Auth{{User: testUser, Pass: "wrong"}, {User: "admin", Pass: testPassword}} {
		before := failed()
		if err := produceOnce(t, k.Address(), kgo.SASL(wrong.AsSha512Mechanism())); err == nil {
			t.Fatalf("%s is served", wrong.User)
		}
		for deadline := time.Now().Add(30 * time.Second); failed() == before; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("the failed login of %s is not counted", wrong.User)
			}
		}
	}
	told := logs.FilterField(zap.String("reason", "login")).All()
	if len(told) == 0 || !strings.HasPrefix(fmt.Sprint(told[0].ContextMap()["client"]), "127.0.0.1:") {
		t.Errorf("failed logins are not told with their address: %v", logs.All())
	}
}
