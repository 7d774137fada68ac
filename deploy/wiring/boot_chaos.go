//go:build chaos

package wiring

import "os"

// BootVariable is taken for the machine's boot: a fault driver that cuts the power of a file system only gives each start after a cut
// another one. Only a binary built with the tag chaos knows it.
const BootVariable = "CHAOS_BOOT"

func bootText() string {
	if text := os.Getenv(BootVariable); text != "" {
		return text
	}
	return readBoot()
}
