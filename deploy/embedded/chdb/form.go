package chdb

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// A form is a request's body of the type multipart/form-data: parts of the query's text, values of its parameters, and
// external tables, which are there for this one query.
type form struct {
	query  string
	tables []externalTable
}

// An externalTable is data that came with a query.
type externalTable struct {
	name    string
	columns string // in the engine's words
	format  string
	data    *spool
}

const (
	formType = "multipart/form-data"
	// maxFormParts bounds the parts of a form, maxExternalTables those that are tables.
	maxFormParts      = 256
	maxExternalTables = 16
)

var (
	tableName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	formatName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,63}$`)
	// describing are the ends of parameters that say what an external table is like.
	describing = []string{"_format", "_structure", "_types"}
)

// isForm tells whether the request's body is a form.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == formType
}

// readForm reads a body that is a form. Values of the query's parameters (param_NAME) go into params, and what
// describes tables comes out of them: the rest of them are settings. The caller gives the tables' data back with drop.
func (s *server) readForm(r *http.Request, body io.Reader, params url.Values, who admitted) (f *form, err error) {
	_, attributes, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || attributes["boundary"] == "" {
		return nil, unreadable("The Content-Type %s names no boundary", quote(r.Header.Get("Content-Type")))
	}
	f = new(form)
	defer func() {
		if err != nil {
			f.drop(s)
		}
	}()
	parts := multipart.NewReader(body, attributes["boundary"])
	left, limit := s.cfg.MaxBodyBytes, s.queryLimit(who.guest)
	if who.guest {
		left = min(left, s.cfg.Guests.MaxExternalBytes)
	}
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the form: %w", err)
		}
		if n >= maxFormParts {
			return nil, refuse(codeRequestTooLarge, "TOO_MANY_BYTES", "The form has more than %d parts", maxFormParts)
		}
		if isTable(part) {
			err = s.takeTable(f, part, &left)
		} else {
			err = f.takeField(part, params, limit)
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range f.tables {
		if err := s.describe(&f.tables[i], params, who.guest); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func unreadable(format string, arguments ...any) error {
	return refuse(codeCannotParse, "CANNOT_PARSE_TEXT", format, arguments...)
}

// isTable tells whether a part is a file, which a name of a file makes it, even an empty one.
func isTable(part *multipart.Part) bool {
	_, attributes, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, is := attributes["filename"]
	return err == nil && is
}

// takeField takes a part that is no table.
func (f *form) takeField(part *multipart.Part, params url.Values, limit int64) error {
	value, err := io.ReadAll(io.LimitReader(part, limit+1))
	if err != nil {
		return fmt.Errorf("reading the form: %w", err)
	}
	name := part.FormName()
	if int64(len(value)) > limit {
		return refuse(codeQueryTooLarge, "QUERY_IS_TOO_LARGE", "The form's part %s is longer than %d bytes", quote(name),
			limit)
	}
	switch {
	case name == "query":
		f.query += string(value)
	case strings.HasPrefix(name, "param_") || isDescription(name):
		params.Set(name, string(value))
	default:
		return refuse(codeUnknownSetting, "UNKNOWN_SETTING", "The form's part %s is neither the query, nor a parameter "+
			"of it (param_NAME), nor a table (a file): settings belong into the URL", quote(name))
	}
	return nil
}

func isDescription(name string) bool {
	for _, end := range describing {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// takeTable keeps a table's data for the engine. left is how many bytes tables may have yet.
func (s *server) takeTable(f *form, part *multipart.Part, left *int64) error {
	name := part.FormName()
	if !tableName.MatchString(name) {
		return unreadable("An external table cannot be called %s: a name has letters, digits and _", quote(name))
	}
	for _, t := range f.tables {
		if t.name == name {
			return unreadable("The external table %s is there twice", name)
		}
	}
	if len(f.tables) == maxExternalTables {
		return refuse(codeRequestTooLarge, "TOO_MANY_BYTES", "A query may have %d external tables at most", maxExternalTables)
	}
	data, err := s.spools.take()
	if err != nil {
		return spoolError{err}
	}
	f.tables = append(f.tables, externalTable{name: name, data: data})
	if err := data.fill(nil, &cappedReader{source: part, left: *left}); err != nil {
		if errors.Is(err, errBodyTooLarge) {
			return refuse(codeRequestTooLarge, "TOO_MANY_BYTES", "The external tables have more than the %d bytes that are "+
				"left to them: load them into a table, or send less", *left)
		}
		return err
	}
	*left -= data.size
	return nil
}

// describe takes what a table is like out of params.
func (s *server) describe(t *externalTable, params url.Values, guest bool) (err error) {
	take := func(end string) string {
		value := params.Get(t.name + end)
		params.Del(t.name + end)
		return value
	}
	format, structure, types := take("_format"), take("_structure"), take("_types")
	if t.format = firstOf(format, "TabSeparated"); !formatName.MatchString(t.format) {
		return unreadable("%s is no name of a format", quote(t.format))
	}
	if structure == "" && types == "" {
		return unreadable("Nothing says which columns the external table %s has: give %[1]s_structure (such as "+
			"'id UInt64, name String') or %[1]s_types as parameters of the URL", t.name)
	}
	var columns []string
	for i, column := range separated(firstOf(structure, types)) {
		name, kind := fmt.Sprintf("_%d", i+1), column
		if structure != "" {
			if name, kind = namedColumn(column); name == "" {
				return unreadable("%s is no column of the external table %s: right would be a name and a type",
					quote(column), t.name)
			}
		}
		if kind, err = s.typeName(kind, guest); err != nil {
			return err
		}
		columns = append(columns, quoteName(name)+" "+kind)
	}
	t.columns = strings.Join(columns, ", ")
	return nil
}

// separated are the parts of a list, which commas outside of brackets and quotes separate.
func separated(text string) (parts []string) {
	sc, from := scanner{text: text}, 0
	for t, ok := sc.next(); ok; t, ok = sc.next() {
		if t.depth == 0 && t.is(",") {
			parts = append(parts, strings.TrimSpace(text[from:t.start]))
			from = t.end
		}
	}
	return append(parts, strings.TrimSpace(text[from:]))
}

// namedColumn cuts a column's name off its type.
func namedColumn(column string) (name, kind string) {
	sc := scanner{text: column}
	first, ok := sc.next()
	if !ok || !first.word && !first.quoted || first.quoted && first.text[0] == '\'' {
		return "", ""
	}
	return nameOf(first), strings.TrimSpace(column[first.end:])
}

// typeName is a type in the engine's words. Only a type has one: no default, no expression and nothing behind it gets
// into a statement by way of a column's.
func (s *server) typeName(text string, guest bool) (name string, err error) {
	params := new(parameters)
	params.add("type", escaped.Replace(text))
	by := s.parserOf(guest)
	by.Lock()
	defer by.Unlock()
	const ask = "SELECT toTypeName(defaultValueOfTypeName({type:String}))"
	err = by.conn.run(ask, "RawBLOB", params, func(output []byte, _ progress) error {
		name = string(output)
		return nil
	})
	var failure *engineError
	if errors.As(err, &failure) {
		failure.text = typeScope.ReplaceAllString(failure.text, ".")
	}
	return name, err
}

// typeScope is where the engine says that it read a type for us.
var typeScope = regexp.MustCompile(`(?s): In scope SELECT toTypeName\(.*\)\.`)

// put makes the tables on a connection, for its user alone, under the request's settings. It must come before the
// connection is read-only.
func (s *server) put(f *form, conn *connection, values map[string]string, guest bool) error {
	if f == nil || len(f.tables) == 0 {
		return nil
	}
	writing := maps.Clone(values)
	delete(writing, "readonly")
	if guest {
		writing["max_memory_usage"] = strconv.FormatInt(s.cfg.Guests.MaxMemoryBytes/4, 10)
	}
	if err := conn.exec(setStatement(writing)); err != nil {
		return err
	}
	held := int64(0)
	for _, t := range f.tables {
		if err := t.put(conn); err != nil {
			return err
		}
		size, err := t.bytes(conn)
		if err != nil {
			return err
		}
		// What is small on its way may be large in memory, and no bound of a query counts it there.
		if held += size; guest && held > 4*s.cfg.Guests.MaxExternalBytes {
			return refuse(codeRequestTooLarge, "TOO_MANY_BYTES", "The external tables take more than the %d bytes of memory "+
				"that a guest's may", 4*s.cfg.Guests.MaxExternalBytes)
		}
	}
	return nil
}

func (t *externalTable) put(conn *connection) error {
	name := quoteName(t.name)
	if err := conn.exec("CREATE TEMPORARY TABLE " + name + " (" + t.columns + ") ENGINE = Memory"); err != nil {
		return err
	}
	if t.data.size == 0 {
		return nil
	}
	err := conn.exec("INSERT INTO " + name + " FROM INFILE '" + t.data.path + "' COMPRESSION 'none' FORMAT " + t.format)
	var failure *engineError
	if errors.As(err, &failure) {
		failure.text = strings.ReplaceAll(failure.text, "file/uri "+t.data.path, "the external table "+t.name)
	}
	return err
}

// bytes are what the table takes in memory.
func (t *externalTable) bytes(conn *connection) (size int64, err error) {
	text := "SELECT toUInt64(ifNull(sum(total_bytes), 0)) FROM system.tables " +
		"WHERE is_temporary AND name = " + quote(t.name)
	err = conn.run(text, "TabSeparated", nil, func(output []byte, _ progress) error {
		size, err = strconv.ParseInt(strings.TrimSpace(string(output)), 10, 64)
		return err
	})
	return size, err
}

// remove takes the tables off a connection that goes on, and tells whether all are gone.
func (f *form) remove(conn *connection) bool {
	gone := true
	if f == nil {
		return gone
	}
	for _, t := range f.tables {
		gone = conn.exec("DROP TEMPORARY TABLE IF EXISTS "+quoteName(t.name)) == nil && gone
	}
	return gone
}

// drop gives the tables' data back.
func (f *form) drop(s *server) {
	if f == nil {
		return
	}
	for _, t := range f.tables {
		s.spools.give(t.data)
	}
	f.tables = nil
}
