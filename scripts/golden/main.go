package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	list := flag.Bool("list", false, "only print what would be run")
	flag.Parse()
	if err := run(*list); err != nil {
		fmt.Fprintln(os.Stderr, "golden:", err)
		os.Exit(1)
	}
}

func run(onlyList bool) error {
	packages, err := find(".")
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return fmt.Errorf("no package here has tests with a flag -update; the module's root would be right")
	}
	for _, p := range packages {
		args := []string{"test", "-count=1", "-run", "^(" + strings.Join(p.tests, "|") + ")$", "./" + p.dir, "-update"}
		fmt.Println("go " + strings.Join(args, " "))
		if onlyList {
			continue
		}
		cmd := exec.Command("go", args...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("writing the golden files of %s: %w", p.dir, err)
		}
	}
	return nil
}
