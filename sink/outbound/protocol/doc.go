// Package protocol is how a destination is spoken to: from requests to one HTTP call, and from its answer to what became of each request.
// A free template, the shipped templates of traffic sources, and each conversion API are one Protocol each.
//
// Place in the flow: sink/outbound asks it before and after each HTTP call.
//
// Concurrency: a Protocol is shared by all workers. Not responsible for: sending, waiting, trying again (sink/outbound).
package protocol
