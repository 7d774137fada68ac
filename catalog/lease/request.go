package lease

import (
	"errors"
	"fmt"

	"tributary/schemas/events"
)

// MaxCap bounds a cap, in clicks a day: that of the catalog.
const MaxCap = 1_000_000_000

// MaxRequests is how many requests one record carries.
const MaxRequests = 500

// A Request is what an edge says of one account. It says sums, not steps, so that it may be lost, repeated and overtaken.
type Request struct {
	Key
	Account uint64
	// Cap is what the edge's catalog says: the grantor grants nothing beyond.
	Cap int64
	// Granted is what the edge has seen granted to the account; Returned what of it the edge will never use; Upto what it would like
	// Granted to become, 0 for no more. All are clicks since the account was opened.
	Granted, Returned, Upto int64
	// Rate is how fast the edge sends clicks to the offer, in clicks per 1,000 s.
	Rate int64
	// Closed: the edge stops, and uses nothing more.
	Closed bool
}

// check refuses what no edge can mean.
func (r *Request) check() error {
	switch {
	case r.Account == 0:
		return errors.New("names no account")
	case r.Cap < 0 || r.Cap > MaxCap:
		return fmt.Errorf("says that the cap is %d; right would be 0 to %d", r.Cap, int64(MaxCap))
	case r.Granted < 0 || r.Granted > maxClicks || r.Upto < 0 || r.Upto > maxClicks:
		return fmt.Errorf("was granted %d and wants %d clicks; right would be 0 to %d", r.Granted, r.Upto, int64(maxClicks))
	case r.Returned < 0 || r.Returned > r.Granted:
		return fmt.Errorf("gives %d clicks back of the %d that it was granted", r.Returned, r.Granted)
	case r.Rate < 0 || r.Rate > maxClicks:
		return fmt.Errorf("says that it sends %d clicks per 1,000 s; right would be 0 to %d", r.Rate, int64(maxClicks))
	}
	return nil
}

// EncodeRequests returns a record for the topic `lease-requests`. It takes at most MaxRequests.
func EncodeRequests(list []Request) ([]byte, error) {
	m := events.LeaseRequests{Version: Version, Requests: make([]*events.LeaseRequest, 0, len(list))}
	for i := range list {
		r := &list[i]
		m.Requests = append(m.Requests, &events.LeaseRequest{OfferId: r.Offer, Day: r.Day, Account: r.Account, ClicksPerDay: r.Cap,
			Granted: r.Granted, Returned: r.Returned, Upto: r.Upto, RateMillis: r.Rate, Closed: r.Closed})
	}
	record, err := m.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding requests for leases: %w", err)
	}
	return record, nil
}

// DecodeRequests reads a record of the topic `lease-requests`, whole or not at all.
func DecodeRequests(record []byte) ([]Request, error) {
	var m events.LeaseRequests
	if err := m.UnmarshalVT(record); err != nil {
		return nil, fmt.Errorf("reading requests for leases: %w", err)
	}
	if m.Version != Version {
		return nil, fmt.Errorf(
			"requests for leases have the version %d, and this program knows %d; upgrade the older of the two programs",
			m.Version, Version)
	}
	if len(m.Requests) > MaxRequests {
		return nil, fmt.Errorf("a record has %d requests for leases, at most %d are read", len(m.Requests), MaxRequests)
	}
	list := make([]Request, 0, len(m.Requests))
	for _, r := range m.Requests {
		one := Request{Key: Key{r.OfferId, r.Day}, Account: r.Account, Cap: r.ClicksPerDay, Granted: r.Granted, Returned: r.Returned,
			Upto: r.Upto, Rate: r.RateMillis, Closed: r.Closed}
		if err := one.check(); err != nil {
			return nil, fmt.Errorf("a request for leases of the offer %d %w", r.OfferId, err)
		}
		list = append(list, one)
	}
	return list, nil
}
