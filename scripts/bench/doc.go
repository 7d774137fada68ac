// Command bench measures Tributary beside the limits it runs against, and prints ratios taken in one run on one machine.
//
// Every role is the real binary in a process of its own; the broker is the embedded one, in a process of its own too, and the
// load comes from here. All of them share the machine's cores, so a figure includes what its neighbours cost.
//
//	go run ./scripts/bench --binary bin/tributary            everything (about three minutes)
//	go run ./scripts/bench --binary bin/tributary --only edge (--kafka for Apache Kafka, --variants for settings side by side)
//	go run ./scripts/bench --binary bin/tributary --only join --clicks 1e6,1e7,1e8 --restore 1e7
//	go run ./scripts/bench --binary bin/tributary --only report --clicks 1e7 --data /var/tmp/clicks-1e7
//
// The join part, run only when it is named, puts the state that the processor starts with straight into its directory: through
// Kafka a hundred million clicks would take an hour.
//
// The report part, run only when it is named, has the embedded engine make its clicks and ledger entries itself, block by
// block, in a directory that is kept: a build that was stopped goes on where it was, and the next run finds all of it. It
// asks through report.Engine as the user analyst, with no cache of answers. Cold is: the engine's caches are dropped and the
// dataset's files taken out of the system's cache before each question.
//
// It prints what it measures, good or bad, and fails only when something did not work.
package main
