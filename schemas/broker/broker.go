package broker

import "github.com/twmb/franz-go/pkg/kgo"

// An Ability is something that Apache Kafka does and not every engine.
type Ability uint8

const (
	// CommitWhole: readers see all of a committed transaction or none of it, also when the broker dies amid its commit.
	// Without it, what a dead transaction made visible is looked for before it is sent again, and what readers see of a
	// group's work may be ahead of its offsets.
	CommitWhole Ability = 1 << iota
	// FenceByID: a producer that comes with a transactional ID ends what an earlier life of that ID left open. Without it,
	// each life needs an ID of its own; the broker ends at its own start what was open.
	FenceByID
	// NameAborted: a fetch always names the aborted transactions of what it carries. Without it, it leaves out those of
	// the partition at which the limit of the whole is reached, and their records pass for committed ones: only the
	// limits of the partitions may bound a fetch.
	NameAborted
	// Replicate: there is more than one broker.
	Replicate
	// IndexOnDisk: a log may be as long as its disk. Without it, each record batch that is kept takes memory, so topics
	// need bounds where nobody has set any.
	IndexOnDisk
	// Compact: of a compacted topic the last record of each key is there at every moment, a kill's too. Without it, who
	// writes such a topic keeps it short itself: it writes all that is in force once more and has what is before deleted.
	Compact
)

// Abilities are what one engine can do. The zero value can do everything.
type Abilities struct{ lacks Ability }

// Kafka returns the abilities of Apache Kafka, and of what promises the same.
func Kafka() Abilities { return Abilities{} }

// Embedded returns the abilities of the embedded broker.
func Embedded() Abilities {
	return Kafka().Without(CommitWhole).Without(FenceByID).Without(NameAborted).Without(Replicate).Without(IndexOnDisk).
		Without(Compact)
}

// Without returns the abilities less one.
func (a Abilities) Without(x Ability) Abilities { return Abilities{a.lacks | x} }

// Can tells whether the engine has an ability.
func (a Abilities) Can(x Ability) bool { return a.lacks&x == 0 }

// unboundedBytes is the largest limit that Kafka's client takes.
const unboundedBytes = 1 << 30

// FetchLimits bound what one fetch of several partitions carries, in bytes.
type FetchLimits struct{ Whole, Partition int32 }

// FetchLimits returns the limits to ask for, where so many partitions are read and so much of the whole and of each of them
// is wanted at most.
func (a Abilities) FetchLimits(partitions, wholeBytes, partitionBytes int) FetchLimits {
	if a.Can(NameAborted) {
		return FetchLimits{int32(wholeBytes), int32(partitionBytes)}
	}
	return FetchLimits{unboundedBytes, int32(max(1, min(partitionBytes, wholeBytes/max(1, partitions))))}
}

// Options are the limits as Kafka's client wants them.
func (l FetchLimits) Options() []kgo.Opt {
	options := []kgo.Opt{kgo.FetchMaxBytes(l.Whole), kgo.FetchMaxPartitionBytes(l.Partition)}
	if l.Whole == unboundedBytes {
		options = append(options, kgo.BrokerMaxReadBytes(l.Whole))
	}
	return options
}
