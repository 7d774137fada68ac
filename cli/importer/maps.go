package importer

import (
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"tributary/cli/misuse"
	"tributary/ingest/sheet"
)

// maxMapped bounds the entries of one map.
const maxMapped = 100_000

// ParseMap reads values of a flag that gives names of another tracker ours: THEIRS=OURS, or @FILE with two columns.
func ParseMap(flag string, values []string) (map[string]string, error) {
	m := map[string]string{}
	add := func(theirs, ours, where string) error {
		theirs, ours = strings.TrimSpace(theirs), strings.TrimSpace(ours)
		if ours == "" {
			return misuse.Errorf("%s %s: there is no name to map %q to; right would be THEIRS=NAME", flag, where, theirs)
		}
		if other, taken := m[theirs]; taken && other != ours {
			return misuse.Errorf("%s %s: %q is mapped to %q and to %q; keep one", flag, where, theirs, other, ours)
		}
		if m[theirs] = ours; len(m) > maxMapped {
			return misuse.Errorf("%s has more than %d entries", flag, maxMapped)
		}
		return nil
	}
	for _, value := range values {
		if path, ok := strings.CutPrefix(value, "@"); ok {
			if err := readMap(flag, path, add); err != nil {
				return nil, err
			}
			continue
		}
		i := strings.LastIndexByte(value, '=')
		if i < 0 {
			return nil, misuse.Errorf("%s %q is not a pair; right would be THEIRS=NAME, or @FILE with two columns", flag, value)
		}
		if err := add(value[:i], value[i+1:], value); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func readMap(flag, path string, add func(theirs, ours, where string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return misuse.Errorf("%s: opening the map: %v", flag, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return misuse.Errorf("%s: reading the map: %v", flag, err)
	}
	opened, err := sheet.Open(file, info.Size(), "")
	if err != nil {
		return misuse.Errorf("%s @%s: %v", flag, path, err)
	}
	text, err := opened.Text(opened.Start())
	if err != nil {
		return misuse.Errorf("%s @%s: %v", flag, path, err)
	}
	rows, err := sheet.NewReader(text, opened.Start(), 0, maxRecordBytes)
	for err == nil {
		var row *sheet.Record
		if row, err = rows.Next(); err != nil {
			break
		}
		if opened.Guessed && !sheet.IsSure(strings.Join(row.Fields, "")) {
			return misuse.Errorf("%s @%s: line %d has letters that depend on the file's character set, which nothing says; right would be a file in UTF-8",
				flag, path, row.Line)
		}
		if row.Problem != "" || len(row.Fields) != 2 {
			return misuse.Errorf("%s @%s: line %d has %d columns; right would be two, theirs and ours", flag, path, row.Line,
				len(row.Fields))
		}
		if err := add(row.Fields[0], row.Fields[1], "@"+path); err != nil {
			return err
		}
	}
	if !errors.Is(err, io.EOF) {
		return misuse.Errorf("%s @%s: %v; right would be two columns, theirs and ours", flag, path, err)
	}
	return nil
}

// ParseColumns reads --columns: FIELD=NAME pairs with commas between them. NAME may be empty: the field is left out.
func ParseColumns(values []string) (map[Field]string, error) {
	m := map[Field]string{}
	for _, value := range values {
		for _, pair := range strings.Split(value, ",") {
			name, column, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, misuse.Errorf("--columns %q is not a pair; right would be FIELD=NAME, such as click_id=ID,time=Date", pair)
			}
			name = strings.TrimSpace(name)
			field, known := ParseField(name)
			if !known {
				return nil, misuse.Errorf("--columns %s: there is no field %q%s; the fields are %s", pair, name, misuse.Near(name, strings.Split(FieldNames, ", ")), FieldNames)
			}
			if _, taken := m[field]; taken {
				return nil, misuse.Errorf("--columns names %s twice", field)
			}
			m[field] = strings.TrimSpace(column)
		}
	}
	return m, nil
}

// ParseSeparator reads --separator; an empty one is 0: it is found out.
func ParseSeparator(text string) (rune, error) {
	switch text {
	case "":
		return 0, nil
	case "tab", `\t`:
		return '\t', nil
	case "comma":
		return ',', nil
	case "semicolon":
		return ';', nil
	}
	r, n := utf8.DecodeRuneInString(text)
	if n != len(text) || r == '"' || r == '\n' || r == '\r' || r == utf8.RuneError {
		return 0, misuse.Errorf("--separator %q is none; right would be comma, semicolon, tab or one character", text)
	}
	return r, nil
}
