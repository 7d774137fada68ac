package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// benchMemory: `up` without traffic, all of its processes together, as proportional set size: shared pages count once.
func benchMemory(ctx context.Context, b *bench) error {
	addresses := make([]string, 5)
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(); err != nil {
			return err
		}
	}
	dir := filepath.Join(b.dir, "idle")
	p, err := b.startRole(ctx, "up", "http://"+addresses[0]+"/readyz", "--set", "data_dir="+dir, "--set", "ops.listen="+addresses[0], "--set", "ingest.listen="+addresses[1],
		"--set", "kafka.brokers="+addresses[2], "--set", "clickhouse.addr="+addresses[3], "--set", "console.listen="+addresses[4])
	if err != nil {
		return err
	}
	defer p.stop()
	pause(ctx, 10*time.Second) // what starting needed is given back by then
	var total int64
	for _, pid := range append(childrenOf(p.cmd.Process.Pid), p.cmd.Process.Pid) {
		total += procKiB(pid, "smaps_rollup", "Pss:") << 10
	}
	b.report("up: idle, all processes, MiB", fmt.Sprintf("%d", total>>20), "", "", "≤ 700")
	return nil
}

func childrenOf(pid int) []int {
	var out []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				out = append(out, child)
			}
		}
	}
	return out
}
