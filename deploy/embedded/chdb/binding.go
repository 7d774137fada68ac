package chdb

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// library is the part of libchdb's C interface this package calls. Handles are opaque C pointers, held as
// unsafe.Pointer so that vet can follow them; Go's collector ignores addresses outside its own heap.
type library struct {
	setSignalHandlersEnabled func(enabled int32)
	connect                  func(argc int32, argv **byte) *unsafe.Pointer
	closeConn                func(conn *unsafe.Pointer)
	query                    func(conn unsafe.Pointer, query *byte, queryLen uintptr, format *byte, formatLen uintptr, names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, params uintptr) unsafe.Pointer
	streamQuery              func(conn unsafe.Pointer, query *byte, queryLen uintptr, format *byte, formatLen uintptr, names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, params uintptr) unsafe.Pointer
	streamFetch              func(conn, stream unsafe.Pointer) unsafe.Pointer
	streamCancel             func(conn, stream unsafe.Pointer)
	destroy                  func(result unsafe.Pointer)
	buffer                   func(result unsafe.Pointer) *byte
	length                   func(result unsafe.Pointer) uintptr
	rowsRead                 func(result unsafe.Pointer) uint64
	bytesRead                func(result unsafe.Pointer) uint64
	storageRowsRead          func(result unsafe.Pointer) uint64
	storageBytesRead         func(result unsafe.Pointer) uint64
	rowsWritten              func(result unsafe.Pointer) uint64
	bytesWritten             func(result unsafe.Pointer) uint64
	resultError              func(result unsafe.Pointer) *byte
}

// loadLibrary maps libchdb at path into this process. There is no way back: the engine's threads forbid unloading it.
func loadLibrary(path string) (lib *library, err error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("loading the ClickHouse engine from %s: %w", path, err)
	}
	lib = new(library)
	for _, symbol := range []struct {
		name     string
		function any
	}{
		{"chdb_set_signal_handlers_enabled", &lib.setSignalHandlersEnabled},
		{"chdb_connect", &lib.connect},
		{"chdb_close_conn", &lib.closeConn},
		{"chdb_query_with_params_n", &lib.query},
		{"chdb_stream_query_with_params_n", &lib.streamQuery},
		{"chdb_stream_fetch_result", &lib.streamFetch},
		{"chdb_stream_cancel_query", &lib.streamCancel},
		{"chdb_destroy_query_result", &lib.destroy},
		{"chdb_result_buffer", &lib.buffer},
		{"chdb_result_length", &lib.length},
		{"chdb_result_rows_read", &lib.rowsRead},
		{"chdb_result_bytes_read", &lib.bytesRead},
		{"chdb_result_storage_rows_read", &lib.storageRowsRead},
		{"chdb_result_storage_bytes_read", &lib.storageBytesRead},
		{"chdb_result_rows_written", &lib.rowsWritten},
		{"chdb_result_bytes_written", &lib.bytesWritten},
		{"chdb_result_error", &lib.resultError},
	} {
		address, err := purego.Dlsym(handle, symbol.name)
		if err != nil {
			return nil, fmt.Errorf("loading the ClickHouse engine from %s: it lacks %s, so it is not libchdb %s or newer: %w", path, symbol.name, LibraryVersion, err)
		}
		purego.RegisterFunc(symbol.function, address)
	}
	// Before anything else: the engine would otherwise take over signals the Go runtime needs. The call leaves SIGSEGV
	// and its like at their defaults, so a fault ends this process at once instead of becoming a panic: that is what a
	// child process is for.
	lib.setSignalHandlersEnabled(0)
	return lib, nil
}

// connection is one engine session: its current database, settings and temporary tables. It runs one query at a time;
// its methods must not be called concurrently.
type connection struct {
	lib    *library
	handle *unsafe.Pointer
}

// open starts the engine on its first call in a process and adds a session to the running one afterwards.
func (lib *library) open(arguments []string) (*connection, error) {
	argv := make([]*byte, len(arguments)+1)
	for i, argument := range arguments {
		argv[i] = unsafe.SliceData(append([]byte(argument), 0))
	}
	handle := lib.connect(int32(len(arguments)), unsafe.SliceData(argv))
	runtime.KeepAlive(argv)
	if handle == nil || *handle == nil {
		return nil, errConnect
	}
	return &connection{lib: lib, handle: handle}, nil
}

// close ends the session; after the last one the engine shuts down.
func (c *connection) close() { c.lib.closeConn(c.handle) }

