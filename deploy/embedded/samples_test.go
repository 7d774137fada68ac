package embedded

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sampleRequests are requests for every API that the broker offers, about the topic t of one partition, whose ID is
// given, and the group g, which has an offset of it. batch is a batch of records.
func sampleRequests(id [16]byte, batch []byte) map[kmsg.Key]sample {
	all := map[kmsg.Key]sample{
		// The login's tests ask for these: a broker without one has no login to show.
		kmsg.SASLHandshake: {}, kmsg.SASLAuthenticate: {},
	}
	add := func(request func(version int16) kmsg.Request, errs ...*kerr.Error) {
		s := sample{request: request}
		for _, err := range errs {
			s.codes = append(s.codes, err.Code)
		}
		all[kmsg.Key(request(0).Key())] = s
	}
	sampleRecords(add, id, batch)
	sampleTopics(add)
	sampleGroups(add, id)
	sampleTransactions(add, id)
	return all
}

type adder func(request func(version int16) kmsg.Request, errs ...*kerr.Error)

func sampleRecords(add adder, id [16]byte, batch []byte) {
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrProduceRequest()
		r.Acks, r.TimeoutMillis = -1, 10_000
		r.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", TopicID: id,
			Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrFetchRequest()
		r.MaxBytes, r.SessionEpoch = 1<<20, -1
		part := kmsg.NewFetchRequestTopicPartition()
		part.PartitionMaxBytes = 1 << 20
		r.Topics = []kmsg.FetchRequestTopic{{Topic: "t", TopicID: id, Partitions: []kmsg.FetchRequestTopicPartition{part}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrListOffsetsRequest()
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Timestamp, part.MaxNumOffsets = -1, 1
		r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "t", Partitions: []kmsg.ListOffsetsRequestTopicPartition{part}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrOffsetForLeaderEpochRequest()
		part := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		r.ReplicaID = -1
		r.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "t",
			Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{part}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDeleteRecordsRequest()
		r.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: "t", Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{}}}}
		return r
	})
}

func sampleTopics(add adder) {
	name := kmsg.StringPtr("t")
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrMetadataRequest()
		r.Topics = []kmsg.MetadataRequestTopic{{Topic: name}}
		return r
	})
	add(func(version int16) kmsg.Request {
		r := kmsg.NewPtrApiVersionsRequest()
		r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1"
		return r
	})
	add(func(version int16) kmsg.Request {
		r := kmsg.NewPtrCreateTopicsRequest()
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "created"+string('0'+rune(version)), 1, 1
		own := topic
		own.Topic += "own"
		own.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: kmsg.StringPtr("86400000")}}
		r.Topics = append(r.Topics, topic, own)
		return r
	})
	add(func(version int16) kmsg.Request {
		r := kmsg.NewPtrDeleteTopicsRequest()
		gone := "created" + string('0'+rune(version))
		r.TopicNames = []string{gone}
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = &gone
		r.Topics = append(r.Topics, topic)
		return r
	})
	add(func(version int16) kmsg.Request {
		r := kmsg.NewPtrCreatePartitionsRequest()
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = "t", int32(version)+2
		r.Topics = append(r.Topics, topic)
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDescribeTopicPartitionsRequest()
		r.Topics, r.ResponsePartitionLimit = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "t"}}, 100
		return r
	})
	add(func(int16) kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() })
	add(func(int16) kmsg.Request { return kmsg.NewPtrDescribeLogDirsRequest() })
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrElectLeadersRequest()
		r.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: "t", Partitions: []int32{0}}, {Topic: "none",
			Partitions: []int32{0}}}
		return r
	}, kerr.ElectionNotNeeded, kerr.UnknownTopicOrPartition)
	add(func(int16) kmsg.Request { return kmsg.NewPtrListPartitionReassignmentsRequest() })
	add(func(int16) kmsg.Request { return kmsg.NewPtrDescribeACLsRequest() }, kerr.SecurityDisabled)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrCreateACLsRequest()
		r.Creations = append(r.Creations, kmsg.NewCreateACLsRequestCreation())
		return r
	}, kerr.SecurityDisabled)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDeleteACLsRequest()
		r.Filters = append(r.Filters, kmsg.NewDeleteACLsRequestFilter())
		return r
	}, kerr.SecurityDisabled)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDescribeConfigsRequest()
		r.Resources = []kmsg.DescribeConfigsRequestResource{
			{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t"}, {ResourceType: kmsg.ConfigResourceTypeBroker,
				ResourceName: "0"},
			{ResourceType: kmsg.ConfigResourceTypeBrokerLogger,
				ResourceName: "0"}, {ResourceType: kmsg.ConfigResourceTypeGroupConfig, ResourceName: "g"},
		}
		return r
	})
	set := kmsg.StringPtr("604800000")
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrAlterConfigsRequest()
		r.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "t",
			Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: set}}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic,
			ResourceName: "t", Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: set}}}}
		return r
	})
	add(func(int16) kmsg.Request { return kmsg.NewPtrListConfigResourcesRequest() })
	add(func(int16) kmsg.Request { return kmsg.NewPtrDescribeClientQuotasRequest() })
	add(func(int16) kmsg.Request { return kmsg.NewPtrDescribeUserSCRAMCredentialsRequest() })
}

