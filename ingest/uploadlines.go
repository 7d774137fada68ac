package ingest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"tributary/catalog/dialect"
	"tributary/catalog/query"
	"tributary/ingest/sheet"
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

// uploadKinds are the media types of uploads, with what they say of the body: that it is JSON lines, that it is a
// table, or nothing.
var uploadKinds = map[string]uploadKind{
	"text/csv": uploadTable, "application/csv": uploadTable, "text/x-csv": uploadTable, "text/comma-separated-values": uploadTable, "text/tab-separated-values": uploadTable,
	"application/vnd.ms-excel": uploadTable, // what browsers on Windows call a CSV
	"application/x-ndjson":     uploadJSON, "application/jsonl": uploadJSON, "application/x-jsonlines": uploadJSON,
	"application/gzip": uploadEither, "application/x-gzip": uploadEither,
}

type uploadKind uint8

const (
	uploadTable uploadKind = iota + 1
	uploadJSON
	uploadEither
)

// mostUnpacked bytes are always more than an upload may have: in UTF-16 a letter has two that is one in UTF-8.
const mostUnpacked = 2 * (schemas.MaxBatchBytes + 2)

// uploadText is an upload as UTF-8, whatever it was written in. signed tells that the network proved itself by a
// signature, which covers the body and not its headers: no header may then change what the body says.
func uploadText(h *fasthttp.RequestHeader, body []byte, signed bool) (text []byte, file *sheet.File, refused *refusal) {
	packed := bytes.HasPrefix(body, []byte(gzipMagic))
	if isCoded(h) && !(packed && isGzip(h)) {
		return nil, nil, refuseCoded(h)
	}
	_, parameters, _ := mime.ParseMediaType(view(h.ContentType()))
	charset := parameters["charset"]
	if signed && !sheet.IsUTF8(charset) {
		return nil, nil, refuse(schemas.RejectBadBody, "",
			"the content type of a signed upload names the character set "+quoted([]byte(charset))+", which the signature does not cover", "UTF-8")
	}
	file, err := sheet.OpenWithin(bytes.NewReader(body), int64(len(body)), charset, mostUnpacked)
	var reader io.Reader
	if err == nil {
		reader, err = file.Text(file.Start())
	}
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(reader, schemas.MaxBatchBytes+1))
	}
	var form *sheet.FormError
	switch {
	case errors.As(err, &form):
		return nil, nil, refuse(schemas.RejectBadBody, "", "the upload cannot be read: "+form.What, form.Right)
	case err != nil:
		return nil, nil, refuse(schemas.RejectBadBody, "", "the upload cannot be read: "+err.Error(), rightUpload)
	case len(text) > schemas.MaxBatchBytes:
		return nil, file, refuse(schemas.RejectTooLong, "",
			"the upload has more than "+strconv.Itoa(schemas.MaxBatchBytes)+" bytes", "at most "+strconv.Itoa(schemas.MaxBatchBytes)+" bytes, unpacked, in several uploads")
	}
	return text, file, nil
}

