package schemas

// Limits of one event. The edge holds every input against them, so that no later stage has to; lengths are in bytes.
const (
	MaxURLBytes     = 8 << 10
	MaxBodyBytes    = 16 << 10
	MaxBatchBytes   = 1 << 20 // an upload of postbacks; ingest.max_body_bytes is a limit too
	MaxBatchLines   = 5000    // an upload's lines, the header of a CSV not counted; each has at most MaxBodyBytes
	MaxBatchColumns = 256     // a CSV's columns
	MaxJSONDepth    = 16      // objects and arrays within one another
	MaxClickIDBytes = 64
	MaxNameBytes    = 64 // a campaign's, source's, offer's or network's name, an event type, a status word
	MaxSubs         = 20
	MaxSubBytes     = 512
	MaxExternalID   = 2048 // the click ID of a traffic source: platforms write 500 and more
	MaxKeywordBytes = 256
	MaxTxIDBytes    = 128
	MaxNotTaken     = 16 // names of parameters that a postback had and nobody took
	MaxUserAgent    = 512
	MaxReferrer     = 512
	MaxLanguage     = 16
	MaxPlaceBytes   = 64 // a city's, region's, autonomous system's or connection type's name
	MaxCurrency     = 3
	// MaxRawBytes is how much of a refused or accepted request is kept for a person to read and to replay.
	MaxRawBytes = 4 << 10
	// MaxDetailBytes is the length of an error text in a dead letter.
	MaxDetailBytes = 512
	// MaxReasons is how many findings one event carries.
	MaxReasons = 16

	// MaxDestinations is how many destinations are declared. What is decided by of all of them is in the settings of a cycle.
	MaxDestinations = 500
	// MaxDecidingBytes is how much of those settings they may have; stage.MaxSettingsBytes is for all stages.
	MaxDecidingBytes = 192 << 10

	// MaxConversionsPerClick bounds what is remembered of one click (redeposits included).
	MaxConversionsPerClick = 1000

	// MaxMoneyMicros bounds one amount, 1,000,000,000 units, so that sums of a billion rows fit an int64.
	MaxMoneyMicros = 1_000_000_000 * Micros
	// Micros is how many micros a unit of money has.
	Micros = 1_000_000

	// MaxClockSkewMS is how far ahead of the edge's clock an event time may lie.
	MaxClockSkewMS = 24 * 60 * 60 * 1000
	// MaxTimeMS is the end of ClickHouse's DateTime, 32 bits of Unix seconds: times are before it.
	MaxTimeMS = (1 << 32) * 1000
	// MaxRecordBytes bounds one Kafka record.
	MaxRecordBytes = 64 << 10
)
