package clickhouse

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// class is what an insert's error asks for.
type class uint8

const (
	// classRetry: ClickHouse cannot take it now. Wait and repeat the same insert.
	classRetry class = iota
	// classSchema: the database is not as the migrations make it. Waiting helps once somebody migrates; no row is at
	// fault.
	classSchema
	// classRow: a row is at fault. Find it, put it aside, go on.
	classRow
	// classUnknown: not in the list. Treated as classRetry: no row is given up for an error nobody has thought of.
	classUnknown
	classes
)

func (c class) String() string {
	return [...]string{"retry", "schema", "row", "unknown"}[c]
}

// codeClasses is the closed list of ClickHouse error codes (ErrorCodes.cpp of the server) that are not left to
// classUnknown.
var codeClasses = map[int32]class{
	// A value does not fit, whoever inserts it.
	6:   classRow, // CANNOT_PARSE_TEXT
	26:  classRow, // CANNOT_PARSE_QUOTED_STRING
	27:  classRow, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	38:  classRow, // CANNOT_PARSE_DATE
	41:  classRow, // CANNOT_PARSE_DATETIME
	69:  classRow, // ARGUMENT_OUT_OF_BOUND
	70:  classRow, // CANNOT_CONVERT_TYPE
	72:  classRow, // CANNOT_PARSE_NUMBER
	117: classRow, // INCORRECT_DATA
	131: classRow, // TOO_LARGE_STRING_SIZE
	321: classRow, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
	349: classRow, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
	407: classRow, // DECIMAL_OVERFLOW
	469: classRow, // VIOLATED_CONSTRAINT

	// Tables or columns are missing, or have other types.
	8:   classSchema, // THERE_IS_NO_COLUMN
	10:  classSchema, // NOT_FOUND_COLUMN_IN_BLOCK
	16:  classSchema, // NO_SUCH_COLUMN_IN_TABLE
	36:  classSchema, // BAD_ARGUMENTS
	44:  classSchema, // ILLEGAL_COLUMN
	47:  classSchema, // UNKNOWN_IDENTIFIER
	50:  classSchema, // UNKNOWN_TYPE
	53:  classSchema, // TYPE_MISMATCH
	60:  classSchema, // UNKNOWN_TABLE
	62:  classSchema, // SYNTAX_ERROR
	81:  classSchema, // UNKNOWN_DATABASE
	115: classSchema, // UNKNOWN_SETTING
	218: classSchema, // TABLE_IS_DROPPED
	497: classSchema, // ACCESS_DENIED
	516: classSchema, // AUTHENTICATION_FAILED

	// It is busy, full, starting, stopping or out of reach.
	3:    classRetry, // UNEXPECTED_END_OF_FILE
	32:   classRetry, // ATTEMPT_TO_READ_AFTER_EOF
	33:   classRetry, // CANNOT_READ_ALL_DATA
	74:   classRetry, // CANNOT_READ_FROM_FILE_DESCRIPTOR
	75:   classRetry, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
	76:   classRetry, // CANNOT_OPEN_FILE
	159:  classRetry, // TIMEOUT_EXCEEDED
	164:  classRetry, // READONLY
	198:  classRetry, // DNS_ERROR
	202:  classRetry, // TOO_MANY_SIMULTANEOUS_QUERIES
	203:  classRetry, // NO_FREE_CONNECTION
	209:  classRetry, // SOCKET_TIMEOUT
	210:  classRetry, // NETWORK_ERROR
	241:  classRetry, // MEMORY_LIMIT_EXCEEDED
	242:  classRetry, // TABLE_IS_READ_ONLY
	243:  classRetry, // NOT_ENOUGH_SPACE
	252:  classRetry, // TOO_MANY_PARTS
	279:  classRetry, // ALL_CONNECTION_TRIES_FAILED
	285:  classRetry, // TOO_FEW_LIVE_REPLICAS
	319:  classRetry, // UNKNOWN_STATUS_OF_INSERT
	394:  classRetry, // QUERY_WAS_CANCELLED
	425:  classRetry, // SYSTEM_ERROR
	439:  classRetry, // CANNOT_SCHEDULE_TASK
	473:  classRetry, // DEADLOCK_AVOIDED
	499:  classRetry, // S3_ERROR
	745:  classRetry, // SERVER_OVERLOADED
	999:  classRetry, // KEEPER_EXCEPTION
	1002: classUnknown,
}

// errReported: the record is no event, and the other reader of its topic, the processor, makes the dead letter of it.
var errReported = errors.New("the processor reports it")

// classify sorts an error of an insert or a query.
func classify(err error) class {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		if class, ok := codeClasses[exception.Code]; ok {
			return class
		}
		return classUnknown
	}
	var schema *schemaError
	var network net.Error
	switch {
	case errors.As(err, &schema):
		return classSchema
	case errors.Is(err, errStale), errors.Is(err, errPartial), errors.Is(err, errOrphan), errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, clickhouse.ErrAcquireConnTimeout):
		return classRetry
	}
	return classUnknown
}

// schemaError says that the table is not as this program expects it.
type schemaError struct{ problem string }

func (e *schemaError) Error() string { return e.problem + "; run `tributary migrate`" }
