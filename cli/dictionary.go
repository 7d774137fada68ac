package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tributary/cli/misuse"
	"tributary/processor/stage"
	"tributary/schemas"
)

const dictionaryLong = `Prints what each table that is loaded means, as Markdown: its topic, and its columns with their
types, those of your own stages included. Without names it prints all. It needs no engine. Views,
events, reasons and signals are in schemas/DICTIONARY.md; ClickHouse has the same texts.`

func newDictionary(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "dictionary [TABLE]...",
		Short:   "Print what tables and their columns mean",
		Long:    dictionaryLong,
		Example: "  tributary dictionary\n  tributary dictionary clicks conversions",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return tableNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			tables := slices.Concat(schemas.Tables(), stage.Tables())
			for _, name := range args {
				if !slices.Contains(tableNames(), name) {
					return misuse.Errorf("there is no table %q that is loaded; right would be one of %s",
						name, strings.Join(tableNames(), ", "))
				}
			}
			for i := range tables {
				if len(args) == 0 || slices.Contains(args, tables[i].Name) {
					if err := printTable(env.stdout, &tables[i]); err != nil {
						return fmt.Errorf("printing: %w", err)
					}
				}
			}
			return nil
		},
	}
}

func tableNames() (names []string) {
	for _, t := range slices.Concat(schemas.Tables(), stage.Tables()) {
		names = append(names, t.Name)
	}
	return names
}

func printTable(w io.Writer, t *schemas.Table) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\nTopic `%s`, event %s. Sorted by %s.\n\n| column | type | meaning |\n|---|---|---|\n",
		t.Name, t.Comment, t.Topic.Name, strings.TrimPrefix(t.Topic.Message, "tributary.v1."), strings.Join(t.OrderBy,
			", "))
	for _, c := range t.Columns {
		kind, comment := c.Type, c.Comment
		switch {
		case c.Alias != "":
			kind += ", computed"
		case c.Stored != "":
			kind += ", stored"
		}
		if c.Privacy == schemas.PrivacyPersonal {
			comment += " Personal."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, kind, strings.ReplaceAll(comment, "|", `\|`))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}
