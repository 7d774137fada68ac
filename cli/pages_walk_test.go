package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tributary/console/access"
	"tributary/console/store"
)

// An exception is what the walk does not type, and why. Its number is exact: one command more is a decision, not an
// accident.
type exception struct {
	page     string // that it is on; empty: any
	commands *regexp.Regexp
	number   int
	why      string
}

var notTyped = []exception{
	{
		"", regexp.MustCompile(`^make `), 26,
		"builds, or takes minutes: CI runs the targets by themselves, and TestAdvisedPagesAndTargetsExist holds their names",
	},
	{
		"docs/quickstart.md", regexp.MustCompile(`^bin/tributary up( |$)`), 1,
		"runs until it is ended: the walk's own installation is one",
	},
	{
		"docs/operations.md", regexp.MustCompile(`^sudo `), 7,
		"changes users, units and folders of the machine",
	},
	{
		"docs/events.md", regexp.MustCompile(`^kafka-console-consumer\.sh `), 1,
		"deploy/embedded runs Apache Kafka's tools, where there is Java",
	},
	{
		"docs/events.md", regexp.MustCompile(`^python3 -m pip install `), 1,
		"the walk installs the same, in one version, into a folder of the user's cache",
	},
	{
		"docs/recovery.md", regexp.MustCompile(`^tributary recover`), 3,
		"needs a loss: walked by TestLostTablesAreWalked and TestLostTopicsAreWalked",
	},
	{
		"docs/spool.md", regexp.MustCompile(`^tributary spool `), 2,
		"needs a record that Kafka refuses: walked by TestASetAsideClickIsWalked",
	},
}

// skipped returns the index of a command's exception, or -1.
func skipped(page, command string) int {
	for i, e := range notTyped {
		if (e.page == "" || e.page == page) && e.commands.MatchString(command) {
			return i
		}
	}
	return -1
}

// A typed is a command of a page, and what the page says that it prints.
type typed struct {
	page, where, command, printed string
}

// commands are all commands of a page: of its blocks, and the queries of its prose.
func commandsOf(page saying) (out []typed) {
	name, _ := filepath.Rel(repository, page.where)
	query := func(where, text string) typed {
		return typed{page: name, where: where, command: "tributary sql " + quote(text)}
	}
	for _, b := range blocks(page) {
		add := func(command, printed string) {
			out = append(out, typed{name, b.where, strings.TrimSpace(command), strings.TrimSpace(printed)})
		}
		switch b.language {
		case "sh":
			for _, command := range shellCommands(b.text) {
				add(command, "")
			}
		case "console":
			for part := range strings.SplitSeq("\n"+b.text, "\n$ ") {
				if command, printed, _ := strings.Cut(part, "\n"); strings.TrimSpace(command) != "" {
					add(command, printed)
				}
			}
		case "sql":
			out = append(out, query(b.where, b.text))
		case "python":
			add("cat > page.py <<'PAGE'\n"+b.text+"\nPAGE\npython3 page.py", "")
		}
	}
	for _, match := range asked.FindAllStringSubmatch(page.text, -1) {
		if !strings.Contains(match[1], "…") {
			out = append(out, query(page.where, match[1]))
		}
	}
	return out
}

