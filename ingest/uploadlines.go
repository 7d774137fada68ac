package ingest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"tributary/ingest/dialect"
	"tributary/ingest/query"
	"tributary/schemas"
)

// uploadLine is one line of an upload.
type uploadLine struct {
	// number is that of its first line of text, from 1.
	number int
	// raw is the line as the body of a single postback, a form or a JSON object, or a JSON array of what is no line at all, which
	// no postback is. It lasts until the next line is read.
	raw []byte
	// refused says why the line cannot be read.
	refused *refusal
}

// uploadLines reads an upload line by line. What a line says is what its raw says as a single postback, so that a line that is
// looked at again from its dead letter says the same.
type uploadLines interface {
	// next reads the parameters of a line into p. It answers false at the end.
	next(p *postback, l *uploadLine) bool
	// strange are columns that the network does not have.
	strange() []string
}

const rightUpload = "text/csv with a header, or application/x-ndjson with a JSON object a line"

// uploadOf opens an upload for the network that reader is of; signed tells that it proved itself by a signature,
// which covers the body and not its type. The refusal is that of the whole.
func uploadOf(kind, body []byte, signed bool, reader *dialect.Postback, parser *fastjson.Parser) (uploadLines, *refusal) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	lines := bytes.Count(bytes.TrimRight(body, "\r\n"), []byte{'\n'}) + 1
	tooMany := func(limit int) *refusal {
		return refuse(schemas.RejectTooLong, "", "the upload has "+strconv.Itoa(lines)+" lines", "at most "+strconv.Itoa(limit)+" lines, in several uploads")
	}
	if len(body) > schemas.MaxBatchBytes {
		return nil, refuse(schemas.RejectTooLong, "", "the upload has "+strconv.Itoa(len(body))+" bytes", "at most "+strconv.Itoa(schemas.MaxBatchBytes)+" bytes, in several uploads")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, refuse(schemas.RejectBadBody, "", "the upload is empty", rightUpload)
	}
	// As with a single postback, the body says what it is; a type that says otherwise has it refused.
	isJSON := bytes.TrimSpace(body)[0] == '{'
	kind = mediaType(kind)
	switch string(kind) {
	case "text/csv":
		if isJSON {
			return nil, refuse(schemas.RejectBadBody, "", "the upload begins with {, which is no CSV", rightUpload)
		}
		if lines > schemas.MaxBatchLines+1 {
			return nil, tooMany(schemas.MaxBatchLines + 1)
		}
		return newCSVLines(body, reader)
	case "application/x-ndjson", "application/jsonl", "application/x-jsonlines":
		if signed && !isJSON {
			return nil, refuse(schemas.RejectBadBody, "", "the upload does not begin with {, as a line of JSON would", rightUpload)
		}
		if lines > schemas.MaxBatchLines {
			return nil, tooMany(schemas.MaxBatchLines)
		}
		return &jsonLines{rest: body, parser: parser}, nil
	}
	return nil, refuse(schemas.RejectBadBody, "", "the content type "+quoted(kind)+" cannot be read", rightUpload)
}

// csvLines are comma, semicolon or tab separated, whichever the header has.
type csvLines struct {
	body    []byte
	reader  *csv.Reader
	names   []string // percent-encoded
	unknown []string
	raw     []byte
}

func newCSVLines(body []byte, reader *dialect.Postback) (*csvLines, *refusal) {
	c := &csvLines{body: body, reader: csv.NewReader(bytes.NewReader(body))}
	c.reader.Comma = separator(body)
	c.reader.FieldsPerRecord = -1
	c.reader.ReuseRecord = true
	header, err := c.reader.Read()
	if err != nil {
		return nil, refuse(schemas.RejectBadBody, "", "the header cannot be read: "+err.Error(), "the names of the columns, such as click_id,payout,txid")
	}
	if len(header) > schemas.MaxBatchColumns {
		return nil, refuse(schemas.RejectTooLong, "", "the header has "+strconv.Itoa(len(header))+" columns", "at most "+strconv.Itoa(schemas.MaxBatchColumns))
	}
	seen, hasClick := map[string]bool{}, false
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch {
		case !query.IsName([]byte(name)):
			return nil, refuse(schemas.RejectBadText, "", "the name of column "+strconv.Itoa(i+1)+", "+quoted([]byte(name))+", is not UTF-8 text without control or hidden characters", "UTF-8 text")
		case len(name) > schemas.MaxNameBytes:
			return nil, refuse(schemas.RejectTooLong, "", "the name of column "+strconv.Itoa(i+1)+" has "+strconv.Itoa(len(name))+" bytes", "at most "+strconv.Itoa(schemas.MaxNameBytes)+" bytes")
		case name != "" && seen[name]:
			return nil, refuse(schemas.RejectBadBody, name, "two columns are named "+quoted([]byte(name)), "each name once")
		}
		seen[name] = true
		switch reader.Param([]byte(name)) {
		case dialect.ClickID:
			hasClick = true
		case dialect.ParamUnknown:
			c.unknown = append(c.unknown, name)
		}
		c.names = append(c.names, url.QueryEscape(name))
	}
	if !hasClick {
		click := reader.Name(dialect.ClickID)
		return nil, refuse(schemas.RejectBadBody, click, "the header has no column of the click ID, only "+clip(strings.Join(header, ", "), schemas.MaxDetailBytes/2),
			"a column "+click+", or the network's own name of it in its params, such as {"+strings.TrimSpace(header[0])+": click_id}")
	}
	if refused := unreadColumn(header, reader); refused != nil {
		return nil, refused
	}
	return c, nil
}

