// Package receipts finds in ClickHouse what became of a request that has a receipt.
//
// Place in the flow: behind it. The sink loads what the edge accepted (postbacks), which of it waits (parked) and what was decided
// (conversions, dead_letters); the view receipt_events joins the four. The edge's GET /v1/receipts/{id} and `tributary receipt` ask here.
//
// Invariants:
//   - A look-up reads the same few granules whether the tables hold a day or years: the receipt is the key of postbacks, and says
//     when it was given, which is the received_at of everything about it, but for replays of dead letters: postbacks names theirs.
//   - An entry of the ledger outweighs everything else about its receipt: the edge may have sent the postback twice, and the second copy
//     is a duplicate. Else the latest request of that receipt counts, and its latest step. The view receipts folds alike.
//
// Concurrency: a Reader may be used from many goroutines; ClickHouse's pool bounds them.
//
// Not responsible for: who may ask and how often (the edge), how long rows are kept (clickhouse.retention_days).
package receipts
