package ingest

import "errors"

var (
	// errUnavailable says that Kafka did not confirm a record within the bound. Nothing was acknowledged.
	errUnavailable = errors.New("kafka did not confirm the record in time")
	// errFull says that as much as the configuration allows is waiting for Kafka already.
	errFull = errors.New("the buffer before kafka is full")
	// errNoCatalog says that nothing is declared yet, so that no request can be resolved.
	errNoCatalog = errors.New("no catalog is loaded yet")
	// errNoLeases says that caps are shared, and nobody hands out leases of them.
	errNoLeases = errors.New("ingest.caps is shared and there is nobody to ask for leases: the program that makes the edge gives it Deps.Leases")
	// errUploads says that an upload has to wait for others.
	errUploads = errors.New("as many uploads are being taken as may be at the same time")
)
