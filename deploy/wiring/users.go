package wiring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tributary/deploy/config"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/secret"
)

// MakePasswords puts the data folder's own passwords of the embedded ClickHouse into a configuration that has none,
// making them at the first call. For the process that runs the engine.
func MakePasswords(c *config.Config) error {
	if c.ClickHouse.Mode != config.ModeEmbedded {
		return nil
	}
	if c.ClickHouse.User == chdb.GuestUser {
		return fmt.Errorf("clickhouse.user: %s is the embedded engine's user who only reads; leave clickhouse.user out", chdb.GuestUser)
	}
	kept, err := chdb.KeptUsers(c.DataDir)
	if err == nil && c.ClickHouse.Password == "" {
		c.ClickHouse.Password = kept[0].Password
	}
	return err
}

// PasswordsKept is for a reading while the engines run: it returns an error where a file of a password is gone that they
// were started with. Another one, made in its place, would let nobody in before the next start.
func PasswordsKept(c *config.Config) error {
	var files []string
	if c.ClickHouse.Mode == config.ModeEmbedded {
		files = append(files, chdb.RolesPasswordFile, chdb.GuestPasswordFile)
	}
	if c.Kafka.Mode == config.ModeEmbedded && c.Kafka.SASL == (config.SASL{}) {
		files = append(files, KafkaPasswordFile)
	}
	for _, name := range files {
		path := filepath.Join(c.DataDir, name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the password in %s is gone, which the running engine was started with; right would be the file as it was, or a restart, which makes another one", path)
		}
	}
	return nil
}

// FindPassword is MakePasswords for everybody else: it makes nothing. Where there is no password, or none for this user of
// the machine, ClickHouse says so if it is asked at all.
func FindPassword(c *config.Config) error {
	if c.ClickHouse.Mode != config.ModeEmbedded || c.ClickHouse.Password != "" {
		return nil
	}
	password, err := secret.Load(filepath.Join(c.DataDir, chdb.RolesPasswordFile))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	c.ClickHouse.Password = password
	return err
}

// engineUsers are the embedded ClickHouse's users.
func engineUsers(c *config.Config) ([]chdb.User, error) {
	users, err := chdb.KeptUsers(c.DataDir)
	if err != nil {
		return nil, err
	}
	users[0].Name = c.ClickHouse.User
	if c.ClickHouse.Password != "" {
		users[0].Password = c.ClickHouse.Password
	}
	return users, nil
}
