package clickhouse

// point is a boundary between two steps, where a test may end a loader's life or do something else first.
type point uint8

const (
	// pointPlanned: the plan is committed, nothing is inserted.
	pointPlanned point = iota
	// pointInserted: ClickHouse has answered one insert; an error here is the insert's lost answer.
	pointInserted
	// pointLanded: everything of the plan is inserted, nothing is confirmed.
	pointLanded
	// pointWritten: the batch's dead letters are in an open transaction, the confirmation is not in it yet.
	pointWritten
	// pointStaged: so is the confirmation, and nothing has ended the transaction.
	pointStaged
	// pointReported: the batch's dead letters and its confirmation are in Kafka; an error here is the transaction's lost answer.
	pointReported
	// pointScratch: the rows of an orphan token are in the scratch table only.
	pointScratch
	// pointGrafted: the table has taken them over, and the scratch table is still there.
	pointGrafted
	// pointPausing: a partition is to be read no further, and the Kafka client has not been told yet; no error is heard.
	pointPausing
)

// faults is what tests put at the boundaries; nil in production.
type faults func(at point, o *owner, p plan) error

func (f faults) at(at point, o *owner, p plan) error {
	if f == nil {
		return nil
	}
	return f(at, o, p)
}
