package wiring

import (
	"errors"
	"io/fs"
	"os"

	"go.uber.org/zap"

	"tributary/deploy/backup"
	"tributary/deploy/config"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/secret"
)

// secretFiles lie in data_dir, and one that others may read is refused where it is read: it may have been read.
var secretFiles = []string{KafkaPasswordFile, chdb.RolesPasswordFile, chdb.GuestPasswordFile}

// RestrictData makes data_dir, or closes one that was made beforehand, with all in it: keys, visitors' addresses and
// money are their owner's alone. What this process makes from now on is too. Call it before anything in data_dir is
// read.
func RestrictData(c *config.Config) error {
	secret.RestrictProcess()
	if err := backup.Unfinished(c.DataDir); err != nil {
		return err
	}
	_, err := secret.RestrictFolder(c.DataDir, secretFiles...)
	return err
}

// RestrictRole is the same for a role by itself, whose folders may be elsewhere; one that is not there is made by the
// role. A folder outside data_dir that is not this user's to close is told of only: it may be a mount whose owner
// knows.
func RestrictRole(c *config.Config, section string, logger *zap.Logger) error {
	secret.RestrictProcess()
	if is, err := isFolder(c.DataDir); err != nil || is {
		if err == nil {
			_, err = secret.RestrictFolder(c.DataDir, secretFiles...)
		}
		if err != nil {
			return err
		}
	}
	folder := ""
	switch section {
	case config.SectionIngest:
		folder = c.Ingest.Spool.Dir
	case config.SectionProcessor:
		folder = c.Processor.StateDir
	}
	if folder == "" {
		return nil
	}
	is, err := isFolder(folder)
	if err == nil && is {
		_, err = secret.RestrictFolder(folder)
	}
	if err != nil {
		logger.Warn("others may read what this role keeps", zap.Error(err))
	}
	return nil
}

// isFolder tells whether something is at the path; what is no folder is its user's to refuse.
func isFolder(path string) (bool, error) {
	about, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && about.IsDir(), err
}