// unreadColumn refuses a file whose header names a payout, a status or the like that the network does not have: each of its lines would
// be, as a postback is.
func unreadColumn(header []string, reader *dialect.Postback) *refusal {
	names := make([][]byte, len(header))
	for i, name := range header {
		names[i] = []byte(strings.TrimSpace(name))
	}
	at, part := reader.UnreadNames(names)
	if at < 0 {
		return nil
	}
	name := string(names[at])
	return refuse(schemas.RejectUnread, name, "the network has no column "+quoted(names[at])+", whose name says that it is the "+part.String()+", and no other column is it",
		reader.Name(part)+" in its place, or in the network's params: {"+name+": "+part.String()+"} to take it, {"+name+": ignored} to leave it out")
}

// separator is the comma unless the header has none.
func separator(body []byte) rune {
	header, _, _ := bytes.Cut(body, []byte{'\n'})
	for _, c := range []byte{',', ';', '\t'} {
		if bytes.IndexByte(header, c) >= 0 {
			return rune(c)
		}
	}
	return ','
}

func (c *csvLines) strange() []string { return slices.Clone(c.unknown) }

func (c *csvLines) next(p *postback, l *uploadLine) bool {
	c.raw, l.refused = c.raw[:0], nil
	start := c.reader.InputOffset()
	record, err := c.reader.Read()
	if errors.Is(err, io.EOF) {
		return false
	}
	if err != nil {
		l.raw = unreadable(string(clip(c.body[start:max(start, c.reader.InputOffset())], schemas.MaxRawBytes)))
		l.refused = refuse(schemas.RejectBadBody, "", "the line is no CSV: "+err.Error(), `quotes around a value that has a separator, and "" for a quote in it`)
		var where *csv.ParseError
		if errors.As(err, &where) {
			l.number = where.StartLine
			l.refused.Detail = "the lines " + strconv.Itoa(where.StartLine) + " to " + strconv.Itoa(where.Line) + " are no CSV: " + where.Err.Error()
		}
		return true
	}
	l.number, _ = c.reader.FieldPos(0)
	if len(record) != len(c.names) {
		l.raw = unreadable(record...)
		l.refused = refuse(schemas.RejectBadBody, "", "the line has "+strconv.Itoa(len(record))+" columns, the header has "+strconv.Itoa(len(c.names)), "as many columns as the header")
		return true
	}
	size := 0
	for i := range record {
		if record[i] == "" {
			continue
		}
		if size += len(c.names[i]) + len(record[i]) + 2; size > schemas.MaxBodyBytes {
			break
		}
		if len(c.raw) > 0 {
			c.raw = append(c.raw, '&')
		}
		c.raw = append(append(c.raw, c.names[i]...), '=')
		c.raw = append(c.raw, url.QueryEscape(record[i])...)
	}
	l.raw = c.raw
	if size > schemas.MaxBodyBytes || len(c.raw) > schemas.MaxBodyBytes {
		l.refused = refuse(schemas.RejectTooLong, "", "the line has more than "+strconv.Itoa(schemas.MaxBodyBytes)+" bytes", "a shorter line")
		l.raw = unreadable(string(clip(c.raw, schemas.MaxRawBytes)))
	}
	p.reader.ReadQuery(&p.reading, c.raw)
	return true
}

// jsonLines are JSON objects, one a line. Empty lines are passed over.
type jsonLines struct {
	rest   []byte
	number int
	parser *fastjson.Parser
}

func (j *jsonLines) strange() []string { return nil }

func (j *jsonLines) next(p *postback, l *uploadLine) bool {
	for len(j.rest) > 0 {
		var line []byte
		line, j.rest, _ = bytes.Cut(j.rest, []byte{'\n'})
		j.number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		l.number, l.raw, l.refused = j.number, line, nil
		if len(line) > schemas.MaxBodyBytes {
			l.refused = refuse(schemas.RejectTooLong, "", "the line has "+strconv.Itoa(len(line))+" bytes", "at most "+strconv.Itoa(schemas.MaxBodyBytes)+" bytes")
			return true
		}
		var object *fastjson.Object
		if object, l.refused = objectOf(j.parser, line); l.refused == nil {
			l.refused = p.readObject(object)
		} else {
			l.raw = unreadable(string(clip(line, schemas.MaxRawBytes)))
		}
		return true
	}
	return false
}

// unreadable keeps the parts of a line for a person to read, in a way that nothing can be read as a postback.
func unreadable(parts ...string) []byte {
	raw, err := json.Marshal(parts)
	if err != nil {
		panic("marshalling texts: " + err.Error())
	}
	return clip(raw, schemas.MaxBodyBytes)
}
