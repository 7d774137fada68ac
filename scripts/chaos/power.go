package main

import (
	"flag"
	"fmt"
	"time"
)

// powerOptions are the command line of mode power.
type powerOptions struct {
	loss           string
	cuts           int
	syncDelay      time.Duration
	namesFollow    bool
	syncEverything bool
	synced         string
}

// Losses of a power cut, as --loss names them.
const (
	lossMixed = "mixed"
	lossWhole = "whole"
	lossPart  = "part"
	lossOrder = "order"
)

func (o *powerOptions) flags() {
	flag.StringVar(&o.loss, "loss", lossMixed, "what a power cut takes of what was not synced: whole; part: all but beginnings, torn; "+
		"order: earlier writes without later ones; mixed: each in turn")
	flag.IntVar(&o.cuts, "cuts", 0, "power cuts after which the run ends; 0: as many as the minutes allow")
	flag.DurationVar(&o.syncDelay, "sync-delay", 2*time.Millisecond, "how long a sync takes")
	flag.BoolVar(&o.namesFollow, "names-follow", true, "a synced file keeps its name without a sync of its folder, as on ext4, XFS and btrfs; false: as POSIX has it")
	flag.StringVar(&o.synced, "synced", "", "folders of the data in which nothing is forgotten (comma-separated: kafka,clickhouse,processor,spool): shows who loses")
	flag.BoolVar(&o.syncEverything, "sync-everything", false, "forget nothing: shows what is lost for other reasons than a missing sync")
}

func (o *powerOptions) check() (problems []error) {
	switch o.loss {
	case lossMixed, lossWhole, lossPart, lossOrder:
	default:
		problems = append(problems, fmt.Errorf("--loss %q does not exist; whole, part, order or mixed would be right", o.loss))
	}
	if o.cuts < 0 {
		problems = append(problems, fmt.Errorf("--cuts %d is no number of cuts; 0 or more would be right", o.cuts))
	}
	if o.syncDelay < 0 {
		problems = append(problems, fmt.Errorf("--sync-delay %s is no time; 0 or more would be right", o.syncDelay))
	}
	return problems
}