// uploadOf opens an upload for the network that reader is of. The refusal is that of the whole.
func uploadOf(h *fasthttp.RequestHeader, body []byte, signed bool, reader *dialect.Postback,
	parser *fastjson.Parser) (uploadLines, *refusal) {
	body, file, refused := uploadText(h, body, signed)
	if refused != nil {
		return nil, refused
	}
	if bytes.IndexByte(body, '\n') < 0 {
		body = bytes.ReplaceAll(body, []byte{'\r'}, []byte{'\n'}) // an old Mac's
	}
	lines := bytes.Count(bytes.TrimRight(body, "\r\n"), []byte{'\n'}) + 1
	tooMany := func(limit int) *refusal {
		return refuse(schemas.RejectTooLong, "", "the upload has "+strconv.Itoa(lines)+" lines", "at most "+strconv.Itoa(limit)+" lines, in several uploads")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, refuse(schemas.RejectBadBody, "", "the upload is empty", rightUpload)
	}
	// As with a single postback, the body says what it is; a type that says otherwise has it refused.
	isJSON := bytes.TrimSpace(body)[0] == '{'
	kind := mediaType(h.ContentType())
	is := uploadKinds[string(kind)]
	if is == uploadEither {
		if is = uploadTable; isJSON {
			is = uploadJSON
		}
	}
	switch is {
	case uploadTable:
		if isJSON {
			return nil, refuse(schemas.RejectBadBody, "", "the upload begins with {, which is no CSV", rightUpload)
		}
		if lines > schemas.MaxBatchLines+1 {
			return nil, tooMany(schemas.MaxBatchLines + 1)
		}
		return newCSVLines(body, file, reader)
	case uploadJSON:
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

// csvLines are the lines of a table.
type csvLines struct {
	sheet *sheet.Reader
	// guessed: nothing says the file's character set.
	guessed  bool
	encoding string
	encoded  []string // the columns' names, percent-encoded
	params   []dialect.Param
	unknown  []string
	raw      []byte
}

func newCSVLines(body []byte, file *sheet.File, reader *dialect.Postback) (*csvLines, *refusal) {
	c := &csvLines{guessed: file.Guessed, encoding: file.Encoding}
	var header *sheet.Record
	var err error
	if c.sheet, err = sheet.NewReader(bytes.NewReader(body), 0, 0, schemas.MaxBodyBytes); err == nil {
		header, err = c.sheet.Next()
	}
	const right = "the names of the columns, such as click_id,payout,txid"
	switch {
	case err != nil:
		return nil, refuse(schemas.RejectBadBody, "", "the header cannot be read: "+err.Error(), right)
	case header.Problem != "":
		return nil, refuse(schemas.RejectBadBody, "", "the header cannot be read: "+header.Problem, right)
	case len(header.Fields) > schemas.MaxBatchColumns:
		return nil, refuse(schemas.RejectTooLong, "", "the header has "+strconv.Itoa(len(header.Fields))+" columns",
			"at most "+strconv.Itoa(schemas.MaxBatchColumns))
	}
	seen, hasClick := map[string]bool{}, false
	for i, name := range header.Fields {
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
		param := reader.Param([]byte(name))
		switch param {
		case dialect.ClickID:
			hasClick = true
		case dialect.ParamUnknown:
			c.unknown = append(c.unknown, name)
		}
		c.encoded, c.params = append(c.encoded, url.QueryEscape(name)), append(c.params, param)
	}
	if !hasClick {
		click := reader.Name(dialect.ClickID)
		return nil, refuse(schemas.RejectBadBody, click,
			"the header has no column of the click ID, only "+clip(strings.Join(header.Fields, ", "),
				schemas.MaxDetailBytes/2),
			"a column "+click+", or the network's own name of it in its params, such as {"+strings.TrimSpace(header.Fields[0])+": click_id}")
	}
	if refused := unreadColumn(header.Fields, reader); refused != nil {
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

func (c *csvLines) strange() []string { return slices.Clone(c.unknown) }

func (c *csvLines) next(p *postback, l *uploadLine) bool {
	c.raw, l.refused = c.raw[:0], nil
	record, err := c.sheet.Next()
	if err != nil { // io.EOF: the text is in memory
		return false
	}
	l.number = int(record.Line)
	if l.refused = c.unfit(record); l.refused != nil {
		l.raw = unreadable(record.Fields...)
		return true
	}
	size := 0
	for i, value := range record.Fields {
		if value == "" {
			continue
		}
		if size += len(c.encoded[i]) + len(value) + 2; size > schemas.MaxBodyBytes {
			break
		}
		if len(c.raw) > 0 {
			c.raw = append(c.raw, '&')
		}
		c.raw = append(append(c.raw, c.encoded[i]...), '=')
		if param := c.params[i]; param == dialect.ClickID || param == dialect.TxID {
			value = query.EncodeID(value)
		} else {
			value = url.QueryEscape(value)
		}
		c.raw = append(c.raw, value...)
	}
	l.raw = c.raw
	if size > schemas.MaxBodyBytes || len(c.raw) > schemas.MaxBodyBytes {
		l.refused = refuse(schemas.RejectTooLong, "", "the line has more than "+strconv.Itoa(schemas.MaxBodyBytes)+" bytes", "a shorter line")
		l.raw = unreadable(string(clip(c.raw, schemas.MaxRawBytes)))
	}
	p.reader.ReadQuery(&p.reading, c.raw)
	return true
}

// unfit says why a record is no line of the table, nil for one that is.
func (c *csvLines) unfit(record *sheet.Record) *refusal {
	if record.Problem != "" {
		what, right, _ := strings.Cut(record.Problem, "; right would be ")
		return refuse(schemas.RejectBadBody, "", "the line is no CSV: "+what, cmp.Or(right, "a shorter line"))
	}
	if len(record.Fields) != len(c.encoded) {
		return refuse(schemas.RejectBadBody, "",
			"the line has "+strconv.Itoa(len(record.Fields))+" columns, the header has "+strconv.Itoa(len(c.encoded)), "as many columns as the header")
	}
	for i, value := range record.Fields {
		if c.guessed && c.params[i] < dialect.Params && !sheet.IsSure(value) {
			return refuse(schemas.RejectBadBody, "",
				"column "+strconv.Itoa(i+1)+", "+quoted([]byte(value))+", has letters that depend on a character set, which nothing says",
				"UTF-8; or charset=windows-1252, or another, in the Content-Type")
		}
	}
	return nil
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
