package chdb

import (
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GuestLimits bound what guests' queries may take from the roles.
type GuestLimits struct {
	// MaxRunning is how many of their queries run at once, beside the roles'. Default 4.
	MaxRunning int
	// MaxWaiting is how many more may wait, each at most PatienceTime; beyond it they are told to come back. Defaults 16
	// and 2 s.
	MaxWaiting   int
	PatienceTime time.Duration
	// MaxTime is how long one may take, the sending of its result included. Default 60 s.
	MaxTime time.Duration
	// MaxMemoryBytes is what one may hold. Default: three sixteenths of the engine's, so that the default number of them
	// leave the roles a quarter.
	MaxMemoryBytes int64
	// MaxResultBytes is what one may return. Default 256 MiB.
	MaxResultBytes int64
	// MaxSpillBytes is what one may write to disk where its memory does not suffice. Default 1 GiB.
	MaxSpillBytes int64
	// MaxQueryBytes bounds the text of one, which is parsed before any other bound holds. Default 64 KiB.
	MaxQueryBytes int64
	// MaxSessions bounds the sessions kept for their requests with a session_id; beyond it the one idle longest ends.
	// Default 64.
	MaxSessions int
	// MaxExternalBytes bounds the data that comes with one as external tables; in memory it may take four times as much.
	// Default 8 MiB.
	MaxExternalBytes int64
}

// guestSettings are the settings that a guest may send with a query. The rest is refused as the engine refuses every
// setting of a user who is read-only; these are what formats the result or makes the query smaller, and what the usual
// clients send without being asked.
var guestSettings = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`output_format_[a-z_]+`, `format_csv_[a-z_]+`, `format_tsv_[a-z_]+`, `format_custom_[a-z_]+`, `format_binary_max_[a-z_]+`,
	`bool_(?:true|false)_representation`, `date_time_output_format`, `session_timezone`, `use_client_time_zone`, `extremes`,
	`max_threads`, `max_block_size`, `max_rows_to_read`, `max_bytes_to_read`, `read_overflow_mode`, `max_result_rows`, `result_overflow_mode`,
	`max_rows_to_group_by`, `group_by_overflow_mode`, `limit`, `offset`, `final`, `join_use_nulls`, `group_by_use_nulls`, `aggregate_functions_null_for_empty`,
	`send_progress_in_http_headers`, `http_headers_progress_interval_ms`, `http_write_exception_in_output_format`, `http_response_buffer_size`,
	`cancel_http_readonly_queries_on_client_disconnect`, `network_compression_method`, `network_zstd_compression_level`, `enable_http_compression`, `http_zlib_compression_level`, `send_receive_timeout`,
}, "|") + `)$`)

// outputSchemas are settings among them that name files.
var outputSchemas = regexp.MustCompile(`schema|template|path|file|url`)

// bounded are the settings that a guest may lower.
func (g *GuestLimits) bounded() map[string]int64 {
	return map[string]int64{
		"max_execution_time": max(1, int64(g.MaxTime/time.Second)),
		"max_memory_usage":   g.MaxMemoryBytes,
		"max_result_bytes":   g.MaxResultBytes,
	}
}

// settings are the engine's settings of one guest's request, to be set before it is made read-only. lifted tells that they
// were examined as part of a statement.
func (g *GuestLimits) settings(request map[string]string, threads int, lifted bool) (map[string]string, error) {
	values := map[string]string{
		"max_threads":                               strconv.Itoa(threads),
		"timeout_overflow_mode":                     "throw",
		"result_overflow_mode":                      "throw",
		"max_bytes_before_external_group_by":        strconv.FormatInt(g.MaxMemoryBytes/2, 10),
		"max_bytes_before_external_sort":            strconv.FormatInt(g.MaxMemoryBytes/2, 10),
		"max_temporary_data_on_disk_size_for_query": strconv.FormatInt(g.MaxSpillBytes, 10),
	}
	for name, limit := range g.bounded() {
		values[name] = strconv.FormatInt(limit, 10)
	}
	for name, given := range request {
		if limit, ok := g.bounded()[name]; ok {
			wanted, err := strconv.ParseFloat(given, 64)
			if err != nil || wanted < 0 {
				return nil, refuse(codeCannotParse, "CANNOT_PARSE_TEXT", "Cannot parse the setting %s: %s is not a number", name, quote(given))
			}
			if wanted > 0 && wanted < float64(limit) {
				values[name] = given
			}
			continue
		}
		switch {
		case name == tableFilters && lifted:
			values[name] = given
		case name == "readonly" && (given == "1" || given == "2"):
			// it is
		case name == "max_threads":
			if n, err := strconv.Atoi(given); err == nil && n > 0 && n < threads {
				values[name] = given
			}
		case guestSettings.MatchString(name) && !outputSchemas.MatchString(name):
			values[name] = given
		default:
			return nil, refuse(codeReadonly, "READONLY", "Cannot modify '%s' setting in readonly mode: a guest may set the output's format, bounds below its own, and what joins do with absent rows", name)
		}
	}
	return values, nil
}

