package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"go.uber.org/zap"
)

// DefaultListen is the address ClickHouse's HTTP interface has by custom, on this machine only.
const DefaultListen = "127.0.0.1:8123"

// ServerConfig describes the child's side. Zero values mean the defaults named at each field.
type ServerConfig struct {
	// DataDir holds tables and metadata; it is created if absent. Required.
	DataDir string
	// Listen is host:port; port 0 takes a free one. Default DefaultListen.
	Listen string
	// Users are all who are let in. ServeChild takes them from its parent. Required.
	Users []User
	// Passwords is the folder of the users' password files, made if absent, for ServeChild without a parent.
	Passwords string
	// GuestsUnconfined lets guests in although the operating system cannot confine this process.
	GuestsUnconfined bool
	// confined is set by ServeChild once this process reaches nothing but its tables' folder; else whyNot says why.
	confined bool
	whyNot   error
	// Guests bound what users with Guest set may take.
	Guests GuestLimits
	// Durable answers an insert only once its rows would outlive a power cut.
	Durable bool
	// LibPath is libchdb's path. Default: what FindLibrary finds.
	LibPath string
	// Logger takes life-cycle messages. Default: none.
	Logger *zap.Logger
	// OnReady is called once with the address listened on, when queries are answered.
	OnReady func(address string)

	// MaxBodyBytes bounds the data of one insert, before and after decompression. Default 256 MiB.
	MaxBodyBytes int64
	// MaxQueryBytes bounds the text of one query. Default 1 MiB.
	MaxQueryBytes int64
	// MaxResultBytes bounds a result in a format that cannot be streamed (JSON, Parquet, Pretty …; JSONEachRow, CSV,
	// TabSeparated, RowBinary and Native are streamed and not bounded). Default 256 MiB.
	MaxResultBytes int64
	// MaxRunning is how many queries of users who are no guests run at once. Default 8.
	MaxRunning int
	// MaxWaiting is how many more may wait for their turn; beyond it the answer is 503. Default 64.
	MaxWaiting int
	// MaxSessions bounds the sessions kept for the roles' requests with a session_id. Default 32.
	MaxSessions int
	// MaxThreads a query. Default: the number of processors, at most 4.
	MaxThreads int
	// MaxMemoryBytes is the engine's own limit for everything it holds. A query that would exceed it fails with code
	// 241, the process stays. Default 2 GiB.
	MaxMemoryBytes int64
	// IOTimeout is how long a client may take to send a body, or to take the next part of an answer. Default 60 s.
	IOTimeout time.Duration
	// StopTimeout is how long running queries may take to end once the server is asked to stop. Default 10 s.
	StopTimeout time.Duration
}

