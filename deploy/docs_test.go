package deploy_test

import (
	"go/ast"
	"go/token"
	"path"
	"strings"
	"testing"
)

// TestPackagesSayTheirPlace: `go doc` of any package tells a newcomer what it does, where in the flow it stands, and what is not its job.
// Commands say what they do.
func TestPackagesSayTheirPlace(t *testing.T) {
	type about struct {
		name string
		said []string
	}
	packages := map[string]*about{}
	goFiles(t, func(_, file string, tree *ast.File, _ *token.FileSet) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		folder := path.Dir(file)
		if packages[folder] == nil {
			packages[folder] = &about{name: tree.Name.Name}
		}
		if tree.Doc != nil {
			packages[folder].said = append(packages[folder].said, tree.Doc.Text())
		}
	})
	for folder, p := range packages {
		if len(p.said) != 1 {
			t.Errorf("%s: %d files have a package comment; one would be right, in doc.go where it is long", folder, len(p.said))
			continue
		}
		wanted := []string{"Package " + p.name + " ", "Place in the flow: ", "ot responsible for: "}
		if p.name == "main" {
			wanted = []string{"Command " + path.Base(folder) + " "}
		}
		text := strings.ReplaceAll(p.said[0], "\n", " ")
		for _, part := range wanted {
			if folder != "." && folder != "scripts/oracle/cmd" && folder != "scripts/loadgen/cmd" && !strings.Contains(text, part) {
				t.Errorf("%s: its package comment lacks %q", folder, part)
			}
		}
	}
}
