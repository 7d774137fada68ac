package control

import "errors"

var (
	// ErrRefused is wrapped when an entry breaks a rule: of this package or of its kind.
	ErrRefused = errors.New("the entry is refused")
	// ErrChanged is for functions given to Writer.Write, whose revision is no longer the one they were asked to compare with.
	ErrChanged = errors.New("it has changed meanwhile")
	// ErrUnready is wrapped while a reader has neither reached Kafka nor found a copy.
	ErrUnready = errors.New("nothing is known yet of the topic control")
)