// parameters are values for {name:Type} placeholders, in the arrays the C interface wants.
type parameters struct {
	names, values       []*byte
	nameLens, valueLens []uintptr
}

func (p *parameters) add(name, value string) {
	// An empty Go string may have a nil data pointer, which the engine refuses.
	p.names = append(p.names, unsafe.SliceData(append([]byte(name), 0)))
	p.nameLens = append(p.nameLens, uintptr(len(name)))
	p.values = append(p.values, unsafe.SliceData(append([]byte(value), 0)))
	p.valueLens = append(p.valueLens, uintptr(len(value)))
}

// run executes one statement to its end and hands its whole output to use, which must not keep it. The error is an
// *engineError when the engine refused the statement.
func (c *connection) run(statement, format string, params *parameters, use func(output []byte, p progress) error) error {
	if params == nil {
		params = new(parameters)
	}
	result := c.lib.query(*c.handle, unsafe.StringData(statement), uintptr(len(statement)), unsafe.StringData(format), uintptr(len(format)),
		unsafe.SliceData(params.names), unsafe.SliceData(params.nameLens), unsafe.SliceData(params.values), unsafe.SliceData(params.valueLens), uintptr(len(params.names)))
	runtime.KeepAlive(statement)
	runtime.KeepAlive(format)
	runtime.KeepAlive(params)
	defer c.lib.destroy(result)
	if err := c.lib.errorOf(result); err != nil {
		return err
	}
	if use == nil {
		return nil
	}
	return use(c.lib.output(result), c.lib.counts(result))
}

// exec is run for statements without output.
func (c *connection) exec(statement string) error { return c.run(statement, "", nil, nil) }

// stream executes a SELECT and hands its output to use chunk by chunk, as the engine makes it: memory stays bounded by
// a few blocks. A statement that fails before its first chunk never calls use. When use fails, the query is cancelled
// and that error returned.
func (c *connection) stream(statement, format string, params *parameters, use func(chunk []byte, p progress) error) error {
	if params == nil {
		params = new(parameters)
	}
	stream := c.lib.streamQuery(*c.handle, unsafe.StringData(statement), uintptr(len(statement)), unsafe.StringData(format), uintptr(len(format)),
		unsafe.SliceData(params.names), unsafe.SliceData(params.nameLens), unsafe.SliceData(params.values), unsafe.SliceData(params.valueLens), uintptr(len(params.names)))
	runtime.KeepAlive(statement)
	runtime.KeepAlive(format)
	runtime.KeepAlive(params)
	defer c.lib.destroy(stream)
	if err := c.lib.errorOf(stream); err != nil {
		return err
	}
	for {
		more, err := c.fetch(stream, use)
		if err != nil {
			c.lib.streamCancel(*c.handle, stream)
			return err
		}
		if !more {
			return nil
		}
	}
}

func (c *connection) fetch(stream unsafe.Pointer, use func(chunk []byte, p progress) error) (more bool, err error) {
	chunk := c.lib.streamFetch(*c.handle, stream)
	defer c.lib.destroy(chunk)
	if err := c.lib.errorOf(chunk); err != nil {
		// A last chunk with fewer rows than were announced already closes the stream; this is its end, not a failure.
		if err.text == endOfStream {
			return false, nil
		}
		return false, err
	}
	output := c.lib.output(chunk)
	if len(output) == 0 {
		return false, nil
	}
	return true, use(output, c.lib.counts(chunk))
}

// endOfStream is what the engine says when asked for a chunk of a stream it has finished.
const endOfStream = "No active streaming query"

// counts are what the engine counted of a statement, or of a stream up to a chunk. Where a statement writes, what it read is what
// it was given.
func (lib *library) counts(result unsafe.Pointer) progress {
	return progress{
		resultRows: lib.rowsRead(result), resultBytes: lib.bytesRead(result),
		readRows: lib.storageRowsRead(result), readBytes: lib.storageBytesRead(result),
		writtenRows: lib.rowsWritten(result), writtenBytes: lib.bytesWritten(result),
	}
}

// output is the engine's own memory, valid until the result is destroyed.
func (lib *library) output(result unsafe.Pointer) []byte {
	return unsafe.Slice(lib.buffer(result), lib.length(result))
}

func (lib *library) errorOf(result unsafe.Pointer) *engineError {
	text := lib.resultError(result)
	if text == nil {
		return nil
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(text), n)) != 0 {
		n++
	}
	return newEngineError(string(unsafe.Slice(text, n)))
}