// tableFilters is the setting in which Grafana sends a dashboard's ad hoc filters: expressions by table.
const tableFilters = "additional_table_filters"

// filterSettings are settings that hold expressions, which the engine parses where we do not see it. Those of tables are
// examined in a statement, a guest's where its statement ends in them.
var filterSettings = []string{tableFilters, "additional_result_filter"}

// liftGuestSettings takes the settings that a guest may set out of its statement: under readonly=1 the engine would refuse
// the statement for them. What it may not set is refused, and so is a setting anywhere else: in a subquery or a branch of a
// UNION the engine takes each, readonly too. parsed is in the engine's words.
func (s *server) liftGuestSettings(parsed statement) (rest statement, settings map[string]string, err error) {
	text, settings, found := liftSettings(parsed.text)
	if found {
		checked := maps.Clone(settings)
		delete(checked, tableFilters)
		if _, err := s.cfg.Guests.settings(checked, s.cfg.MaxThreads, false); err != nil {
			return parsed, nil, err
		}
		for _, filter := range literals(settings[tableFilters]) {
			examined, err := s.examine("SELECT "+filter, true)
			if err == nil {
				err = noSettings(examined.text)
			}
			if err != nil {
				return parsed, nil, err
			}
		}
		parsed = analyse(text)
	}
	return parsed, settings, noSettings(text)
}

// noSettings refuses a guest's statement that still sets something.
func noSettings(text string) error {
	if found := settingsIn(text); len(found) > 0 {
		return refuse(codeReadonly, "READONLY", "Cannot modify '%s' setting in readonly mode: a guest's settings stand at the statement's end, or are sent with the request, and not in a subquery or a part of a UNION", found[0].name)
	}
	return nil
}

// examineFilters examines what a statement of the roles' in the engine's words sets as filters of tables.
func (s *server) examineFilters(text string) error {
	for _, set := range settingsIn(text) {
		if set.name != tableFilters {
			if err := noFilters(set.name); err != nil {
				return err
			}
			continue
		}
		for _, filter := range literals(set.value) {
			examined, err := s.examine("SELECT "+filter, false)
			if err == nil {
				err = s.examineFilters(examined.text)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// noFilters refuses a setting of the roles' that holds an expression where it is not examined.
func noFilters(name string) error {
	if slices.Contains(filterSettings, name) {
		return refuse(codeAccessDenied, "ACCESS_DENIED", "Not enough privileges: the setting '%s' holds an expression that is not examined here; write it into WHERE", name)
	}
	return nil
}

// requestSettings are the settings among a request's parameters.
func requestSettings(params url.Values) map[string]string {
	values := make(map[string]string)
	for name, given := range params {
		if len(given) == 0 || slices.Contains(notSettings, name) || strings.HasPrefix(name, "param_") {
			continue
		}
		values[name] = given[len(given)-1]
	}
	return values
}

// setStatement is the SET statement of values, readonly last: it forbids what would follow.
func setStatement(values map[string]string) string {
	var b strings.Builder
	b.WriteString("SET ")
	names := slices.Sorted(maps.Keys(values))
	if i := slices.Index(names, "readonly"); i >= 0 {
		names = append(slices.Delete(names, i, i+1), "readonly")
	}
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + " = " + quote(values[name]))
	}
	return b.String()
}

// examine has the engine parse a statement and returns it in the engine's own words. What its parser does not take as one
// statement must not reach the engine's interface, which carries out several in a row and reads files of statements
// (`\i FILE`). In the engine's words there are no comments, heredocs or line breaks that our scanner could read otherwise
// than its parser. Nobody may have the engine read or write files beside its tables: the engine's access control refuses
// table functions, table engines, backups and dictionaries; what is carried out before or outside of it is refused here.
func (s *server) examine(text string, guest bool) (statement, error) {
	var canonical string
	params := new(parameters)
	params.add("query", escaped.Replace(text))
	by := s.parserOf(guest)
	by.Lock()
	defer by.Unlock()
	err := by.conn.run("SELECT formatQuerySingleLine({query:String})", "RawBLOB", params, func(output []byte, _ progress) error {
		canonical = string(output)
		return nil
	})
	if err != nil {
		var failure *engineError
		if errors.As(err, &failure) {
			failure.text = parserScope.ReplaceAllString(failure.text, ".")
		}
		return statement{}, err
	}
	stmt := analyse(canonical)
	if stmt.outfile || stmt.infile {
		return stmt, refuse(codeAccessDenied, "ACCESS_DENIED", "Not enough privileges: INTO OUTFILE and FROM INFILE would write or read files of the machine that the engine runs on. The result is returned to you: keep it there (`tributary sql … > FILE`)")
	}
	if stmt.readsFile {
		return stmt, refuse(codeAccessDenied, "ACCESS_DENIED", "Not enough privileges: file() would read files of the machine that the engine runs on")
	}
	return stmt, nil
}

// escaped is how the engine reads a parameter's value.
var escaped = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// parserScope is where the engine says that it parsed for us.
var parserScope = regexp.MustCompile(`(?s): In scope SELECT formatQuerySingleLine\(.*\)\.`)
