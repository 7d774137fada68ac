package wiring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tributary/deploy/config"
	"tributary/ingest/catalog"
)

// KeyFile is the file in data_dir that holds the generated click ID key, as 64 hexadecimal digits.
const KeyFile = "click_id_key"

// generatedKeyID is the number under which the generated key signs.
const generatedKeyID = 1

// CompleteKey puts the data folder's own click ID key into a configuration that has none, making it at the first call.
// Only `up` on embedded engines may use it: two machines would sign with different keys.
func CompleteKey(c *config.Config) error {
	if len(c.Catalog.ClickIDKeys.Keys) > 0 {
		return nil
	}
	key, err := keptKey(c.DataDir)
	if err != nil {
		return err
	}
	c.Catalog.ClickIDKeys = catalog.KeysConfig{Active: generatedKeyID, Keys: map[int]catalog.Secret{generatedKeyID: catalog.Secret(key)}}
	return nil
}

func keptKey(dir string) (string, error) {
	path := filepath.Join(dir, KeyFile)
	content, err := os.ReadFile(path)
	if err == nil {
		key := strings.TrimSpace(string(content))
		if _, err := hex.DecodeString(key); err != nil || len(key) < 64 {
			return "", fmt.Errorf("reading the click ID key: %s does not hold 64 hexadecimal digits; restore it from a copy, or delete it to have a new one made: click IDs given out so far are then refused", path)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the click ID key: %w", err)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("making a click ID key: %w", err)
	}
	key := hex.EncodeToString(secret)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the data folder: %w; set data_dir to a folder you can write to", err)
	}
	// Written whole or not at all: a crash must not leave half a key.
	partial := path + ".new"
	if err := os.WriteFile(partial, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keeping the click ID key: %w", err)
	}
	if err := os.Rename(partial, path); err != nil {
		return "", fmt.Errorf("keeping the click ID key: %w", err)
	}
	return key, nil
}
