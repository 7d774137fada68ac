package topics

import (
	"strings"
	"testing"

	"tributary/schemas"
)

// A topic that a stage of one's own declares is made and checked like the product's, and no list of the product changes.
func TestTopicsOfStagesAreMade(t *testing.T) {
	defer func(was func() []schemas.Topic) { own = was }(own)
	own = func() []schemas.Topic {
		return []schemas.Topic{{Name: "alarms", Key: "the visitor's address", RetentionMS: 60_000, Transactional: true}}
	}
	ctx, admin := kafka(t)
	s := Settings{Partitions: 2, ReplicationFactor: 1}
	if err := Check(ctx, admin, s); err == nil || !strings.Contains(err.Error(), "alarms") {
		t.Errorf("before: %v", err)
	}
	if _, err := Ensure(ctx, admin, s); err != nil {
		t.Fatal(err)
	}
	if ms, _ := retention(t, ctx, admin, "alarms"); ms != "60000" {
		t.Errorf("alarms are kept %s ms", ms)
	}
	if err := Check(ctx, admin, s); err != nil {
		t.Error(err)
	}
	if len(All()) != len(schemas.Topics)+1 {
		t.Errorf("%d topics", len(All()))
	}
}
