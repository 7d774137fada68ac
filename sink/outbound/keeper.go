package outbound

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Keeper keeps refresh tokens, each in a file that only this user reads, beside what waits.
type Keeper struct{ dir string }

// NewKeeper keeps them in state_dir.
func NewKeeper(stateDir string) *Keeper { return &Keeper{filepath.Join(stateDir, "tokens")} }

// Load implements protocol.Keeper.
func (k *Keeper) Load(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(k.dir, filepath.Base(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// Save implements protocol.Keeper.
func (k *Keeper) Save(name, token string) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return fmt.Errorf("keeping a token: %w", err)
	}
	path := filepath.Join(k.dir, filepath.Base(name))
	if err := os.WriteFile(path+".new", []byte(token), 0o600); err != nil {
		return fmt.Errorf("keeping a token: %w", err)
	}
	return os.Rename(path+".new", path)
}
