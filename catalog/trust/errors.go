package trust

import (
	"time"

	"tributary/schemas"
)

// A Refusal says why a request is not believed, in the words of the answer.
type Refusal struct {
	Reason                      schemas.RejectReason
	Field, Detail, WouldBeRight string
	// Wait is for how long the same request would be refused again; 0 unless Reason is schemas.RejectRateLimited.
	Wait time.Duration
	// Unkept: enough rows tell of this rate already; the refusal is counted only.
	Unkept bool
	// Full: nothing is wrong with the request, the nonces that may be remembered are used up. It is to be sent again later.
	Full bool
}

func refuse(reason schemas.RejectReason, field, detail, wouldBeRight string) *Refusal {
	return &Refusal{Reason: reason, Field: field, Detail: detail, WouldBeRight: wouldBeRight}
}

// reasons are those that a Refusal can have.
var reasons = [...]schemas.RejectReason{
	schemas.RejectBadSignature, schemas.RejectStaleRequest, schemas.RejectReplayedRequest, schemas.RejectBadToken,
	schemas.RejectIPNotAllowed, schemas.RejectRateLimited, schemas.RejectTooLong,
}

// Proves tells whether a postback that was refused for this reason had proved before that it comes from its network. One
// that had not is to be proved when it is looked at again.
func Proves(reason schemas.RejectReason) bool {
	switch reason {
	case schemas.RejectBadSignature, schemas.RejectStaleRequest, schemas.RejectReplayedRequest, schemas.RejectBadToken, schemas.RejectIPNotAllowed,
		schemas.RejectRateLimited, schemas.RejectTooLong, schemas.RejectBadBody, schemas.RejectUnknownNetwork, schemas.RejectBadText, schemas.RejectUnexpandedMacro,
		schemas.RejectUnknownPath, schemas.RejectRoundedID, schemas.RejectJoined:
		return false
	}
	return true
}