func (c ServerConfig) withDefaults() (ServerConfig, error) {
	if c.DataDir == "" {
		return c, errors.New("configuring the embedded ClickHouse: DataDir is empty; name the directory that holds its tables")
	}
	if err := checkUsers(c.Users); err != nil {
		return c, err
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return c, fmt.Errorf("configuring the embedded ClickHouse: resolving its data directory: %w", err)
	}
	c.DataDir = dir
	if c.LibPath == "" {
		if c.LibPath, err = FindLibrary(); err != nil {
			return c, err
		}
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if !c.confined && c.whyNot == nil {
		c.whyNot = errors.New("nothing confined it")
	}
	if c.OnReady == nil {
		c.OnReady = func(string) {}
	}
	or(&c.Listen, DefaultListen)
	or(&c.MaxBodyBytes, 256<<20)
	or(&c.MaxQueryBytes, 1<<20)
	or(&c.MaxResultBytes, 256<<20)
	or(&c.MaxRunning, 8)
	or(&c.MaxWaiting, 64)
	or(&c.MaxSessions, 32)
	or(&c.MaxThreads, min(runtime.NumCPU(), 4))
	or(&c.MaxMemoryBytes, 2<<30)
	or(&c.IOTimeout, 60*time.Second)
	or(&c.StopTimeout, 10*time.Second)
	or(&c.Guests.MaxRunning, 4)
	or(&c.Guests.MaxWaiting, 16)
	or(&c.Guests.PatienceTime, 2*time.Second)
	or(&c.Guests.MaxTime, time.Minute)
	or(&c.Guests.MaxMemoryBytes, c.MaxMemoryBytes/16*3)
	or(&c.Guests.MaxResultBytes, c.MaxResultBytes)
	or(&c.Guests.MaxSpillBytes, 1<<30)
	or(&c.Guests.MaxQueryBytes, 64<<10)
	or(&c.Guests.MaxSessions, 64)
	or(&c.Guests.MaxExternalBytes, 8<<20)
	return c, nil
}

func or[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

const (
	spoolFolder  = "spool"
	engineFolder = "engine"
	emptyFolder  = "empty"
	configFile   = "engine.xml"
	usersFile    = "users.xml"
	lockFile     = "lock"
)

// keepFreeBytes is what inserts and merges leave free of the disk: many times the small files of all the parts that are
// written at once.
const keepFreeBytes = 16 << 20

// engineConfig is the engine's server configuration. A ClickHouse server takes gigabytes of caches by default and keeps
// pools for hundreds of threads; these are sized for one machine that also runs everything else of Tributary.
func (c ServerConfig) engineConfig() string {
	var b strings.Builder
	b.WriteString("<!-- Written at every start: changes made here are lost. -->\n<clickhouse>\n")
	indent := "  "
	set := func(name string, value any) { fmt.Fprintf(&b, "%s<%s>%v</%s>\n", indent, name, value, name) }
	set("users_config", filepath.Join(c.DataDir, usersFile))
	set("user_scripts_path", filepath.Join(c.DataDir, emptyFolder)) // executables: none
	set("max_server_memory_usage", c.MaxMemoryBytes)
	set("mark_cache_size", 32<<20)
	set("index_mark_cache_size", 8<<20)
	set("uncompressed_cache_size", 0)
	set("index_uncompressed_cache_size", 0)
	set("primary_index_cache_size", 16<<20)
	set("query_condition_cache_size", 4<<20)
	set("compiled_expression_cache_size", 8<<20)
	set("compiled_expression_cache_elements_size", 512)
	set("mmap_cache_size", 64)
	set("vector_similarity_index_cache_size", 1<<20)
	set("text_index_tokens_cache_size", 1<<20)
	set("text_index_header_cache_size", 1<<20)
	set("text_index_postings_cache_size", 1<<20)
	set("iceberg_metadata_files_cache_size", 1<<20)
	set("parquet_metadata_cache_size", 1<<20)
	set("max_thread_pool_size", 512)
	set("max_thread_pool_free_size", 0)
	set("max_io_thread_pool_size", 8)
	set("max_io_thread_pool_free_size", 0)
	set("max_active_parts_loading_thread_pool_size", 4)
	set("max_outdated_parts_loading_thread_pool_size", 2)
	set("max_parts_cleaning_thread_pool_size", 2)
	set("background_pool_size", 2)
	set("background_merges_mutations_concurrency_ratio", 1)
	set("background_schedule_pool_size", 4)
	set("background_common_pool_size", 2)
	set("background_move_pool_size", 1)
	set("background_fetches_pool_size", 1)
	// An insert or a merge is not begun without room for its small files (see errIncomplete).
	fmt.Fprintf(&b, "  <storage_configuration><disks><default><keep_free_space_bytes>%d</keep_free_space_bytes></default></disks></storage_configuration>\n", keepFreeBytes)
	b.WriteString("  <merge_tree>\n")
	indent = "    "
	// A merge reads every part through buffers of its own, by the column: 100 parts at once took 1.3 GiB (measured).
	set("max_parts_to_merge_at_once", 16)
	set("merge_max_block_size_bytes", 4<<20)
	// With few background threads the defaults would hold back merges of small parts until 8 slots are free.
	set("number_of_free_entries_in_pool_to_execute_mutation", 1)
	set("number_of_free_entries_in_pool_to_lower_max_size_of_merge", 1)
	set("number_of_free_entries_in_pool_to_execute_optimize_entire_partition", 1)
	if c.Durable {
		// A part is synced before it has its name, and its folder before it counts.
		set("fsync_after_insert", 1)
		set("fsync_part_directory", 1)
		set("min_rows_to_fsync_after_merge", 1)
		set("min_compressed_bytes_to_fsync_after_merge", 1)
	}
	b.WriteString("  </merge_tree>\n</clickhouse>\n")
	return b.String()
}

// engineUsers is the engine's users configuration. Every session of the library is its one user's, so what the engine
// refuses to this one it refuses to all: files, URLs, other servers, processes, backups, dictionaries, functions and
// named collections are not among the grants. A guest is this user in a session that readonly=1 was set for, which no
// session can take back; guests see neither what others ask nor what went wrong with it. What they ask themselves they see, by the
// first part of its mark (see newMark) and the point behind it.
const engineUsers = `<!-- Written at every start: changes made here are lost. -->
<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, KILL QUERY, SYSTEM ON *.*</query>
      </grants>
      <databases>
        <system>
          <processes><filter>getSetting('readonly') != 1 OR getSetting('log_comment') != '' AND startsWith(Settings['log_comment'], substring(getSetting('log_comment'), 1, 17))</filter></processes>
          <user_processes><filter>getSetting('readonly') != 1</filter></user_processes>
          <errors><filter>getSetting('readonly') != 1</filter></errors>
        </system>
      </databases>
    </default>
  </users>
</clickhouse>
`

// engineArguments prepares the data directory and returns the engine's command line.
func (c ServerConfig) engineArguments() ([]string, error) {
	spools := filepath.Join(c.DataDir, spoolFolder)
	if err := os.RemoveAll(spools); err != nil { // left by a killed process
		return nil, fmt.Errorf("preparing the data directory: %w", err)
	}
	for _, dir := range []string{spools, filepath.Join(c.DataDir, engineFolder), filepath.Join(c.DataDir, emptyFolder)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("preparing the data directory: %w", err)
		}
	}
	path := filepath.Join(c.DataDir, configFile)
	for path, content := range map[string]string{path: c.engineConfig(), filepath.Join(c.DataDir, usersFile): engineUsers} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("writing the engine's configuration: %w", err)
		}
	}
	return []string{"clickhouse", "--config-file=" + path, "--path=" + filepath.Join(c.DataDir, engineFolder)}, nil
}
