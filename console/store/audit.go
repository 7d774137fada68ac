package store

import (
	"context"
	"encoding/json"
)

// An Entry of the audit says what somebody did.
type Entry struct {
	Seq     int64           `json:"seq"`
	AtMS    int64           `json:"at_ms"`
	ActorID string          `json:"actor_id,omitempty"`
	Actor   string          `json:"actor"`
	Through string          `json:"through" doc:"session, token NAME, link or command"`
	Address string          `json:"address,omitempty"`
	Action  string          `json:"action"`
	Kind    string          `json:"kind"`
	Object  string          `json:"object"`
	Was     json.RawMessage `json:"was,omitempty" doc:"The object before"`
	Became  json.RawMessage `json:"became,omitempty" doc:"The object after"`
}

// Audit returns entries, the newest first: at most limit, before the entry with this number; 0 begins with the newest. They are of one
// user, or of everybody where userID is empty.
func (s *Store) Audit(ctx context.Context, before int64, limit int, userID string) ([]Entry, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	return list(ctx, s, func(r row) (*Entry, error) {
		var e Entry
		var was, became string
		if err := r.Scan(&e.Seq, &e.AtMS, &e.ActorID, &e.Actor, &e.Through, &e.Address, &e.Action, &e.Kind, &e.Object, &was, &became); err != nil {
			return nil, err
		}
		if was != "" {
			e.Was = json.RawMessage(was)
		}
		if became != "" {
			e.Became = json.RawMessage(became)
		}
		return &e, nil
	}, "SELECT seq, at_ms, actor_id, actor, through, address, action, kind, object, was, became FROM audit WHERE seq < $1 AND ($3 = '' OR actor_id = $3) ORDER BY seq DESC LIMIT $2", before, limit, userID)
}
