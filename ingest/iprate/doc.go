// Package iprate counts the clicks of each IP within one minute, in a fixed 256 KiB however many IPs there are.
//
// Place in the flow: the edge counts each click of an address here before it enriches the click.
//
// It is the observation behind the signal IP_RATE: the edge stamps it on the click, the threshold is the scorer's. The count
// is this process's own; several edges behind a balancer each see their share.
//
// A Sketch is safe for concurrent use and takes no lock but once a minute.
//
// Not responsible for: what a high count means (attributor), clicks at other edges.
package iprate
