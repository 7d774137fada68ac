package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// withheld are APIs that kfake has and the broker does not offer, each with the reason that is logged where one is
// asked for all the same: kfake reports as done what it does not do, or does not keep what it acknowledges.
var withheld = map[kmsg.Key]string{
	kmsg.AlterReplicaLogDirs:       "there is one folder",
	kmsg.AlterPartitionAssignments: "there is one broker",
	kmsg.AlterClientQuotas:         "no quota is enforced",
	kmsg.AlterUserSCRAMCredentials: "there is one user, the installation's",
	kmsg.UpdateFeatures:            "its features are its version's",
	kmsg.GetTelemetrySubscriptions: "clients' metrics go nowhere",
	kmsg.PushTelemetry:             "clients' metrics go nowhere",
	kmsg.ShareGroupHeartbeat:       shareGroups,
	kmsg.ShareGroupDescribe:        shareGroups,
	kmsg.ShareFetch:                shareGroups,
	kmsg.ShareAcknowledge:          shareGroups,
	kmsg.DescribeShareGroupOffsets: shareGroups,
	kmsg.AlterShareGroupOffsets:    shareGroups,
	kmsg.DeleteShareGroupOffsets:   shareGroups,
}

// kfake writes what share groups have acknowledged at an orderly end only.
const shareGroups = "what share groups acknowledge would not outlive a kill"

// withheldFeatures are those that no offered API serves: Java clients and kafka-features believe them.
var withheldFeatures = []string{"share.version", "streams.version"}

// offer changes the list of APIs to what is offered. SaslHandshake is announced from version 0 on, as Apache Kafka
// does: librdkafka, and so kcat and most clients that are not Java, shows no password to a broker that begins at 1,
// although 1 is the version it then uses. kfake begins at 1.
func offer(answer *kmsg.ApiVersionsResponse) {
	answer.ApiKeys = slices.DeleteFunc(answer.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
		_, is := withheld[kmsg.Key(k.ApiKey)]
		return is
	})
	for i := range answer.ApiKeys {
		if key := &answer.ApiKeys[i]; kmsg.Key(key.ApiKey) == kmsg.SASLHandshake {
			key.MinVersion = 0
		}
	}
	answer.SupportedFeatures = slices.DeleteFunc(answer.SupportedFeatures,
		func(f kmsg.ApiVersionsResponseSupportedFeature) bool {
			return slices.Contains(withheldFeatures, f.Name)
		})
	answer.FinalizedFeatures = slices.DeleteFunc(answer.FinalizedFeatures,
		func(f kmsg.ApiVersionsResponseFinalizedFeature) bool {
			return slices.Contains(withheldFeatures, f.Name)
		})
}

// gateAnswers tells which requests the gate answers itself: kfake would keep access rules that nobody enforces, and
// would elect the one broker anew, which makes every client look for its leaders again.
func gateAnswers(r kmsg.Request) bool {
	switch r.(type) {
	case *kmsg.DescribeACLsRequest, *kmsg.CreateACLsRequest, *kmsg.DeleteACLsRequest, *kmsg.ElectLeadersRequest:
		return true
	}
	return false
}

const noACLs = "no access rules are kept: the broker has one user, who may do everything"

// answerTo is the gate's answer to a request of gateAnswers'. exists tells whether there is a partition.
func answerTo(r kmsg.Request, exists func(topic string, part int32) bool) kmsg.Response {
	switch req := r.(type) {
	case *kmsg.DescribeACLsRequest:
		answer := req.ResponseKind().(*kmsg.DescribeACLsResponse)
		answer.ErrorCode, answer.ErrorMessage = kerr.SecurityDisabled.Code, kmsg.StringPtr(noACLs)
		return answer
	case *kmsg.CreateACLsRequest:
		answer := req.ResponseKind().(*kmsg.CreateACLsResponse)
		for range req.Creations {
			refused := kmsg.NewCreateACLsResponseResult()
			refused.ErrorCode, refused.ErrorMessage = kerr.SecurityDisabled.Code, kmsg.StringPtr(noACLs)
			answer.Results = append(answer.Results, refused)
		}
		return answer
	case *kmsg.DeleteACLsRequest:
		answer := req.ResponseKind().(*kmsg.DeleteACLsResponse)
		for range req.Filters {
			refused := kmsg.NewDeleteACLsResponseResult()
			refused.ErrorCode, refused.ErrorMessage = kerr.SecurityDisabled.Code, kmsg.StringPtr(noACLs)
			answer.Results = append(answer.Results, refused)
		}
		return answer
	case *kmsg.ElectLeadersRequest:
		return notElected(req, exists)
	}
	return nil
}

// notElected is what a cluster of one broker says: it leads already. Asked for all partitions, it names those that an
// election changed.
func notElected(req *kmsg.ElectLeadersRequest, exists func(topic string, part int32) bool) *kmsg.ElectLeadersResponse {
	answer := req.ResponseKind().(*kmsg.ElectLeadersResponse)
	for _, asked := range req.Topics {
		topic := kmsg.NewElectLeadersResponseTopic()
		topic.Topic = asked.Topic
		for _, part := range asked.Partitions {
			left := kmsg.NewElectLeadersResponseTopicPartition()
			left.Partition = part
			why := kerr.ElectionNotNeeded
			if !exists(asked.Topic, part) {
				why = kerr.UnknownTopicOrPartition
			}
			left.ErrorCode, left.ErrorMessage = why.Code, kmsg.StringPtr(why.Description)
			topic.Partitions = append(topic.Partitions, left)
		}
		answer.Topics = append(answer.Topics, topic)
	}
	return answer
}

// answerFrame is a response as it goes over the wire.
func answerFrame(correlation int32, answer kmsg.Response) []byte {
	frame := make([]byte, framePrefixBytes, 256)
	frame = binary.BigEndian.AppendUint32(frame, uint32(correlation))
	if answer.IsFlexible() && answer.Key() != int16(kmsg.ApiVersions) {
		frame = append(frame, 0) // no tags
	}
	return framed(answer.AppendTo(frame))
}

// framed sets the length of a frame.
func framed(frame []byte) []byte {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-framePrefixBytes))
	return frame
}

// answer sends the gate's own answer to a request; the connection's turn is the caller's.
func (c *conn) answer(r *request) error {
	answer := answerTo(r.kmsg, c.hasPartition)
	if answer == nil {
		return errors.New("the gate has no answer to a request that it takes")
	}
	c.drain()
	return c.send(answerFrame(r.correlation, answer), 0)
}

// hasPartition asks the broker, or gives up when the connection ends: a broker that has ended does not answer.
func (c *conn) hasPartition(topic string, part int32) bool {
	found := make(chan bool, 1)
	go func() { found <- c.gate.hasPartition(topic, part) }()
	select {
	case is := <-found:
		return is
	case <-c.closed:
		return false
	}
}

// rewritten is a response with its body changed by change; what cannot be read, or is an error, stays as it is.
func rewritten(req kmsg.Request, frame []byte, change func(kmsg.Response) bool) []byte {
	read, err := readAnswer(req, frame)
	if err != nil || !change(read) {
		return frame
	}
	at := answerHeadBytes
	if read.IsFlexible() && read.Key() != int16(kmsg.ApiVersions) {
		at++ // no tags
	}
	return framed(read.AppendTo(bytes.Clone(frame[:at])))
}
