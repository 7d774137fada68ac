package cli

import (
	"os"
	"path/filepath"
	"testing"

	"tributary/deploy/config"
)

// TestADataDirThatCannotBeReadIsNotTheDemos: its logins are not looked for in another folder.
func TestADataDirThatCannotBeReadIsNotTheDemos(t *testing.T) {
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Skipf("missing: symbolic links on this file system: %v", err)
	}
	c := config.Defaults()
	c.DataDir = loop
	if err := readLogins(&c, func(string) bool { return false }); err == nil {
		t.Error("no error")
	}
}
