package config

import (
	"fmt"
	"reflect"
	"slices"

	"tributary/processor/stage"
	_ "tributary/processor/stages" // brings them into the program
)

// SectionStages has a section for each stage of your own that is in the program.
const SectionStages = "stages"

// ownStages are the settings of all of them, with their defaults.
func ownStages() map[string]any {
	settings := map[string]any{}
	for _, s := range stage.All() {
		settings[s.Name] = s.Settings()
	}
	return settings
}

// rootOf is the configuration as it is read, printed and listed: c's own sections, and those of its stages, which
// only the program that runs knows. Values that are set there are set in c.
func rootOf(c *Config) reflect.Value {
	if len(c.Stages) == 0 {
		return reflect.ValueOf(c).Elem()
	}
	var fields []reflect.StructField
	var values []reflect.Value
	for _, s := range stage.All() { // sorted by name
		settings, ok := c.Stages[s.Name]
		if !ok {
			continue
		}
		v := reflect.ValueOf(settings)
		fields = append(fields,
			reflect.StructField{Name: fmt.Sprint("Stage", len(fields)), Type: v.Type(),
				Tag: reflect.StructTag(fmt.Sprintf("yaml:%q", s.Name))})
		values = append(values, v)
	}
	stages := reflect.New(reflect.StructOf(fields))
	for i, v := range values {
		stages.Elem().Field(i).Set(v)
	}
	root := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Config", Type: reflect.TypeFor[*Config](), Tag: `yaml:",inline"`},
		{Name: "Stages", Type: stages.Type(), Tag: reflect.StructTag(fmt.Sprintf("yaml:%q", SectionStages))},
	})).Elem()
	root.Field(0).Set(reflect.ValueOf(c))
	root.Field(1).Set(stages)
	return root
}

// stageSections are the sections of stages that have rules.
func (c *Config) stageSections() []roleSection {
	var sections []roleSection
	for name, settings := range c.Stages {
		if v, ok := settings.(interface{ Validate() error }); ok {
			sections = append(sections, roleSection{join(SectionStages, name), SectionProcessor, v.Validate})
		}
	}
	slices.SortFunc(sections, func(a, b roleSection) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return sections
}
