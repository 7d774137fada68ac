// Package claims is the stage that finds a network's transaction ID used on two clicks. Clicks of one transaction ID live in
// different partitions, so each new conversion with a transaction ID is sent to the topic claims, keyed by network
// and transaction ID, and judged where that key lives. Not so where its network's IDs are unique within a click only
// (Postback.txid_scope).
//
// Place in the flow: a stage of the processor beside join, whose outputs it reads from the topic claims.
//
// State: h, epoch (4 bytes), network, zero byte, transaction ID → the first use. An epoch is one claim window of the time at which the
// edge received the postback; a use is looked up in its own epoch and both neighbours, for claims come out of order, and
// older epochs are removed as a range, so a use is remembered for one to two windows.
//
// Concurrency: as in package stage. Not responsible for: saying what a finding is worth (attributor).
package claims

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"tributary/attributor"
	"tributary/processor/stage"
	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

const kindHolder = 'h'

// Stage is the check of claims. It is shared by all partitions.
type Stage struct {
	windowMS int64
	settings []byte
}

// settingsVersion is the form of the stage's settings: this byte, and the window as a varint.
const settingsVersion = 1

// New makes the stage; windowMS is how long a use is remembered at least.
func New(windowMS int64) *Stage {
	windowMS = max(windowMS, 1)
	return &Stage{windowMS, binary.AppendVarint([]byte{settingsVersion}, windowMS)}
}

// Settings is of stage.Configured.
func (s *Stage) Settings() []byte { return s.settings }

func (s *Stage) Name() string     { return "claims" }
func (s *Stage) Inputs() []string { return []string{schemas.TopicClaims} }
func (s *Stage) Outputs() []string {
	return []string{schemas.TopicConversions, schemas.TopicAnomalies, schemas.TopicDeadLetters}
}

// Task makes the worker of one partition.
func (s *Stage) Task(int32) stage.Task { return &task{windowMS: s.windowMS} }

type task struct {
	windowMS int64
	key      []byte
	// removed is the first epoch that was not removed yet; no use is remembered in an epoch after latest.
	removed, latest uint32
}

// Open finds the latest epoch.
func (t *task) Open(ctx *stage.Context) error {
	t.removed, t.latest = 0, 0
	key, ok, err := ctx.State.Last([]byte{kindHolder})
	if err != nil {
		return err
	}
	if ok && len(key) >= 1+4 {
		t.latest = binary.BigEndian.Uint32(key[1:])
	}
	return nil
}

// Configure is of stage.Configurable. Epochs of another window are counted otherwise, and what stands in them cannot be
// looked up any more: it goes.
func (t *task) Configure(ctx *stage.Context, before, now []byte) error {
	if len(now) == 0 || now[0] != settingsVersion {
		return errors.New("settings are damaged")
	}
	windowMS, n := binary.Varint(now[1:])
	if n <= 0 || windowMS < 1 {
		return errors.New("settings are damaged")
	}
	t.windowMS = windowMS
	if before != nil && !bytes.Equal(before, now) {
		ctx.State.DeleteRange([]byte{kindHolder}, []byte{kindHolder + 1})
		t.removed, t.latest = 0, 0
	}
	return nil
}

// OnTimer is not used.
func (t *task) OnTimer(*stage.Context, []byte, int64) error { return nil }

// Process judges one claim.
func (t *task) Process(ctx *stage.Context, rec *stage.Record) error {
	claim := &events.Claim{}
	if err := claim.UnmarshalVT(rec.Value); err != nil {
		return fmt.Errorf("reading a claim: %w", err)
	}
	c := claim.Conversion
	if c == nil || c.Txid == "" {
		return errors.New("reading a claim: it has no conversion with a transaction ID")
	}
	// Not the watermark: a partition that has seen no click yet has none. One is added so that there is an epoch before.
	epoch := uint32(max(min(c.ReceivedMs, ctx.NowMS()), 0)/t.windowMS) + 1
	if t.removed < epoch-1 {
		ctx.State.DeleteRange([]byte{kindHolder}, epochKey(nil, epoch-1))
		t.removed = epoch - 1
	}
	var holder *state.ClaimHolder
	for e := epoch - 1; e <= min(epoch+1, t.latest); e++ {
		var err error
		if holder, err = t.holder(ctx, c, e); err != nil {
			return err
		}
		if holder != nil {
			break
		}
	}
	next, entry := attributor.CheckClaim(holder, claim)
	if holder == nil {
		t.key = claimKey(t.key, epoch, c)
		t.latest = max(t.latest, epoch)
		if _, err := next.MarshalToSizedBufferVT(ctx.State.PutSized(t.key, next.SizeVT())); err != nil {
			return fmt.Errorf("writing a claim: %w", err)
		}
	}
	if entry == nil {
		return nil
	}
	entry.DecidedMs = ctx.NowMS()
	key := []byte(entry.ClickId)
	if err := ctx.EmitMessage(schemas.TopicConversions, key, entry); err != nil {
		return err
	}
	for _, a := range attributor.Anomalies(entry) {
		if err := ctx.EmitMessage(schemas.TopicAnomalies, key, a); err != nil {
			return err
		}
	}
	return nil
}

func (t *task) holder(ctx *stage.Context, c *events.Conversion, epoch uint32) (*state.ClaimHolder, error) {
	t.key = claimKey(t.key, epoch, c)
	raw, ok, err := ctx.State.Get(t.key)
	if err != nil || !ok {
		return nil, err
	}
	h := &state.ClaimHolder{}
	if err := h.UnmarshalVT(raw); err != nil {
		return nil, fmt.Errorf("reading the first use of a transaction ID: %w", err)
	}
	return h, nil
}

func epochKey(dst []byte, epoch uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst[:0], kindHolder), epoch)
}

func claimKey(dst []byte, epoch uint32, c *events.Conversion) []byte {
	dst = append(epochKey(dst, epoch), c.Network...)
	return append(append(dst, 0), c.Txid...)
}
