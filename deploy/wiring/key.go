package wiring

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tributary/catalog"
	"tributary/deploy/config"
	"tributary/ingest/durable"
)

// KeyFile is the file in data_dir that holds the generated click ID key, as 64 hexadecimal digits.
const KeyFile = "click_id_key"

// generatedKeyID is the number under which the generated key signs.
const generatedKeyID = 1

// The embedded engines' folders in data_dir.
const (
	kafkaFolder      = "kafka"
	ClickHouseFolder = "clickhouse"
)

// CompleteKey puts the data folder's own click ID key into a configuration that has none, making it at the first
// call. Where there are data and no key it makes none: another one would refuse every click ID in them, and nobody
// would know why. Only `up` on embedded engines may use it: two machines would sign with different keys.
func CompleteKey(c *config.Config) error {
	if len(c.Catalog.ClickIDKeys.Keys) > 0 {
		return nil
	}
	path := filepath.Join(c.DataDir, KeyFile)
	key, err := keptKey(path)
	if errors.Is(err, os.ErrNotExist) {
		if signed := dataBeside(c); signed != "" {
			return fmt.Errorf("reading the click ID key: there is none at %s, and %s holds data whose click IDs a key signed. %s", path, signed, rightKey(path))
		}
		key, err = makeKey(c.DataDir, path)
	}
	if err != nil {
		return err
	}
	c.Catalog.ClickIDKeys = catalog.KeysConfig{Active: generatedKeyID, Keys: map[int]catalog.Secret{generatedKeyID: catalog.Secret(key)}}
	return nil
}

// rightKey says what to do about a key that is gone, and what its successor costs.
func rightKey(path string) string {
	return "Restore " + path + " from a copy; where the data came with a configuration file, name it (--config FILE). To begin with a new key, " +
		"made by `openssl rand -hex 32`, give the old one up: catalog.click_id_keys: {active: 2, keys: {2: …}, given_up: [1]}. " +
		"Click IDs given out so far are then refused: postbacks for them become dead letters (forged_click_id), and buttons of landing pages " +
		"that are open lead nowhere. Where the old key is found later it can be added as 1, and `tributary dlq replay` books what was refused"
}

// keptKey reads the key; the error wraps os.ErrNotExist when there is none.
func keptKey(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the click ID key: %w", err)
	}
	key := strings.TrimSpace(string(content))
	if _, err := hex.DecodeString(key); err != nil || len(key) < 64 {
		return "", fmt.Errorf("reading the click ID key: %s does not hold 64 hexadecimal digits, but %d bytes that are none. %s", path, len(content), rightKey(path))
	}
	return key, nil
}

// makeKey makes one at the first start; of two starts at the same time both get the one that was first.
func makeKey(dir, path string) (string, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("making a click ID key: %w", err)
	}
	key := hex.EncodeToString(secret)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the data folder: %w; set data_dir to a folder you can write to", err)
	}
	err := durable.Create(path, []byte(key+"\n"))
	if errors.Is(err, os.ErrExist) {
		return keptKey(path)
	}
	if err != nil {
		return "", fmt.Errorf("keeping the click ID key: %w", err)
	}
	return key, nil
}

// dataBeside names the folder that holds what an earlier start kept: the broker's topics, the tables, the processor's
// state, the spool.
func dataBeside(c *config.Config) string {
	for _, folder := range []string{filepath.Join(c.DataDir, kafkaFolder), filepath.Join(c.DataDir, ClickHouseFolder), c.Processor.StateDir, c.Ingest.Spool.Dir} {
		if folder != "" && holdsAFile(folder) {
			return folder
		}
	}
	return ""
}

// holdsAFile tells whether anywhere in the folder is a file that is not empty. What cannot be looked at is taken for
// one.
func holdsAFile(folder string) bool {
	found := errors.New("found")
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return found
		}
		if entry.Type().IsRegular() {
			if info, err := entry.Info(); err != nil || info.Size() > 0 {
				return found
			}
		}
		return nil
	})
	return err != nil
}
