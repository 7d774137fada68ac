// Package secret keeps what only the owner of an installation may read: generated passwords in files of their own, and
// the folders that everything lies in.
//
// Place in the flow: below the wiring of the roles, before anything is opened. RestrictProcess comes first in every
// role, RestrictFolder before the first file of data_dir is read, Keep where an engine needs a password.
//
// Invariants:
//   - a secret comes from crypto/rand, is written whole or not at all, and is on disk before it is used;
//   - a secret's file is mode 0600 from its first byte, whatever the umask; one that others may read is refused,
//     because it may have been read;
//   - a folder that others may enter is closed, with everything in it, or the start is refused with what to do.
//
// Two processes that make the same secret at the same time get the same one. Not responsible for: secrets that a person
// configures, and what a secret is for.
package secret
