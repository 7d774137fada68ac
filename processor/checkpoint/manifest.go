package checkpoint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Meta says where in the stream a checkpoint stands.
type Meta struct {
	// CycleSeq and CycleRandom name the last cycle in the state, which is committed.
	CycleSeq    uint64 `json:"cycle_seq"`
	CycleRandom uint64 `json:"cycle_random"`
	WatermarkMS int64  `json:"watermark_ms"`
	// Positions are the next offsets to read, by topic without prefix.
	Positions map[string]int64 `json:"positions"`
	// TopicIDs are Kafka's own, by topic without prefix; may be empty. They tell a topic from one of the same name made later.
	TopicIDs map[string]string `json:"topic_ids,omitempty"`
}

// A Manifest describes one checkpoint in full.
type Manifest struct {
	Version   int    `json:"version"`
	Group     string `json:"group"`
	Partition int32  `json:"partition"`
	// Database is the one the files are of (state.Store.ID).
	Database string `json:"database"`
	Meta
	CreatedMS int64  `json:"created_ms"`
	Files     []File `json:"files"`
}

// A File is one file of a checkpoint.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

const (
	manifestVersion  = 1
	maxManifestBytes = 16 << 20
	sumHexLen        = 2 * sha256.Size
	// nameSumLen is how much of a manifest's checksum its name holds.
	nameSumLen = 32
)

// Bytes is the size of all files.
func (m *Manifest) Bytes() (sum int64) {
	for i := range m.Files {
		sum += m.Files[i].Bytes
	}
	return sum
}

// ID names the checkpoint within its partition.
func (m *Manifest) ID() string { return fmt.Sprintf("%020d-%016x", m.CycleSeq, m.CycleRandom) }

// Fits says why the checkpoint cannot be the beginning of what is committed, or nil. topicIDs are those of now; a
// topic that either side does not name is not compared.
func (m *Manifest) Fits(committed map[string]int64, topicIDs map[string]string) error {
	for topic, id := range m.TopicIDs {
		if now := topicIDs[topic]; now != "" && id != "" && now != id {
			return fmt.Errorf("topic %s was deleted and made again since", topic)
		}
	}
	for topic, pos := range m.Positions {
		if pos > committed[topic] {
			return fmt.Errorf("position %d of %s is beyond the committed %d", pos, topic, committed[topic])
		}
	}
	return nil
}

// newer orders manifests of one partition, the furthest first.
func newer(a, b Manifest) int {
	sum := func(m *Manifest) (n int64) {
		for _, pos := range m.Positions {
			n += pos
		}
		return n
	}
	return cmp.Or(cmp.Compare(sum(&b), sum(&a)), cmp.Compare(b.CycleSeq, a.CycleSeq), cmp.Compare(b.CreatedMS, a.CreatedMS), cmp.Compare(a.CycleRandom, b.CycleRandom))
}

// encode answers the manifest's bytes and its name.
func (m *Manifest) encode() ([]byte, string, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, "", fmt.Errorf("encoding the manifest: %w", err)
	}
	if len(b) > maxManifestBytes {
		return nil, "", fmt.Errorf("encoding the manifest: %d bytes are beyond the %d that are read again", len(b), maxManifestBytes)
	}
	return b, m.ID() + "-" + sumHex(b)[:nameSumLen] + ".json", nil
}

// readManifest reads what encode wrote under name. Errors wrap ErrDamaged.
func readManifest(name string, b []byte) (m Manifest, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: manifest %s: %w", ErrDamaged, name, err)
		}
	}()
	base := strings.TrimSuffix(name, ".json")
	sum := base[strings.LastIndexByte(base, '-')+1:]
	if len(sum) != nameSumLen || !strings.HasPrefix(sumHex(b), sum) {
		return m, errors.New("its bytes do not have the checksum in its name")
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&m); err != nil {
		return m, fmt.Errorf("decoding: %w", err)
	}
	if m.Version != manifestVersion {
		return m, fmt.Errorf("its version is %d, %d would be right (made by another version of this program?)", m.Version, manifestVersion)
	}
	if m.ID()+"-"+sum != base {
		return m, errors.New("its cycle is not the one in its name")
	}
	if m.Database == "" || strings.Trim(m.Database, "0123456789abcdef") != "" {
		return m, fmt.Errorf("database %q is no hexadecimal name", m.Database)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		switch {
		case f.Name == "" || !filepath.IsLocal(f.Name) || strings.ContainsAny(f.Name, `/\`) || f.Name == "." || strings.HasSuffix(f.Name, partSuffix):
			return m, fmt.Errorf("%q is no file name", f.Name)
		case seen[f.Name]:
			return m, fmt.Errorf("file %s is named twice", f.Name)
		case f.Bytes < 0:
			return m, fmt.Errorf("file %s has %d bytes", f.Name, f.Bytes)
		case len(f.SHA256) != sumHexLen || strings.Trim(f.SHA256, "0123456789abcdef") != "":
			return m, fmt.Errorf("file %s has %q for a checksum", f.Name, f.SHA256)
		}
		seen[f.Name] = true
	}
	if len(m.Files) == 0 {
		return m, errors.New("it names no files")
	}
	return m, nil
}

func sumHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
