package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

	"tributary/processor/checkpoint"
	"tributary/processor/state"
)

// openCheckpoints connects to the destination of checkpoints, if one is configured.
func (p *Processor) openCheckpoints() (closeAll func(), err error) {
	if p.cfg.Checkpoint.URL == "" {
		return func() {}, nil
	}
	p.checkpoints, err = checkpoint.Open(p.cfg.Checkpoint, checkpoint.Deps{Group: p.cfg.Group, Registerer: p.deps.Registerer, Logger: p.log,
		Now: p.now, FS: p.deps.CheckpointFS})
	if err != nil {
		return nil, fmt.Errorf("opening processor.checkpoint: %w", err)
	}
	if p.shipper, err = checkpoint.NewShipper(p.checkpoints, p.store, nil); err != nil {
		return nil, errors.Join(err, p.checkpoints.Close())
	}
	return func() {
		p.shipper.Close()
		if err := p.checkpoints.Close(); err != nil {
			p.log.Warn("closing the checkpoints' destination", zap.Error(err))
		}
	}, nil
}

// ship freezes one partition that is due, between two cycles: everything in its state is committed then.
func (p *Processor) ship() error {
	if p.shipper == nil {
		return nil
	}
	for id, part := range p.parts {
		if part.touched || part.meta.cycle == part.shipped || !p.shipper.Due(id) {
			continue
		}
		if err := part.settle(); err != nil {
			return err
		}
		m := &part.meta
		part.shipped = m.cycle
		p.shipper.Ship(id, checkpoint.Meta{CycleSeq: m.cycle.seq, CycleRandom: m.cycle.random, WatermarkMS: m.watermarkMS,
			Positions: maps.Clone(m.positions), TopicIDs: p.topicIDs})
		return nil
	}
	return nil
}

// fetchCheckpoint brings an empty partition to the newest checkpoint before what is committed, and answers the partition over its
// new state: an empty one where there is no checkpoint. The topics alone are read then.
func (p *Processor) fetchCheckpoint(ctx context.Context, part *partition, c commit) (*partition, error) {
	logged := time.Now()
	m, ok, err := p.checkpoints.Restore(ctx, p.store, part.id, func(m *checkpoint.Manifest) error {
		if m.CycleSeq > c.cycle.seq {
			return fmt.Errorf("cycle %d is beyond the committed %d", m.CycleSeq, c.cycle.seq)
		}
		return m.Fits(c.positions, p.topicIDs)
	}, func(at checkpoint.Progress) {
		p.setProgress(part.id, at.String())
		if time.Since(logged) > replayLogEvery {
			logged = time.Now()
			p.log.Info("restoring a checkpoint", zap.Int32("partition", part.id), zap.Stringer("progress", at))
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, state.ErrStorage):
		return nil, err
	case err != nil:
		p.log.Warn("no checkpoint can be restored; the state is rebuilt from the topics", zap.Int32("partition", part.id), zap.Error(err))
	}
	fresh := p.newPartition(part.id)
	if err := fresh.load(); err != nil {
		return nil, err
	}
	if ok && (fresh.meta.cycle != cycleID{m.CycleSeq, m.CycleRandom} || !fresh.meta.settled) {
		return nil, fmt.Errorf("checkpoint %s of partition %d holds cycle %s: it was frozen at another moment than its manifest says", m.ID(), part.id, fresh.meta.cycle)
	}
	return fresh, nil
}

func (p *Processor) setProgress(id int32, text string) {
	p.mu.Lock()
	p.progress[id] = text
	p.mu.Unlock()
	p.updateReadiness()
}
