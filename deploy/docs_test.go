package deploy_test

import (
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPackagesSayTheirPlace: `go doc` of any package tells a newcomer what it does, where in the flow it stands, and what
// is not its job. Commands say what they do.
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
			if folder != "." && path.Base(folder) != "cmd" && !strings.Contains(text, part) {
				t.Errorf("%s: its package comment lacks %q", folder, part)
			}
		}
	}
}

// Pages at the top that no other test holds.
var topPages = []string{
	"CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/decisions/libraries.md", "docs/decisions/abilities.md",
}

var (
	namedPath   = regexp.MustCompile("`((?:\\./)?[A-Za-z.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)+)`")
	linkedPath  = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	namedTarget = regexp.MustCompile("`make ([a-z-]+)")
	testedPath  = regexp.MustCompile("`go test (\\./[a-z/]+)")
)

// TestTopPagesNameWhatIsThere: a file, a folder or a target of make that one of these pages names is there.
func TestTopPagesNameWhatIsThere(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range topPages {
		content, err := os.ReadFile(filepath.Join("..", page))
		if err != nil {
			t.Error(err)
			continue
		}
		text := string(content)
		exists := func(base string, found [][]string) {
			for _, match := range found {
				if _, err := os.Stat(filepath.Join("..", base, match[1])); err != nil && !foreign[match[1]] {
					t.Errorf("%s names %s, which is not there", page, match[1])
				}
			}
		}
		exists("", namedPath.FindAllStringSubmatch(text, -1))
		exists("", testedPath.FindAllStringSubmatch(text, -1))
		exists(filepath.Dir(page), linkedPath.FindAllStringSubmatch(text, -1))
		for _, match := range namedTarget.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(string(makefile), "\n"+match[1]+":") {
				t.Errorf("%s names `make %s`, which the Makefile has not", page, match[1])
			}
		}
	}
}

// foreign are names with a slash that are no paths here.
var foreign = map[string]bool{
	"thejerf/suture": true, "cenkalti/backoff": true, "google/renameio": true, "natefinch/atomic": true,
	"pressly/goose": true, "ClickHouse/ch-go": true, "golangci/golangci-lint": true, "spf13/cobra": true,
	"code.dny.dev/ssrf": true, "doyensec/safeurl": true, "sony/gobreaker": true, "golang.org/x/time/rate": true, "hashicorp/go-retryablehttp": true,
	"nyaruka/phonenumbers": true, "golang.org/x/oauth2": true, "dghubble/oauth1": true, "net/http": true, "database/sql": true,
	"modernc.org/sqlite": true, "jackc/pgx": true, "danielgtaylor/huma": true,
	"ogen-go/ogen": true, "pquerna/otp": true, "alexedwards/scs": true, "gorilla/csrf": true,
}
