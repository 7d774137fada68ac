package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"tributary/deploy/wiring"
)

const manLong = `Writes a manual page for each command into DIR, from the same texts as --help.
` + "`make man`" + ` writes them into bin/man/man1: ` + "`man -M bin/man tributary-up`" + `.`

func newMan(*environment) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the manual pages into a folder",
		Long:    manLong,
		Example: "  tributary man /usr/local/share/man/man1",
		Args:    oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("making the folder of manual pages: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			var epoch time.Time // the same pages from the same sources
			header := &doc.GenManHeader{
				Section: "1",
				Source:  "tributary " + wiring.Version(),
				Manual:  "Tributary",
				Date:    &epoch,
			}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("writing the manual pages: %w", err)
			}
			pages, err := filepath.Glob(filepath.Join(args[0], "tributary*.1"))
			for _, page := range pages {
				err = errors.Join(err, os.Chmod(page, 0o644)) // for every user of the machine, whatever the umask
			}
			return err
		},
	}
}
