package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tributary/catalog/moment"
	"tributary/catalog/money"
	"tributary/cli/misuse"
	"tributary/ingest/durable"
)

// checkpoint is how far an import has come. It is written beside the file, whole or not at all.
type checkpoint struct {
	Version int `json:"version"`
	// File and Settings tell whether it is of this file and these flags.
	File     string `json:"file"`
	Settings string `json:"settings"`
	// Offset and Line are where to go on; all lines before are acknowledged or in the rejected file.
	Offset int64 `json:"offset"`
	Line   int64 `json:"line"`
	// Sent, Refused and Cut count lines. RejectedBytes is how much of the rejected file belongs to them.
	Sent          int64 `json:"sent"`
	Refused       int64 `json:"rejected"`
	Cut           int64 `json:"cut"`
	RejectedBytes int64 `json:"rejected_bytes"`
	// Done: the whole file was imported.
	Done bool      `json:"done"`
	At   time.Time `json:"at"`
}

const checkpointVersion = 1

// fingerprint is the file's size and beginning; a file that grows is another one.
func fingerprint(file *os.File, size int64) (string, error) {
	head := make([]byte, min(size, headBytes))
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the file: %w", err)
	}
	sum := sha256.Sum256(head)
	return fmt.Sprintf("%d-%s", size, hex.EncodeToString(sum[:12])), nil
}

// settings is what decides how a line becomes a click.
func (o *Options) settings() string {
	text, err := json.Marshal(struct {
		Tracker                    string
		Columns                    map[Field]string
		CampaignMap, SourceMap     map[string]string
		Campaign, Source, Currency string
		Zone                       string
		Decimal                    importedDecimal
		Dates                      moment.Order
		Separator                  rune
		Edge                       string
		Encoding                   string `json:",omitempty"`
	}{o.Tracker.Name, o.Columns, o.CampaignMap, o.SourceMap, o.Campaign, o.Source, o.Currency, o.Zone.String(), importedDecimal(o.Decimal), o.Dates, o.Separator, o.Edge, o.Encoding})
	if err != nil {
		panic("marshalling settings of strings: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// importedDecimal keeps the numbers that checkpoints were written with before: auto 0, point 1, comma 2.
type importedDecimal money.Decimal

// MarshalJSON implements json.Marshaler.
func (d importedDecimal) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[money.Decimal]int{money.DecimalPoint: 1, money.DecimalComma: 2}[money.Decimal(d)])
}

// readCheckpoint answers nil when there is none.
func readCheckpoint(path string) (*checkpoint, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	c := &checkpoint{}
	if err := json.Unmarshal(text, c); err != nil || c.Version != checkpointVersion {
		return nil, misuse.Errorf("%s is not a checkpoint of this program; delete it, or start over with --restart", path)
	}
	return c, nil
}

func (c *checkpoint) write(path string, now time.Time) error {
	c.Version, c.At = checkpointVersion, now.UTC()
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	if err := durable.Replace(path, append(text, '\n')); err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	return nil
}