// sampleGroups ask as nobody who is in a group: who is in one is held by the clients' own tests.
func sampleGroups(add adder, id [16]byte) {
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrOffsetCommitRequest()
		r.Group, r.Generation = "g", -1
		part := kmsg.NewOffsetCommitRequestTopicPartition()
		part.Offset = 1
		r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", TopicID: id,
			Partitions: []kmsg.OffsetCommitRequestTopicPartition{part}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrOffsetFetchRequest()
		r.Group, r.Topics = "g", []kmsg.OffsetFetchRequestTopic{{Topic: "t", Partitions: []int32{0}}}
		group := kmsg.NewOffsetFetchRequestGroup()
		group.Group, group.Topics = "g", []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", TopicID: id,
			Partitions: []int32{0}}}
		r.Groups = append(r.Groups, group)
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrFindCoordinatorRequest()
		r.CoordinatorKey, r.CoordinatorKeys = "g", []string{"g"}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrJoinGroupRequest()
		r.Group, r.ProtocolType, r.MemberID = "g", "consumer", "nobody"
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 10_000, 10_000
		r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
		return r
	}, kerr.UnknownMemberID)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrHeartbeatRequest()
		r.Group, r.MemberID = "g", "nobody"
		return r
	}, kerr.UnknownMemberID)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrLeaveGroupRequest()
		r.Group, r.MemberID, r.Members = "g", "nobody", []kmsg.LeaveGroupRequestMember{{MemberID: "nobody"}}
		return r
	}, kerr.UnknownMemberID)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrSyncGroupRequest()
		r.Group, r.MemberID = "g", "nobody"
		return r
	}, kerr.UnknownMemberID)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDescribeGroupsRequest()
		r.Groups = []string{"g"}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrListGroupsRequest()
		r.TypesFilter, r.StatesFilter = []string{"Classic"}, []string{"EMPTY"}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDeleteGroupsRequest()
		r.Groups = []string{"none"}
		return r
	}, kerr.GroupIDNotFound)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrOffsetDeleteRequest()
		r.Group, r.Topics = "g", []kmsg.OffsetDeleteRequestTopic{{Topic: "t",
			Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{}}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.Group, r.MemberID, r.MemberEpoch, r.RebalanceTimeoutMillis = "newer", "AAAAAAAAAAAAAAAAAAAAAQ", 0, 10_000
		r.SubscribedTopicNames, r.Topics = []string{"t"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrConsumerGroupDescribeRequest()
		r.Groups = []string{"newer"}
		return r
	})
}

func sampleTransactions(add adder, topic [16]byte) {
	id := kmsg.StringPtr("x")
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrInitProducerIDRequest()
		r.TransactionalID, r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = id, 10_000, -1, -1
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrAddPartitionsToTxnRequest()
		r.TransactionalID, r.ProducerID = "none", 1
		r.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "t", Partitions: []int32{0}}}
		r.Transactions = []kmsg.AddPartitionsToTxnRequestTransaction{{TransactionalID: "none", ProducerID: 1,
			Topics: []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: "t", Partitions: []int32{0}}}}}
		return r
	}, kerr.InvalidProducerIDMapping)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrAddOffsetsToTxnRequest()
		r.TransactionalID, r.ProducerID, r.Group = "none", 1, "g"
		return r
	}, kerr.InvalidProducerIDMapping)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrEndTxnRequest()
		r.TransactionalID, r.ProducerID = "none", 1
		return r
	}, kerr.InvalidProducerIDMapping)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrTxnOffsetCommitRequest()
		r.TransactionalID, r.ProducerID, r.Group, r.Generation = "none", 1, "g", -1
		r.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", TopicID: topic,
			Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: 1}}}}
		return r
	}, kerr.InvalidProducerIDMapping)
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrWriteTxnMarkersRequest()
		r.Markers = []kmsg.WriteTxnMarkersRequestMarker{{ProducerID: 1,
			Topics: []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "t", Partitions: []int32{0}}}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDescribeProducersRequest()
		r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "t", Partitions: []int32{0}}}
		return r
	})
	add(func(int16) kmsg.Request {
		r := kmsg.NewPtrDescribeTransactionsRequest()
		r.TransactionalIDs = []string{"x"}
		return r
	})
	add(func(int16) kmsg.Request { return kmsg.NewPtrListTransactionsRequest() })
}
