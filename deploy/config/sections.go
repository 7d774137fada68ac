package config

import (
	"maps"
	"path/filepath"
	"slices"
	"time"

	"tributary/catalog"
	"tributary/console"
	"tributary/ingest"
	"tributary/processor"
	"tributary/schemas"
	sink "tributary/sink/clickhouse"
	"tributary/sink/outbound"
)

// Config is the whole file. A role's section is the role's own struct.
type Config struct {
	DataDir    string           `yaml:"data_dir" doc:"Folder of all data: embedded engines, the processor's state, the edge's spool, generated keys."`
	Log        Log              `yaml:"log"`
	Ops        Ops              `yaml:"ops"`
	Kafka      Kafka            `yaml:"kafka"`
	ClickHouse ClickHouse       `yaml:"clickhouse"`
	Ingest     ingest.Config    `yaml:"ingest"`
	Processor  processor.Config `yaml:"processor"`
	Sink       sink.Config      `yaml:"sink"`
	Outbound   outbound.Config  `yaml:"outbound"`
	Console    console.Config   `yaml:"console"`
	Catalog    catalog.Config   `yaml:"catalog"`
	// Stages are the settings of stages of your own, by stage: the section "stages", where there are any. See rootOf.
	Stages map[string]any `yaml:"-"`
}

// Defaults is the configuration of a file without a line.
func Defaults() Config {
	c := Config{Ingest: ingest.Defaults(), Processor: processor.Defaults(), Sink: sink.Defaults(), Outbound: outbound.Defaults(), Console: console.Defaults(),
		Catalog: catalog.Defaults()}
	c.defaults()
	c.Stages = ownStages()
	c.Ingest.Spool.Dir = filepath.Join(c.DataDir, spoolFolder)
	return c
}

// spoolFolder is the edge's spool in data_dir.
const spoolFolder = "spool"

// Sections that a command may need; see Sources.Sections.
const (
	SectionIngest    = "ingest"
	SectionProcessor = "processor"
	SectionSink      = "sink"
	SectionOutbound  = "outbound"
	SectionConsole   = "console"
	SectionCatalog   = "catalog"
)

// roleSections are validated by their roles, with paths inside the section.
func (c *Config) roleSections() []roleSection {
	sections := []roleSection{
		{SectionIngest, SectionIngest, c.Ingest.Validate},
		{SectionProcessor, SectionProcessor, c.Processor.Validate},
		{SectionSink, SectionSink, c.Sink.Validate},
		{SectionOutbound, SectionOutbound, c.Outbound.Validate},
		{SectionConsole, SectionConsole, c.Console.Validate},
		{SectionCatalog, SectionCatalog, func() error { _, err := catalog.Build(c.Catalog); return err }},
	}
	return append(sections, c.stageSections()...)
}

// A roleSection is a section with rules, and the section of the role that they are for.
type roleSection struct {
	name, role string
	validate   func() error
}

func prefixed(section string, f *schemas.FieldError) *schemas.FieldError {
	return &schemas.FieldError{Field: join(section, f.Field), Problem: f.Problem}
}

// derive gives settings of roles that were not configured the value that the shared sections imply: a role does not know
// the others' sections.
func (c *Config) derive(isSet func(path string) bool) {
	imply := func(path string, to *string, value string) {
		if !isSet(path) {
			*to = value
		}
	}
	imply("ingest.spool.dir", &c.Ingest.Spool.Dir, filepath.Join(c.DataDir, spoolFolder))
	imply("processor.state_dir", &c.Processor.StateDir, filepath.Join(c.DataDir, "processor"))
	imply("processor.group", &c.Processor.Group, c.Kafka.TopicPrefix+c.Processor.Group)
	imply("sink.group", &c.Sink.Group, c.Kafka.TopicPrefix+c.Sink.Group)
	imply("outbound.state_dir", &c.Outbound.StateDir, filepath.Join(c.DataDir, "outbound"))
	imply("outbound.group", &c.Outbound.Group, c.Kafka.TopicPrefix+c.Outbound.Group)
	imply("sink.database", &c.Sink.Database, c.ClickHouse.Database)
	c.deriveSpans(isSet)
}

// deriveSpans makes durations that were not configured follow those that they have to be longer or shorter than.
func (c *Config) deriveSpans(isSet func(path string) bool) {
	if !isSet("processor.stall_after") {
		c.Processor.StallAfter = min(max(c.Processor.StallAfter, c.Processor.LeastStallAfter()), time.Hour)
	}
	if !isSet("sink.stall_after") {
		c.Sink.StallAfter = min(max(c.Sink.StallAfter, c.Sink.LeastStallAfter(), c.Processor.LeastStallAfter()), time.Hour)
	}
	for path, drain := range c.roleDrains() {
		if most := c.Ops.DrainTimeout * 2 / 3; !isSet(path) && most > 0 {
			*drain = min(*drain, most)
		}
	}
}

// roleDrains are the times that roles give themselves to stop, by the paths of their keys.
func (c *Config) roleDrains() map[string]*time.Duration {
	return map[string]*time.Duration{
		"ingest.drain_timeout": &c.Ingest.DrainTimeout, "sink.drain_timeout": &c.Sink.DrainTimeout,
		"outbound.drain_timeout": &c.Outbound.DrainTimeout,
	}
}

// validateSpans checks the order of durations of different sections.
func (c *Config) validateSpans(wrong wrongFunc) {
	if sink, held := c.Sink.StallAfter, c.Processor.TransactionTimeout; sink <= held && held < time.Hour {
		wrong("sink.stall_after", "%s is not more than processor.transaction_timeout (%s), for which a dead processor's "+
			"transaction may hold records back; at least %s would be right",
			durationText(sink), durationText(held), durationText(c.Processor.LeastStallAfter()))
	}
	drains := c.roleDrains()
	for _, path := range slices.Sorted(maps.Keys(drains)) {
		if drain := *drains[path]; c.Ops.DrainTimeout > 0 && drain >= c.Ops.DrainTimeout {
			wrong(path, "%s is not less than ops.drain_timeout (%s), at which the process ends whatever a role still does; "+
				"right would be %s, or more than %s for ops.drain_timeout",
				durationText(drain), durationText(c.Ops.DrainTimeout), durationText(c.Ops.DrainTimeout*2/3), durationText(drain))
		}
	}
}

// EdgeListen is the edge's address.
func (c *Config) EdgeListen() string { return c.Ingest.Listen }

// Examples names a campaign, a source and a network of the catalog, for instructions; empty where there is none.
func (c *Config) Examples() (campaign, source, network string) {
	if len(c.Catalog.Campaigns) > 0 {
		campaign, source = c.Catalog.Campaigns[0].Name, c.Catalog.Campaigns[0].Source
	}
	if source == "" && len(c.Catalog.Sources) > 0 {
		source = c.Catalog.Sources[0].Name
	}
	if len(c.Catalog.Networks) > 0 {
		network = c.Catalog.Networks[0].Name
	}
	return campaign, source, network
}
