package chdb

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

var (
	// errConnect stands for the engine's refusal to start. Its reason it prints to standard error instead of returning it.
	errConnect = errors.New("the ClickHouse engine refused to start: it says why in the lines before")

	// ErrLocked is wrapped when another process owns the data directory.
	ErrLocked = errors.New("the data directory is in use by another process")

	// ErrIncomplete is wrapped when the child has ended itself because a part was not whole on disk, as after a full disk.
	// Nothing of it was acknowledged.
	ErrIncomplete = errors.New("the embedded ClickHouse ended itself: a part of a table is not whole on disk, as " +
		"after a full disk")
)

// ClickHouse's numbers for the errors this package raises itself (ErrorCodes.cpp of the server).
const (
	codeSyntaxError           = 62
	codeUnknownSetting        = 115
	codeReadonly              = 164
	codeTooManyQueries        = 202
	codeQueryTooLarge         = 223
	codeRequestTooLarge       = 307 // TOO_MANY_BYTES
	codeUnknownCompression    = 89
	codeSessionLocked         = 373
	codeCannotDecompress      = 271
	codeNotImplemented        = 48
	codeUnknownException      = 1002
	codeSessionNotFound       = 372
	codeNetworkTimeout        = 209
	codeCannotWriteToTempFile = 75
	codeAccessDenied          = 497
	codeRequiredPassword      = 194
	codeAuthenticationFailed  = 516
	codeCannotParse           = 6
	codeTooManyRowsOrBytes    = 396
	codeTimeoutExceeded       = 159
	codeUnknownRole           = 511
)

// engineError is a failure in ClickHouse's own words, which start with "Code: N. DB::Exception: ".
type engineError struct {
	code int
	text string
}

func (e *engineError) Error() string { return e.text }

var codePattern = regexp.MustCompile(`^(?:Error: )?Code: (\d+)\. `)

func newEngineError(text string) *engineError {
	e := &engineError{code: codeUnknownException, text: text}
	if match := codePattern.FindStringSubmatch(text); match != nil {
		e.code, _ = strconv.Atoi(match[1]) //nolint:errcheck // the pattern admits digits only; an overflow leaves 0
		e.text = strings.TrimPrefix(text, "Error: ")
	}
	return e
}

// refuse makes an error of this package look as the engine's own do, so that clients parse its code.
func refuse(code int, name, format string, arguments ...any) *engineError {
	return &engineError{code: code, text: fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, arguments...), name)}
}

// status is the HTTP status ClickHouse's HTTP handler gives an exception code (exceptionCodeToHTTPStatus in the
// server): 400 for a query that cannot be parsed, 404 for something unknown, 500 for everything else.
func status(code int) int {
	switch code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 192, 193, 497, 516: // UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED
		return http.StatusForbidden
	case 6, 26, 27, 36, 38, 41, 43, 53, 62, 69, 72, 117, 130, 184, 427, 441, codeCannotDecompress, codeUnknownCompression:
		// what could not be parsed, converted or compiled
		return http.StatusBadRequest
	case 16, 46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, codeSessionNotFound:
		// an unknown column, function, identifier, type, storage, table, format, database, setting …
		return http.StatusNotFound
	case codeQueryTooLarge, codeRequestTooLarge:
		return http.StatusRequestEntityTooLarge
	case codeNotImplemented:
		return http.StatusNotImplemented
	case codeTimeoutExceeded:
		return http.StatusRequestTimeout
	case codeTooManyQueries, codeNetworkTimeout, 439: // … CANNOT_SCHEDULE_TASK
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
