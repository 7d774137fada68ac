package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tributary/schemas/fuzzbound"
)

func goodManifest() Manifest {
	return Manifest{Version: manifestVersion, Group: "g", Partition: 3, Database: "0123456789abcdef", Meta: meta(7), CreatedMS: 1,
		Files: []File{{"000004.sst", 10, sumHex([]byte("a"))}, {"MANIFEST-000001", 0, sumHex(nil)}}}
}

func TestAManifestIsReadAsWritten(t *testing.T) {
	m := goodManifest()
	b, name, err := m.encode()
	must(t, err)
	got, err := readManifest(name, b)
	must(t, err)
	again, name2, err := got.encode()
	must(t, err)
	if name != name2 || !bytes.Equal(b, again) {
		t.Errorf("read and written again it is %s, was %s", again, b)
	}
}

func TestABadManifestIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Manifest)
		says   string
	}{
		"of the future":     {func(m *Manifest) { m.Version = 2 }, "version is 2, 1 would be right"},
		"path upwards":      {func(m *Manifest) { m.Files[0].Name = "../../etc/cron.d/x" }, "no file name"},
		"absolute path":     {func(m *Manifest) { m.Files[0].Name = "/etc/passwd" }, "no file name"},
		"subdirectory":      {func(m *Manifest) { m.Files[0].Name = "a/b" }, "no file name"},
		"dots":              {func(m *Manifest) { m.Files[0].Name = ".." }, "no file name"},
		"no name":           {func(m *Manifest) { m.Files[0].Name = "" }, "no file name"},
		"same name twice":   {func(m *Manifest) { m.Files[0].Name = m.Files[1].Name }, "named twice"},
		"negative size":     {func(m *Manifest) { m.Files[0].Bytes = -1 }, "-1 bytes"},
		"no checksum":       {func(m *Manifest) { m.Files[0].SHA256 = "" }, "checksum"},
		"checksum with ..":  {func(m *Manifest) { m.Files[0].SHA256 = strings.Repeat("../", 21) + "." }, "checksum"},
		"database upwards":  {func(m *Manifest) { m.Database = "../x" }, "database"},
		"no database":       {func(m *Manifest) { m.Database = "" }, "database"},
		"no files":          {func(m *Manifest) { m.Files = nil }, "no files"},
		"nothing but a sum": {func(m *Manifest) { *m = Manifest{} }, "version is 0"},
	} {
		m := goodManifest()
		tc.change(&m)
		b, file, err := m.encode()
		must(t, err)
		if _, err := readManifest(file, b); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := goodManifest()
	b, name, _ := m.encode()
	for what, tc := range map[string]struct {
		name string
		b    []byte
	}{
		"cut off":       {name, b[:len(b)-1]},
		"longer":        {name, append(bytes.Clone(b), '\n')},
		"renamed":       {strings.Replace(name, "7", "8", 1), b},
		"named nothing": {"", b},
	} {
		if _, err := readManifest(tc.name, tc.b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzReadManifest(f *testing.F) {
	m := goodManifest()
	b, _, _ := m.encode()
	f.Add(b)
	f.Add([]byte(`{"version":1,"files":[{"name":"..\\x"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var id Manifest
		_ = json.NewDecoder(bytes.NewReader(b)).Decode(&id)
		fuzzbound.Hold(t, 256*len(b), func() { _, _ = readManifest(id.ID()+"-"+sumHex(b)[:nameSumLen]+".json", b) })
		got, err := readManifest(id.ID()+"-"+sumHex(b)[:nameSumLen]+".json", b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
			return
		}
		for _, file := range got.Files {
			if strings.ContainsAny(file.Name, `/\`) || file.Name == ".." || file.Name == "." || file.Bytes < 0 {
				t.Errorf("file %q", file.Name)
			}
		}
		if _, _, err := got.encode(); err != nil {
			t.Error(err)
		}
	})
}
