package checkpoint

import "errors"

var (
	// ErrDamaged is wrapped when what lies in the destination is not what was shipped: another checkpoint may do.
	ErrDamaged = errors.New("damaged checkpoint")
	// ErrSpace is wrapped when the disk has no room for a checkpoint; nothing was fetched.
	ErrSpace = errors.New("too little disk space for the checkpoint")
	// ErrDestination is wrapped when the destination cannot be reached or refuses.
	ErrDestination = errors.New("checkpoint destination")
	// errAbsent is a key that the destination does not have.
	errAbsent = errors.New("not there")
)
