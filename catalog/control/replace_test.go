package control

import (
	"errors"
	"os"
)

// replace is what deploy hands in, but for its syncs.
func replace(path string, content []byte) error {
	return errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
}