// asked is a whole query within a sentence.
var asked = regexp.MustCompile("`(SELECT [^`]+ FROM [^`]+)`")

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// shellCommands are the commands of a block: a line each, or several that a backslash or a pipe at the end joins.
func shellCommands(text string) (out []string) {
	var command string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if joined, is := strings.CutSuffix(line, `\`); is {
			command += joined
			continue
		}
		command += line
		if strings.HasSuffix(line, "|") {
			command += " "
			continue
		}
		out = append(out, command)
		command = ""
	}
	return out
}

// What every page tells to type is typed, from top to bottom, against one installation; what is not is an exception with
// a reason.
func TestTheCommandsOfThePagesAreWalked(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here: the commands of the pages were not typed", program)
		}
	}
	w := newPagesWalker(t)
	defer w.stop()
	_, pages := sayings(t)
	numbers := make([]int, len(notTyped))
	walked := 0
	for _, page := range pages {
		for _, c := range commandsOf(page) {
			if i := skipped(c.page, c.command); i >= 0 {
				numbers[i]++
				if bare := strings.TrimPrefix(c.command, "bin/"); strings.HasPrefix(bare, "tributary ") {
					if wrong := checkCommand(bare); wrong != "" {
						t.Errorf("%s: %q: %s", c.where, c.command, wrong)
					}
				}
				continue
			}
			if program := w.missing(c.command); program != "" {
				t.Logf("%s: NOT TYPED, %s is not installed here: %s", c.where, program, c.command)
				continue
			}
			walked++
			w.type_(c)
		}
	}
	for i, e := range notTyped {
		if numbers[i] != e.number {
			t.Errorf("%d commands like %q of %q are not typed, where %d are meant to be (%s); "+
				"right would be to have them typed, or to say why not here", numbers[i], e.commands, e.page, e.number, e.why)
		}
	}
	if walked < 40 {
		t.Errorf("only %d commands were typed", walked)
	}
}

// A pagesWalker types commands of pages in a folder that has what they name.
type pagesWalker struct {
	*installation
	here    string
	replace *strings.Replacer
	clickID string
	env     []string
	python  bool
}

// newPagesWalker starts an installation with the example configuration, a click, a postback of it and a refused one.
func newPagesWalker(t *testing.T) *pagesWalker {
	t.Helper()
	here := t.TempDir()
	example, err := os.ReadFile(filepath.Join(repository, "deploy", "tributary.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// The clicks that the pages import come with another tracker's IDs.
	file := strings.Replace(string(example), "source: pushads}", "source: pushads, allow_foreign_click_ids: true}", 1)
	yesterday := time.Now().Add(-24 * time.Hour).Format("2006-01-02 15:04:05")
	data := filepath.Join(here, "data")
	for name, content := range map[string]string{
		"tributary.yaml": file,
		"question.sql":   "SELECT count() FROM clicks",
		"clicks.csv":     "sub_id,datetime,campaign,cost\n3f4k1a," + yesterday + ",summer,0.01\n",
	} {
		if err := os.WriteFile(filepath.Join(here, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	up := newInstallation(t, data, filepath.Join(here, "tributary.yaml"))
	up.start()
	w := &pagesWalker{installation: up, here: here}

	if w.clickID, err = up.send("first"); err != nil {
		t.Fatal(err)
	}
	receipt := w.ask("/postback?network=acme&payout=1.25&txid=second&click_id="+w.clickID, http.StatusOK)
	letter := w.ask("/postback?network=acme&payout=abc&txid=third&click_id="+w.clickID, http.StatusBadRequest)
	addresses := map[string]string{}
	for _, flag := range up.flags {
		if key, address, found := strings.Cut(flag, "="); found {
			addresses[key] = address
		}
	}
	w.replace = strings.NewReplacer(
		"127.0.0.1:8080", up.edge,
		"127.0.0.1:8123", addresses["clickhouse.addr"],
		"127.0.0.1:9092", addresses["kafka.brokers"],
		"127.0.0.1:8082", addresses["console.listen"],
		"Bearer TOKEN", "Bearer "+consoleToken(t, data),
		"data_dir=data/demo", "data_dir="+data,
		"data_dir=/var/lib/tributary", "data_dir="+filepath.Join(here, "restored"),
		"/mnt/other-disk", filepath.Join(here, "other-disk"),
		"RECEIPT_ID", receipt, "LETTER_ID", letter,
		"bin/tributary", "tributary",
	)
	w.linkPrograms()
	w.python = w.installPython()
	for _, awaited := range []string{"tributary dlq show " + letter, "tributary receipt " + receipt + " | grep joined"} {
		w.until(awaited, func(_ string, err error) bool { return err == nil })
	}
	return w
}

// consoleToken makes an owner and a token of his in the console of an installation.
func consoleToken(t *testing.T, data string) (shown string) {
	t.Helper()
	s, err := store.Open(t.Context(), "", filepath.Join(data, filepath.FromSlash(store.File)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Change(t.Context(), store.Actor{Name: "test"}, func(tx *store.Tx) (err error) {
		u := &store.User{Login: "walker", Role: access.Owner, Scope: access.Everything, Zone: "UTC"}
		if err := tx.AddUser(u, ""); err != nil {
			return err
		}
		shown, err = tx.AddToken(&store.Token{UserID: u.ID, Name: "walk", Role: access.Viewer, Scope: access.Everything}, time.Hour)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return shown
}

// linkPrograms puts `tributary` into the path, which adds what this installation needs where a page says nothing else,
// and the folders of the sources that pages name.
func (w *pagesWalker) linkPrograms() {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	bin := filepath.Join(w.here, "bin")
	sources, err := filepath.Abs(repository)
	if err != nil {
		w.t.Fatal(err)
	}
	var set []string
	for i := 1; i < len(w.flags); i += 2 {
		if w.flags[i-1] == "--set" && !strings.HasPrefix(w.flags[i], "data_dir=") {
			set = append(set, "--set", quote(w.flags[i]))
		}
	}
	script := "#!/usr/bin/env bash\n" + `more=()
case " $* " in *" data_dir="*) ;; *) more+=(--set data_dir=` + quote(filepath.Join(w.here, "data")) + `) ;; esac
case " $* " in *" --config "*) ;; *) more+=(--config ` + quote(filepath.Join(w.here, "tributary.yaml")) + `) ;; esac
` + mainVariable + `=1 exec ` + quote(self) + ` "$@" "${more[@]}" ` + strings.Join(set, " ") + "\n"
	if err := os.Mkdir(bin, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.here, "other-disk"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "tributary"), []byte(script), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(sources, "schemas"), filepath.Join(w.here, "schemas")); err != nil {
		w.t.Fatal(err)
	}
	w.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
}

// What the Python of the pages imports, in the versions that the walk ran with.
var pythonPackages = []string{"confluent-kafka==2.16.1", "grpcio-tools==1.85.1"}

// installPython fetches them once for this user; false where there is no Python, or no pip.
func (w *pagesWalker) installPython() bool {
	w.t.Helper()
	version, err := exec.Command("python3", "-c", "import pip, sys; print('%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		return false
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		w.t.Fatal(err)
	}
	name := strings.ReplaceAll(strings.Join(pythonPackages, "-"), "==", "-") + "-python" + string(bytes.TrimSpace(version))
	dir := filepath.Join(cache, "tributary", "clients", name)
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			w.t.Fatal(err)
		}
		fresh, err := os.MkdirTemp(filepath.Dir(dir), "fetching-")
		if err != nil {
			w.t.Fatal(err)
		}
		defer os.RemoveAll(fresh)
		args := []string{
			"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--target", fresh,
		}
		args = append(args, pythonPackages...)
		if out, err := exec.Command("python3", args...).CombinedOutput(); err != nil {
			w.t.Fatalf("fetching %v: %v\n%s", pythonPackages, err, out)
		}
		if err := os.Rename(fresh, dir); err != nil {
			if _, missing := os.Stat(dir); missing != nil { // else another test fetched them meanwhile
				w.t.Fatal(err)
			}
		}
	}
	w.env = append(w.env, "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	return true
}

// missing returns the program that a command needs and this machine has not.
func (w *pagesWalker) missing(command string) string {
	if strings.Contains(command, "python3 ") && !w.python {
		return "python3 with pip (Debian: apt-get install python3-pip)"
	}
	if strings.HasPrefix(command, "kcat ") {
		if _, err := exec.LookPath("kcat"); err != nil {
			return "kcat (Debian: apt-get install kcat)"
		}
	}
	return ""
}

// ask sends a request to the edge and returns the ID of its receipt.
func (w *pagesWalker) ask(path string, status int) string {
	w.t.Helper()
	answer, err := http.Get("http://" + w.edge + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	_, _ = body.ReadFrom(answer.Body)
	match := receiptIDs.FindStringSubmatch(body.String())
	if answer.StatusCode != status || match == nil {
		w.t.Fatalf("%s was answered %s: %s", path, answer.Status, body.String())
	}
	return match[1]
}

var receiptIDs = regexp.MustCompile(`"receipt_id":"([0-9a-z]+)"`)

// run types one command, bounded, and returns what it prints.
func (w *pagesWalker) run(command string) (string, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	command = clickIDs.ReplaceAllString(strings.ReplaceAll(w.replace.Replace(command), "CLICK_ID", w.clickID), w.clickID)
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", command)
	cmd.Env, cmd.Dir = w.env, w.here
	out, err := cmd.CombinedOutput()
	if id := header.FindSubmatch(out); id != nil {
		w.clickID = string(id[1])
	}
	return string(out), err
}

// until types a command that only reads until it is answered as wanted, for the figures come a second later.
func (w *pagesWalker) until(command string, right func(string, error) bool) {
	w.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		out, err := w.run(command)
		if right(out, err) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}

// type_ types a command and holds what it prints against the page, whose IDs and numbers are others.
func (w *pagesWalker) type_(c typed) {
	w.t.Helper()
	reads := strings.HasPrefix(strings.TrimPrefix(c.command, "bin/"), "tributary sql ")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		out, err := w.run(c.command)
		wrong := lacks(out, c.printed)
		if err == nil && wrong == "" {
			return
		}
		if !reads || err != nil || time.Now().After(deadline) {
			w.t.Errorf("%s: %s: %v\n%s", c.where, c.command, err, out)
			if wrong != "" {
				w.t.Errorf("the page has the line %q", wrong)
			}
			return
		}
	}
}

// lacks returns the first line of a page that is not among those that were printed.
func lacks(out, printed string) string {
	got := "\n" + shape(out) + "\n"
	for line := range strings.SplitSeq(printed, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(got, "\n"+shape(line)+"\n") {
			return line
		}
	}
	return ""
}

var (
	ourIDs  = regexp.MustCompile(`\b06h[0-9a-z]{20,}\b`)
	numbers = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)
	ends    = regexp.MustCompile(`[ \t\r]*\n`)
)

// shape is a text without its IDs and numbers.
func shape(text string) string {
	text = numbers.ReplaceAllString(ourIDs.ReplaceAllString(text, "ID"), "N")
	return strings.TrimSpace(ends.ReplaceAllString(text, "\n"))
}

// The walk finds what is wrong on a page: another output, a command that is there no more.
func TestTheWalkOfPagesBites(t *testing.T) {
	text := "```sh\na | # no comment\nb\nc \\\n  d # why\n\n# only a comment\ne\n```\n" +
		"1. x\n\n   ```console\n   $ f\n   1 click\n   ```\n\n" +
		"```sql\nSELECT 'x'\n```\n`SELECT 1 FROM clicks` and `SELECT … FROM x`\n"
	page := saying{filepath.Join(repository, "docs", "x.md"), text}
	var got []string
	for _, c := range commandsOf(page) {
		got = append(got, fmt.Sprint(c.page, "|", c.command, "|", c.printed))
	}
	want := []string{
		"docs/x.md|a | # no comment|", "docs/x.md|b|", "docs/x.md|c d # why|", "docs/x.md|e|", "docs/x.md|f|1 click",
		`docs/x.md|tributary sql 'SELECT '\''x'\'''|`, "docs/x.md|tributary sql 'SELECT 1 FROM clicks'|",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	const printed = "HTTP/1.1 302 Found\r\nX-Click-Id: 06h08g6c4g000400040jb7ba0004hvg95gavgwc9\r\n\r\nsummer\t1\t13.75\n"
	for line, right := range map[string]bool{
		"HTTP/1.1 302 Found": true, "summer\t7\t2.5": true, "X-Click-Id: 06h08g6c4g000400040jb7ba0004hvg95gavgwca": true,
		"HTTP/1.1 302": false, "winter\t7\t2.5": false,
	} {
		if (lacks(printed, line) == "") != right {
			t.Errorf("%q is taken for %t", line, !right)
		}
	}
}
