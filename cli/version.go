package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"tributary/deploy/embedded/chdb"
	"tributary/deploy/wiring"
)

func newVersion(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of this program and of its embedded engine",
		Long:    "Prints this program's version, Go's, and the release of the embedded engine it is made for.",
		Example: "  tributary version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprint(env.stdout, versionText())
			return nil
		},
	}
}

// versionText is what `version` and --version print.
func versionText() string {
	return fmt.Sprintf("tributary %s (%s, %s/%s), libchdb %s\n", wiring.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, chdb.LibraryVersion)
}
