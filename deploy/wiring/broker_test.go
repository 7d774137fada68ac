package wiring_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fillUp puts /dev/full in the place of this process's open files whose names end so, as if their disk were full.
func fillUp(t *testing.T, name string) (files int) {
	t.Helper()
	full, err := unix.Open("/dev/full", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("this system has no /dev/full:", err)
	}
	defer unix.Close(full)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not name a process's files:", err)
	}
	for _, entry := range entries {
		var fd int
		target, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name()))
		if _, scanErr := fmt.Sscan(entry.Name(), &fd); err != nil || scanErr != nil || !strings.HasSuffix(target, name) {
			continue
		}
		if err := unix.Dup3(full, fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		files++
	}
	return files
}

// A write that fails ends the broker, and with it everything that was not acknowledged; the process makes a new one,
// and the roles go on with that: nothing is lost, nothing counts twice.
func TestUpGoesOnAfterAFailedWrite(t *testing.T) {
	for _, file := range []string{"/kafka/groups.log", "/kafka/transactions.journal", ".dat"} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			u := start(t, dir, "")
			count := 0
			count1 := func() {
				t.Helper()
				var id string
				eventually(t, "click", func() (bool, string) {
					var code int
					code, id = u.click("summer")
					return code == http.StatusFound, fmt.Sprint(code)
				})
				eventually(t, "postback", func() (bool, string) {
					got := u.postback(id, "t")
					return got == "accepted" || got == "duplicate", got
				})
				count++
			}
			count1()
			want := func() string { return fmt.Sprintf("%d,%d,%d", count, count, 11*count) }
			eventually(t, "figures", func() (bool, string) { got := u.query(figures); return got == want(), got })
			if fillUp(t, file) == 0 {
				t.Fatalf("no file is called %s", file)
			}
			count1()
			eventually(t, "figures after the failure", func() (bool, string) { got := u.query(figures); return got == want(), got })
			count1()
			eventually(t, "figures after one more", func() (bool, string) { got := u.query(figures); return got == want(), got })
			eventually(t, "readiness", func() (bool, string) {
				response, err := http.Get("http://" + u.ops + "/readyz")
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				body, _ := io.ReadAll(response.Body)
				return response.StatusCode == http.StatusOK, string(body)
			})
			metrics, err := http.Get("http://" + u.ops + "/metrics")
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(metrics.Body)
			metrics.Body.Close()
			if !strings.Contains(string(body), `tributary_process_restarts_total{unit="kafka"} 1`) {
				t.Error("the broker was not started again, or more than once")
			}
			u.end()
			u = start(t, dir, "")
			defer u.end()
			count1()
			eventually(t, "figures after a restart", func() (bool, string) { got := u.query(figures); return got == want(), got })
		})
	}
}
