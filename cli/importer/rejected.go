package importer

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"

	"tributary/cli/misuse"
)

// Columns of the rejected file beside those of the input. An import passes over columns that it does not know.
const (
	rejectedLine   = "rejected_line"
	rejectedReason = "rejected_because"
)

// rejectedFile keeps the lines that were not imported, in the input's own form, so that it can be mended and imported
// by itself. People open it in spreadsheets, and its cells are what strangers wrote: each is neutral, and an import
// that finds the file's own columns takes that back. It is made with the first of them.
type rejectedFile struct {
	path   string
	format *Format
	file   *os.File
	csv    *csv.Writer
}

// open goes on behind the first bytes of an earlier run's. A file that somebody has taken away meanwhile is begun anew.
func (r *rejectedFile) open(bytes int64) error {
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_RDWR, 0o600) // it has visitors' data
	if err != nil {
		return fmt.Errorf("opening the file for rejected lines: %w", err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		file.Close()
		return fmt.Errorf("opening the file for rejected lines: %w", err)
	case info.Size() == 0:
		bytes = 0
	case info.Size() < bytes:
		file.Close()
		return misuse.Errorf("%s has %d bytes, and %d of rejected lines were written to it; right would be the file as it was, "+
			"to move it away if those lines are not wanted any more, or --restart",
			r.path, info.Size(), bytes)
	}
	if err := file.Truncate(bytes); err != nil {
		file.Close()
		return fmt.Errorf("opening the file for rejected lines: %w", err)
	}
	if _, err := file.Seek(bytes, 0); err != nil {
		file.Close()
		return fmt.Errorf("opening the file for rejected lines: %w", err)
	}
	r.file, r.csv = file, csv.NewWriter(file)
	r.csv.Comma = r.format.Separator
	if bytes == 0 {
		return r.write(append(append([]string(nil), r.format.Header...), rejectedLine, rejectedReason))
	}
	return nil
}

func (r *rejectedFile) add(one *rejection) error {
	if r.file == nil {
		if err := r.open(0); err != nil {
			return err
		}
	}
	row := make([]string, len(r.format.Header), len(r.format.Header)+2)
	copy(row, one.record)
	return r.write(append(row, strconv.FormatInt(one.line, 10), one.String()))
}

func (r *rejectedFile) write(row []string) error {
	each(row, neutral)
	return r.csv.Write(row)
}

// flush returns how many bytes the file has.
func (r *rejectedFile) flush() (int64, error) {
	if r.file == nil {
		return 0, nil
	}
	r.csv.Flush()
	if err := r.csv.Error(); err != nil {
		return 0, fmt.Errorf("writing rejected lines to %s: %w", r.path, err)
	}
	return r.file.Seek(0, 1)
}

// sync makes what was flushed outlive a power cut, before a checkpoint says that it is there.
func (r *rejectedFile) sync() error {
	if r.file == nil {
		return nil
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("writing rejected lines to %s: %w", r.path, err)
	}
	return nil
}

func (r *rejectedFile) close() error {
	if r.file == nil {
		return nil
	}
	_, err := r.flush()
	if err == nil {
		err = r.sync()
	}
	if closing := r.file.Close(); err == nil && closing != nil {
		err = fmt.Errorf("closing %s: %w", r.path, closing)
	}
	return err
}
