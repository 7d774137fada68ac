// Package backup copies what `tributary up` keeps on a disk while it runs, and puts it back elsewhere.
//
// Place in the flow: beside it; `tributary backup` and `tributary restore` are its users, and the running `tributary
// up`.
//
// The three that know each other, Kafka's log, the processor's state and ClickHouse's tables, must be of one moment. So
// the running process ends them in an orderly way, takes a snapshot of their folders (links to what is never written
// again or only appended to, copies of the rest), and starts them anew; the edge goes on meanwhile and keeps what it
// acknowledges in its spool, which the snapshot has too. Then the command copies the snapshot with a SHA-256 sum of each
// file, the sums last.
//
// The two processes speak by files in data_dir/backup (see exchange.go): who may write there may have the backup. The
// command holds a lock on that folder for as long as it works; whoever finds the lock free may remove what lies there.
//
// A backup without its end mark is marked INCOMPLETE, and a restore that did not end is, too: neither is ever used.
//
// Not responsible for: ending and starting the units (process.Supervisor.Pause), and what their folders hold beyond what
// `linked` says.
package backup
