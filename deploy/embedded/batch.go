package embedded

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Of a record batch (Kafka message format 2) the parts that the repair reads: its first 61 bytes are the header.
const (
	batchHeaderBytes  = 61
	batchBaseAt       = 0  // int64: offset of the first record
	batchLengthAt     = 8  // int32: bytes after this field
	batchEpochAt      = 12 // int32: leader epoch
	batchMagicAt      = 16 // int8: 2
	batchChecksumAt   = 17 // uint32: CRC-32C of all that follows
	batchAttributesAt = 21 // int16
	batchLastDeltaAt  = 23 // int32: offset of the last record less the first's
	batchMaxTimeAt    = 35 // int64: largest timestamp, Unix milliseconds
	batchProducerAt   = 43 // int64
	batchProdEpochAt  = 51 // int16
	batchSequenceAt   = 53 // int32: sequence number of the first record
	batchCountAt      = 57 // int32: records

	batchMagic       = 2
	batchPrefixBytes = batchLengthAt + 4
	// maxBatchBytes is more than any batch that the broker takes: a longer one is a damaged length.
	maxBatchBytes = MaxProduceFrameBytes

	attributeTransactional = 1 << 4
	attributeControl       = 1 << 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchState is what the bytes at a place of a segment are.
type batchState int

const (
	batchWhole   batchState = iota
	batchCutOff             // the start of a batch whose end is not there
	batchDamaged            // no batch
)

// batchHeader is what a whole batch says of itself.
type batchHeader struct {
	base, last    int64
	leaderEpoch   int32
	maxTimeMS     int64
	producer      int64
	producerEpoch int16
	sequence      int32
	count         int32
	transactional bool
	control       bool
	commit        bool // of a control batch: it ends a transaction by committing it
	size          int
}

// readBatch reads the batch at the start of raw, whose first offset must be at least least.
func readBatch(raw []byte, least int64) (batchHeader, batchState) {
	if len(raw) < batchPrefixBytes {
		return batchHeader{}, batchCutOff
	}
	b := batchHeader{base: int64(binary.BigEndian.Uint64(raw[batchBaseAt:]))}
	length := int64(int32(binary.BigEndian.Uint32(raw[batchLengthAt:])))
	if b.base < least || length < batchHeaderBytes-batchPrefixBytes || length > maxBatchBytes {
		return b, batchDamaged
	}
	if len(raw) > batchMagicAt && raw[batchMagicAt] != batchMagic {
		return b, batchDamaged
	}
	b.size = int(length) + batchPrefixBytes
	if b.size > len(raw) {
		return b, batchCutOff
	}
	raw = raw[:b.size]
	if crc32.Checksum(raw[batchAttributesAt:], castagnoli) != binary.BigEndian.Uint32(raw[batchChecksumAt:]) {
		return b, batchDamaged
	}
	attributes := binary.BigEndian.Uint16(raw[batchAttributesAt:])
	b.last = b.base + int64(int32(binary.BigEndian.Uint32(raw[batchLastDeltaAt:])))
	b.leaderEpoch = int32(binary.BigEndian.Uint32(raw[batchEpochAt:]))
	b.maxTimeMS = int64(binary.BigEndian.Uint64(raw[batchMaxTimeAt:]))
	b.producer = int64(binary.BigEndian.Uint64(raw[batchProducerAt:]))
	b.producerEpoch = int16(binary.BigEndian.Uint16(raw[batchProdEpochAt:]))
	b.sequence = int32(binary.BigEndian.Uint32(raw[batchSequenceAt:]))
	b.count = int32(binary.BigEndian.Uint32(raw[batchCountAt:]))
	b.transactional, b.control = attributes&attributeTransactional != 0, attributes&attributeControl != 0
	if b.last < b.base {
		return b, batchDamaged
	}
	if b.control {
		b.commit = isCommit(raw[batchHeaderBytes:])
	}
	return b, batchWhole
}

// isCommit reads a control batch's record, as the broker does: what cannot be read aborts.
func isCommit(records []byte) bool {
	var record kmsg.Record
	if record.ReadFrom(records) != nil || len(record.Key) < 4 {
		return false
	}
	return int16(binary.BigEndian.Uint16(record.Key[2:])) == int16(kmsg.ControlRecordKeyTypeCommit)
}

// marker makes the control batch that ends a producer's transaction in a partition, as a broker writes it.
func marker(offset, producer int64, epoch int16, leaderEpoch int32, commit bool) []byte {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	if commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	end := kmsg.EndTxnMarker{}
	record := kmsg.Record{Key: key.AppendTo(nil), Value: end.AppendTo(nil)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // its own length takes one byte
	nowMS := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{
		FirstOffset: offset, PartitionLeaderEpoch: leaderEpoch, Magic: batchMagic,
		Attributes: attributeTransactional | attributeControl, FirstTimestamp: nowMS, MaxTimestamp: nowMS,
		ProducerID: producer, ProducerEpoch: epoch, FirstSequence: -1, NumRecords: 1, Records: record.AppendTo(nil),
	}
	return sealBatch(batch.AppendTo(nil))
}

// sealBatch sets a batch's length and checksum.
func sealBatch(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[batchLengthAt:], uint32(len(raw)-batchPrefixBytes))
	binary.BigEndian.PutUint32(raw[batchChecksumAt:], crc32.Checksum(raw[batchAttributesAt:], castagnoli))
	return raw
}

// An entry of kfake's index, one a batch: version, checksum, leader epoch, largest timestamp so far, in a transaction.
const (
	indexEntryBytes   = 15
	indexEntryVersion = 1
)

// appendIndexEntry appends a batch's entry; latestMS is the largest timestamp so far.
func appendIndexEntry(index []byte, b batchHeader, latestMS int64) []byte {
	entry := make([]byte, indexEntryBytes)
	entry[0] = indexEntryVersion
	binary.LittleEndian.PutUint32(entry[2:], uint32(b.leaderEpoch))
	binary.LittleEndian.PutUint64(entry[6:], uint64(latestMS))
	if b.transactional && !b.control {
		entry[14] = 1
	}
	entry[1] = byte(crc32.Checksum(entry[2:], castagnoli))
	return append(index, entry...)
}

// sameFlags tells whether each entry is whole and says the same of its batch's transaction.
func sameFlags(have, want []byte) bool {
	if len(have) != len(want) {
		return false
	}
	for at := 0; at < len(want); at += indexEntryBytes {
		entry := have[at : at+indexEntryBytes]
		if entry[1] != byte(crc32.Checksum(entry[2:], castagnoli)) || entry[14] != want[at+14] {
			return false
		}
	}
	return true
}
