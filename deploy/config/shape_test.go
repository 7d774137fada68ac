package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kept is a folder beside which a file was in force.
func kept(t *testing.T, text string) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "data")
	loaded, err := Load(Sources{File: write(t, text)})
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Keep(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

func since(t *testing.T, folder, text string) error {
	t.Helper()
	loaded, err := Load(Sources{File: write(t, text)})
	if err != nil {
		return nil // refused for what it says
	}
	return loaded.CutSince(folder)
}

// Wherever a file is cut, the next start refuses what is left, but where nothing but the end of the last line is missing.
func TestAFileCutShortIsKnownAtAStart(t *testing.T) {
	text := "# ours\n\n" + strings.Replace(oneCampaign, "{id: 2, name: second, offers: [shop]}", "id: 2\n      name: second\n      offers:\n        - shop", 1) +
		"\nlog: {level: info}\n# the end\n"
	folder := kept(t, text)
	whole := strings.Index(text, "\n# the end")
	refused := 0
	for n := range len(text) {
		loaded, err := Load(Sources{File: write(t, text[:n])})
		if err != nil {
			continue
		}
		err = loaded.CutSince(folder)
		if n < whole && err == nil {
			t.Errorf("%d of %d bytes are taken: …%q", n, len(text), text[max(0, n-30):n])
		}
		if n >= whole && err != nil {
			t.Errorf("all but a comment is there: %v", err)
		}
		if err != nil {
			refused++
			var problems Problems
			if !errors.As(err, &problems) || problems[0].Source != loaded.File || !strings.Contains(err.Error(), "is it whole?") {
				t.Fatalf("%v", err)
			}
		}
	}
	if refused < 10 {
		t.Errorf("only %d cuts were right YAML", refused)
	}
}

// What the refusals advise is taken, and other changes are nobody's business.
func TestOtherFilesAreTaken(t *testing.T) {
	second := "    - {id: 2, name: second, offers: [shop]}\n"
	half := strings.TrimSuffix(oneCampaign, second)
	for name, c := range map[string]struct {
		before, now, want string
	}{
		"the same":                      {oneCampaign, oneCampaign, ""},
		"comments and ends of lines":    {oneCampaign, "# new\r\n" + strings.ReplaceAll(oneCampaign, "\n", "\r\n\r\n"), ""},
		"more":                          {half, oneCampaign, ""},
		"a beginning":                   {oneCampaign, half, "is the first 7 of the 8 lines"},
		"removed on purpose":            {oneCampaign, half + "...\n", ""},
		"another middle":                {oneCampaign, strings.Replace(oneCampaign, "first", "one", 1), ""},
		"a middle that is gone":         {oneCampaign, strings.Replace(oneCampaign, "    - {id: 1, name: first, offers: [shop]}\n", "", 1), ""},
		"within a line":                 {oneCampaign, half + "    - {id: 3, name: third, offers: [shop]}", "ends within a line"},
		"the mark is gone":              {oneCampaign + "...\n", strings.Replace(half, "first", "one", 1), "does not end with a line ..."},
		"the mark is gone, all else is": {oneCampaign + "...\n", oneCampaign, "does not end with a line ..."},
		"the mark is there":             {oneCampaign + "...\n", half + "...\n# the end\n", ""},
		"a file that ended in a line":   {strings.TrimSuffix(oneCampaign, "\n"), strings.TrimSuffix(strings.Replace(oneCampaign, "first", "one", 1), "\n"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := since(t, kept(t, c.before), c.now)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// Nothing of the file's text lies beside the data; where what lies there cannot be read, that is said.
func TestWhatIsRememberedOfAFile(t *testing.T) {
	folder := kept(t, oneCampaign)
	path := filepath.Join(folder, ShapeFile)
	text, err := os.ReadFile(path)
	if info, _ := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || strings.Contains(string(text), "0123456789abcdef") {
		t.Errorf("%s %v", text, err)
	}
	for _, damaged := range []string{"", "{", `{"lines": "AAAA"}`, string(text[:len(text)/2])} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := since(t, folder, oneCampaign); !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", damaged, err)
		}
	}
	if err := since(t, t.TempDir(), oneCampaign); err != nil {
		t.Errorf("nothing is remembered: %v", err)
	}
	if loaded, err := Load(Sources{Sections: []string{}}); err != nil || loaded.CutSince(folder) != nil || loaded.Keep(folder) != nil {
		t.Errorf("without a file: %v", err)
	}
}
