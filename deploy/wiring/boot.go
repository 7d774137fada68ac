package wiring

import (
	"hash/fnv"
	"os"
	"strings"

	"tributary/deploy/config"
)

// bootFile holds another text after each start of the machine (proc_sys_kernel(5), random/boot_id).
const bootFile = "/proc/sys/kernel/random/boot_id"

// engineBoot returns the boot of the machine that ClickHouse runs on as a number, for sink.Deps: 0 where ClickHouse is not embedded, or
// the system does not say.
func engineBoot(c *config.Config) int64 {
	if c.ClickHouse.Mode != config.ModeEmbedded {
		return 0
	}
	return bootNumber(bootText())
}

// bootNumber returns a number above 0 for a text, 0 for none.
func bootNumber(text string) int64 {
	if text == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return int64(h.Sum64()>>1) | 1
}

func readBoot() string {
	text, err := os.ReadFile(bootFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
