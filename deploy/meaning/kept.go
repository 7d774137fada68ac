package meaning

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tributary/ingest/durable"
)

// FileName is the file in data_dir, or in the edge's spool, that has what the folder's data mean.
const FileName = "installation.json"

// ReadFile returns what is kept in a folder, nil where nothing is. A file that cannot be read is an error: what is in
// it must not be taken for nothing.
func ReadFile(folder string) (*Kept, error) {
	path := filepath.Join(folder, FileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what the stored data mean: %w", err)
	}
	k, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading what the stored data mean in %s: %w. Restore it from a copy; or look that base_currency, topic_prefix and "+
			"click_id_keys of the configuration are what they were, delete it, and the next start writes what is in force", path, err)
	}
	return k, nil
}

// WriteFile keeps it in a folder, which is made where it is not there, durable at once.
func WriteFile(folder string, k *Kept) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("keeping what the stored data mean: %w", err)
	}
	if err := durable.Replace(filepath.Join(folder, FileName), append(k.Text(), '\n')); err != nil {
		return fmt.Errorf("keeping what the stored data mean: %w", err)
	}
	return nil
}

// Text is what is kept as JSON.
func (k *Kept) Text() []byte {
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		panic("marshalling texts and numbers: " + err.Error())
	}
	return text
}

// Parse reads what Text wrote; no text is an error.
func Parse(text []byte) (*Kept, error) {
	k := new(Kept)
	if err := json.Unmarshal(text, k); err != nil {
		return nil, err
	}
	if k.TopicPrefix == nil {
		return nil, errors.New("it says nothing")
	}
	return k, nil
}

// Names of the rows of ClickHouse's table installation.
const (
	rowBase   = "base_currency"
	rowPrefix = "topic_prefix"
	rowGroup  = "processor_group"
	rowKey    = "click_id_key."
	rowUntil  = ".signed_until_ms"
)

// Rows is what is kept by name, for a table.
func (k *Kept) Rows() map[string]string {
	rows := map[string]string{}
	if k.BaseCurrency != "" {
		rows[rowBase] = k.BaseCurrency
	}
	if k.TopicPrefix != nil {
		rows[rowPrefix] = strconv.Quote(*k.TopicPrefix) // an empty one is a value too
	}
	if k.ProcessorGroup != "" {
		rows[rowGroup] = k.ProcessorGroup
	}
	for number, key := range k.Keys {
		name := rowKey + strconv.Itoa(number)
		rows[name], rows[name+rowUntil] = key.Fingerprint, strconv.FormatInt(key.SignedUntilMS, 10)
	}
	return rows
}

// OfRows is what Rows wrote. Rows of another program's are left out.
func OfRows(rows map[string]string) *Kept {
	k := &Kept{BaseCurrency: rows[rowBase], ProcessorGroup: rows[rowGroup]}
	if prefix, err := strconv.Unquote(rows[rowPrefix]); err == nil {
		k.TopicPrefix = &prefix
	}
	for name, value := range rows {
		number, err := strconv.Atoi(strings.TrimPrefix(name, rowKey))
		if err != nil || !strings.HasPrefix(name, rowKey) || value == "" {
			continue
		}
		if k.Keys == nil {
			k.Keys = map[int]Key{}
		}
		until, err := strconv.ParseInt(rows[name+rowUntil], 10, 64)
		if err != nil {
			until = Signing // unknown: the careful reading
		}
		k.Keys[number] = Key{value, until}
	}
	return k
}
