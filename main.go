// Tributary is a self-hosted click tracker: see README.md, or `tributary --help`.
package main

import (
	"context"
	"os"

	"tributary/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
}
