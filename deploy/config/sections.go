package config

import "tributary/schemas"

// Config is the whole file. A role's section is the role's own struct.
type Config struct {
	DataDir    string     `yaml:"data_dir" doc:"Folder of everything that is kept: embedded engines, the processor's state, generated keys."`
	Log        Log        `yaml:"log"`
	Ops        Ops        `yaml:"ops"`
	Kafka      Kafka      `yaml:"kafka"`
	ClickHouse ClickHouse `yaml:"clickhouse"`
}

// Defaults is the configuration of a file without a line.
func Defaults() Config {
	var c Config
	c.defaults()
	return c
}

// Sections that a command may need; see Sources.Sections.
const (
	SectionIngest    = "ingest"
	SectionProcessor = "processor"
	SectionSink      = "sink"
	SectionCatalog   = "catalog"
)

// roleSections are validated by their roles, with paths inside the section.
func (c *Config) roleSections() []roleSection {
	return []roleSection{}
}

type roleSection struct {
	name     string
	validate func() error
}

func prefixed(section string, f *schemas.FieldError) *schemas.FieldError {
	return &schemas.FieldError{Field: join(section, f.Field), Problem: f.Problem}
}
