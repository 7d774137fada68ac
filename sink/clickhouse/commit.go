package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// committer joins the offset commits of all partitions that wait for one into a single request: at any time one is under
// way, and whoever asks meanwhile is in the next.
type committer struct {
	client   *kgo.Client
	timeout  time.Duration
	metrics  *metrics
	requests chan *commitRequest
}

type commitRequest struct {
	owner    *owner
	offset   int64
	metadata string
	err      error
	done     chan struct{}
}

// errLost vetoes a commit for a partition that this member lost while the commit waited: it would be sent under the
// member's next generation, which the broker cannot tell from an owner's.
var errLost = errors.New("the partition belongs to another member now")

func newCommitter(client *kgo.Client, timeout time.Duration, m *metrics) *committer {
	return &committer{client: client, timeout: timeout, metrics: m, requests: make(chan *commitRequest)}
}

// commit returns when the broker has taken the offset and the metadata, under the current generation of the group. After
// an error it may or may not have.
func (c *committer) commit(ctx context.Context, o *owner, offset int64, metadata string) error {
	request := &commitRequest{owner: o, offset: offset, metadata: metadata, done: make(chan struct{})}
	select {
	case c.requests <- request:
	case <-ctx.Done():
		return ctx.Err()
	}
	// No return before the answer: an owner that stops must not leave a commit behind it.
	<-request.done
	return request.err
}

// run serves until ctx is done.
func (c *committer) run(ctx context.Context) {
	for {
		var waiting []*commitRequest
		select {
		case <-ctx.Done():
			return
		case request := <-c.requests:
			waiting = append(waiting, request)
		}
		for more := true; more; {
			select {
			case request := <-c.requests:
				waiting = append(waiting, request)
			default:
				more = false
			}
		}
		c.send(ctx, waiting)
		for _, request := range waiting {
			close(request.done)
		}
	}
}

func (c *committer) send(ctx context.Context, waiting []*commitRequest) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	index := make(map[string]map[int32]*commitRequest)
	for _, request := range waiting {
		topic := request.owner.topic
		if offsets[topic] == nil {
			offsets[topic], index[topic] = make(map[int32]kgo.EpochOffset), make(map[int32]*commitRequest)
		}
		offsets[topic][request.owner.partition] = kgo.EpochOffset{Epoch: -1, Offset: request.offset}
		index[topic][request.owner.partition] = request
		request.err = errNoAnswer
	}
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for t := range r.Topics {
			for p := range r.Topics[t].Partitions {
				partition := &r.Topics[t].Partitions[p]
				request := index[r.Topics[t].Topic][partition.Partition]
				if request.owner.lost.Load() {
					return errLost
				}
				partition.Metadata = kmsg.StringPtr(request.metadata)
			}
		}
		return nil
	})
	c.metrics.commits.Inc()
	c.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, r *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			for _, request := range waiting {
				request.err = fmt.Errorf("committing offsets: %w", err)
			}
			return
		}
		names := make(map[[16]byte]string)
		for _, topic := range r.Topics {
			names[topic.TopicID] = topic.Topic
		}
		for _, topic := range answer.Topics {
			name := topic.Topic
			if name == "" {
				name = names[topic.TopicID]
			}
			for _, partition := range topic.Partitions {
				request := index[name][partition.Partition]
				if request == nil {
					continue
				}
				if request.err = kerr.ErrorForCode(partition.ErrorCode); request.err != nil {
					request.err = fmt.Errorf("committing offset %d of %s/%d: %w", request.offset, name, partition.Partition, request.err)
				}
			}
		}
	})
}

var errNoAnswer = errors.New("committing offsets: the broker's answer leaves the partition out")

// fenced says whether a commit's error means that the group has gone on without this member.
func fenced(err error) bool {
	return errors.Is(err, errLost) || errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.UnknownMemberID) ||
		errors.Is(err, kerr.StaleMemberEpoch) || errors.Is(err, kerr.FencedMemberEpoch)
}
