package cli

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// walker follows what is printed or written, as a person does who types it.
type walker struct {
	*installation
	clickID string
	path    string // a folder with the program under its name
}

// shell runs one line as it is, but for the click ID, and returns what it prints.
func (w *walker) shell(command string) string {
	w.t.Helper()
	command = clickIDs.ReplaceAllString(strings.ReplaceAll(command, "CLICK_ID", w.clickID), w.clickID)
	cmd := exec.Command("bash", "-c", command)
	cmd.Env = append(os.Environ(), mainVariable+"=1", "PATH="+w.path+":"+os.Getenv("PATH"))
	cmd.Dir = w.t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Errorf("%s: %v\n%s", command, err, out)
	}
	if id := header.FindSubmatch(out); id != nil {
		w.clickID = string(id[1])
	}
	return string(out)
}

var (
	clickIDs = regexp.MustCompile(`\b06h[0-9a-z]{37}\b`)
	header   = regexp.MustCompile(`(?mi)^X-Click-Id: (\S+)`)
	// tried is a line of the greeting: what it is about, and the command up to its explanation.
	tried = regexp.MustCompile(`(?m)^  (click|postback|figures|state|events) +(.*?)(?:   \(.*)?$`)
)

// What `up` prints at its start can be typed, one after another.
func TestTheFirstStepsAreWalked(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here: the commands of the first steps were not typed", program)
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	up := newInstallation(t, dir, "")
	greeting, err := os.Create(filepath.Join(t.TempDir(), "greeting"))
	if err != nil {
		t.Fatal(err)
	}
	defer greeting.Close()
	up.stdout = greeting
	up.start()
	defer up.stop()
	said, err := os.ReadFile(greeting.Name())
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{installation: up, path: t.TempDir()}
	if err := os.Symlink(self, filepath.Join(w.path, "tributary")); err != nil {
		t.Fatal(err)
	}

	steps := tried.FindAllStringSubmatch(string(said), -1)
	if len(steps) != 5 {
		t.Fatalf("%d steps are printed:\n%s", len(steps), said)
	}
	wants := map[string]string{
		"click":    "302 Found",
		"postback": `"status":"accepted"`,
		"figures":  "",
		"state":    `"status": "ready"`,
		"events":   "",
	}
	for _, step := range steps {
		if step[1] == "events" {
			if _, err := exec.LookPath("kcat"); err != nil {
				continue
			}
		}
		if out := w.shell(step[2]); !strings.Contains(out, wants[step[1]]) {
			t.Errorf("%s: %s printed %s", step[1], step[2], out)
		}
	}
}

// An address that is taken is told with a setting, which lets the start succeed.
func TestTheAdviceAboutATakenAddressIsWalked(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	i := newInstallation(t, filepath.Join(t.TempDir(), "data"), "")
	for _, setting := range []string{"kafka.brokers", "clickhouse.addr", "ops.listen", "ingest.listen"} {
		args := append([]string{"up"}, i.flags...)
		code, _, stderr := run(t, nil, append(args, "--set", setting+"="+taken.Addr().String())...)
		if last := stderr[strings.LastIndexByte(strings.TrimSpace(stderr), '\n')+1:]; code != ExitFailure ||
			!strings.Contains(last, setting) {
			t.Errorf("%s: exit code %d, %s", setting, code, stderr)
		}
	}
	i.start()
	i.stop()
}
