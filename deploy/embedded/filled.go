package embedded

import (
	"slices"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake leaves some fields of its responses out, or null, that every broker of Apache Kafka's fills. Its own clients
// do not look at them; Java's end with a NullPointerException. What is missing is filled in here.

// filled is a response as Apache Kafka's clients expect it. Responses of other kinds are returned as they are, unread.
func (g *gate) filled(req kmsg.Request, frame []byte) []byte {
	switch asked := req.(type) {
	case *kmsg.ApiVersionsRequest:
		return rewritten(asked, frame, func(r kmsg.Response) bool {
			answer := r.(*kmsg.ApiVersionsResponse)
			if answer.ErrorCode != 0 {
				return false
			}
			offer(answer)
			return true
		})
	case *kmsg.CreateTopicsRequest:
		return rewritten(asked, frame, fillCreatedTopics)
	case *kmsg.DescribeTopicPartitionsRequest:
		return rewritten(asked, frame, fillTopicPartitions)
	case *kmsg.DescribeClientQuotasRequest:
		return rewritten(asked, frame, func(r kmsg.Response) bool {
			answer := r.(*kmsg.DescribeClientQuotasResponse)
			if answer.ErrorCode == 0 && answer.Entries == nil {
				answer.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
			}
			return true
		})
	case *kmsg.DescribeConfigsRequest:
		return rewritten(asked, frame, fillConfigs)
	case *kmsg.DescribeLogDirsRequest:
		return rewritten(asked, frame, g.fillLogDirs)
	case *kmsg.ListGroupsRequest:
		return rewritten(asked, frame, fillGroups)
	}
	return frame
}

// fillCreatedTopics gives each created topic the list of its own settings, empty if it has none, and says whose they
// are.
func fillCreatedTopics(r kmsg.Response) bool {
	answer := r.(*kmsg.CreateTopicsResponse)
	for i := range answer.Topics {
		t := &answer.Topics[i]
		if t.Configs == nil {
			t.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
		}
		for j := range t.Configs {
			t.Configs[j].Source = int8(kmsg.ConfigSourceDynamicTopicConfig)
		}
	}
	return true
}

// fillTopicPartitions says which replicas beside those in sync may lead: none, where there is one broker.
func fillTopicPartitions(r kmsg.Response) bool {
	answer := r.(*kmsg.DescribeTopicPartitionsResponse)
	for _, t := range answer.Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			if p.EligibleLeaderReplicas == nil {
				p.EligibleLeaderReplicas = []int32{}
			}
			if p.LastKnownELR == nil {
				p.LastKnownELR = []int32{}
			}
		}
	}
	return true
}

// A topic's segments are as long as the broker's setting says, unless the topic has its own. kfake lists the broker's
// name for it among the topic's settings, beside a default that is not in force.
const (
	brokerSegmentBytes = "log.segment.bytes"
	topicSegmentBytes  = "segment.bytes"
)

// fillConfigs lists a topic's settings as they are in force. Of a broker's loggers it says that none has a level of
// its own: kfake calls the question wrong.
func fillConfigs(r kmsg.Response) bool {
	answer := r.(*kmsg.DescribeConfigsResponse)
	for i := range answer.Resources {
		switch res := &answer.Resources[i]; res.ResourceType {
		case kmsg.ConfigResourceTypeBrokerLogger:
			res.ErrorCode, res.ErrorMessage = 0, nil
		case kmsg.ConfigResourceTypeTopic:
			res.Configs = slices.DeleteFunc(res.Configs, func(c kmsg.DescribeConfigsResponseResourceConfig) bool {
				return c.Name == brokerSegmentBytes
			})
			for j := range res.Configs {
				if c := &res.Configs[j]; c.Name == topicSegmentBytes && c.Source == kmsg.ConfigSourceDefaultConfig {
					c.Value = kmsg.StringPtr(brokerConfigs[brokerSegmentBytes])
				}
			}
		}
	}
	return true
}

// fillLogDirs names the broker's folder and its disk: kfake invents both.
func (g *gate) fillLogDirs(r kmsg.Response) bool {
	answer := r.(*kmsg.DescribeLogDirsResponse)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(g.dir, &disk); err != nil {
		answer.ErrorCode = kerr.KafkaStorageError.Code
		answer.Dirs = nil
		return true
	}
	if len(answer.Dirs) == 0 && answer.ErrorCode == 0 { // none of the partitions asked for is there
		answer.Dirs = append(answer.Dirs, kmsg.NewDescribeLogDirsResponseDir())
	}
	for i := range answer.Dirs {
		d := &answer.Dirs[i]
		d.Dir = g.dir
		d.TotalBytes = int64(disk.Blocks) * int64(disk.Bsize)  //nolint:unconvert // the types differ by system
		d.UsableBytes = int64(disk.Bavail) * int64(disk.Bsize) //nolint:unconvert // the types differ by system
	}
	return true
}

// consumerType is the type of a group of the newer protocol (KIP-848).
const consumerType = "consumer"

// fillGroups names the protocol of the groups of the newer protocol.
func fillGroups(r kmsg.Response) bool {
	answer := r.(*kmsg.ListGroupsResponse)
	for i := range answer.Groups {
		if g := &answer.Groups[i]; g.GroupType == consumerType && g.ProtocolType == "" {
			g.ProtocolType = consumerType
		}
	}
	return true
}

// groupStates are the names of a group's states.
var groupStates = []string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Assigning",
	"Reconciling"}

// mended is a request as the broker takes it, or nil for one that it takes as it is. Apache Kafka's brokers read the
// filters of ListGroups in any case of letters, and its tools write types with a capital.
func mended(r kmsg.Request) kmsg.Request {
	list, ok := r.(*kmsg.ListGroupsRequest)
	if !ok || len(list.TypesFilter)+len(list.StatesFilter) == 0 {
		return nil
	}
	for i, name := range list.TypesFilter {
		list.TypesFilter[i] = strings.ToLower(name)
	}
	for i, name := range list.StatesFilter {
		for _, state := range groupStates {
			if strings.EqualFold(state, name) {
				list.StatesFilter[i] = state
			}
		}
	}
	return list
}
