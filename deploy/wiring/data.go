package wiring

import (
	"tributary/deploy/config"
	"tributary/deploy/secret"
)

// RestrictData makes data_dir, or closes one that was made beforehand, with all in it: keys, visitors' addresses and money are their
// owner's alone. Call it before anything in it is read.
func RestrictData(c *config.Config) error {
	secret.RestrictProcess()
	_, err := secret.RestrictFolder(c.DataDir, KeyFile, KafkaPasswordFile)
	return err
}
