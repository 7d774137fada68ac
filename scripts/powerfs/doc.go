// Package powerfs is a file system in user space (FUSE) that forgets what was not synced when its power is cut.
//
// Place in the flow: under `tributary up` in scripts/chaos, MODE=power. The program under test keeps its data here; the
// driver cuts the power, kills the program, lets a part of what was not synced be lost, and starts it again.
//
// What it keeps: files in a flat folder, one file an inode; names and what is not synced in memory. So a cut needs no
// cooperation of the machine's own file system, and a sync costs nothing but the delay that Options asks for.
//
// What survives a cut:
//   - the data of a file up to the writes that were complete when its last sync began: fsync, fdatasync, a write through
//     a descriptor opened with O_SYNC or O_DSYNC, or SyncAttribute, which stands for syncfs(2);
//   - the names in a folder up to the last sync of that folder (or SyncAttribute). A file that was synced in a folder that
//     was not is a file without a name: gone. A rename is one step: both of its names are as before, or both as after.
//     Options.NamesFollow makes a sync of a file or folder also keep the steps that gave it its names, as ext4, XFS and
//     btrfs do and POSIX does not promise.
//   - of the rest, what the kind of loss says; see Loss.
//
// Invariants:
//   - PowerOff is a moment: what was complete before it counts, nothing after it does. Calls after it wait, so that nobody
//     under test sees an error that a power cut would not show, until Release lets them fail with EIO.
//   - After Cut everything that is left is durable: what survived one cut survives the next.
//   - Times and permissions of files are not subject to loss.
//
// Concurrency: calls of the kernel run side by side; Cut needs the file system unmounted.
//
// Not responsible for: disks that are full (scripts/chaos mounts small ones), reads that fail, bits that rot, extended
// attributes, device files.
package powerfs
