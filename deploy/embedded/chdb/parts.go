package chdb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
)

// errIncomplete says that a part of a table is not on disk as the engine believes it to be.
//
// The engine (26.5) passes over a failed write of a part's small files, those that it writes at its end: on a disk that
// becomes full amid an insert or a merge it leaves them empty, calls the part good, and answers the insert. At its next
// start it sets such a part aside; after a merge that was made on a full disk the parts merged are deleted by then.
// Reading does not show it, for what those files say is in memory.
var errIncomplete = errors.New("a part is incomplete on disk")

// parts looks at the folders of parts that came since it last looked.
type parts struct {
	store string // the engine's folder of tables

	mu          sync.Mutex
	folders     map[string]*folder
	definitions *definitions
}

// folder is what is known of a folder of the engine's.
type folder struct {
	changed time.Time       // its time of change at the last look
	looked  time.Time       // when that look began
	names   []string        // of the folders of folders of tables: what is in it
	seen    map[string]bool // of a table's: the parts found complete, by name
}

// settled is for how long a folder must not have changed before a look at it counts for later ones: a file system's
// clock is coarse.
const settled = time.Second

// storeFolder is where the engine keeps its tables, in folders by the first letters of their UUIDs.
const storeFolder = "store"

func newParts(dataDir string) *parts {
	return &parts{
		store:       filepath.Join(dataDir, engineFolder, storeFolder),
		folders:     make(map[string]*folder),
		definitions: newDefinitions(dataDir),
	}
}

// partName is a part's folder: partition, first and last block, level, and version of its mutations. What is under way
// or on its way out has a word before it.
var partName = regexp.MustCompile(`^[0-9a-zA-Z]+_[0-9]+_[0-9]+_[0-9]+(_[0-9]+)?$`)

// look returns an error that wraps errIncomplete and says which part lacks what, where a part that came since the last
// look is incomplete, or a table's definition. It costs two stats for each table and a reading of each folder that has
// changed.
func (p *parts) look() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := make(map[string]*folder, len(p.folders))
	take := func(path string) *folder {
		f := p.folders[path]
		if f == nil {
			f = &folder{}
		}
		known[path] = f
		return f
	}
	letters, err := take(p.store).list(p.store)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		path := filepath.Join(p.store, letter)
		tables, err := take(path).list(path)
		if err != nil {
			return err
		}
		for _, table := range tables {
			path := filepath.Join(path, table)
			if err := take(path).look(path, p.definitions); err != nil {
				return err
			}
		}
	}
	databases := filepath.Join(p.definitions.engine, "metadata")
	if err := take(databases).look(databases, p.definitions); err != nil {
		return err
	}
	p.folders = known
	return nil
}

// hasChanged tells whether a folder may be another than at the last look; there is false where it is gone. To be kept
// as the last look, once that is over: info's time, and when it began.
func (f *folder) hasChanged(path string) (changed time.Time, is, there bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, false, false, nil // a table that is dropped
	}
	if err != nil {
		return time.Time{}, false, false, fmt.Errorf("looking at a table's parts: %w", err)
	}
	same := info.ModTime().Equal(f.changed) && f.looked.Sub(f.changed) > settled
	return info.ModTime(), !same && info.IsDir(), true, nil
}

// list returns what is in a folder of folders.
func (f *folder) list(path string) ([]string, error) {
	began := time.Now()
	changed, is, there, err := f.hasChanged(path)
	if err != nil || !there {
		return nil, err
	}
	if is {
		names, err := namesIn(path)
		if err != nil {
			return nil, err
		}
		f.changed, f.looked, f.names = changed, began, names
	}
	return f.names, nil
}

// look looks at what a table's folder, or a database's, has that it had not at the last look.
func (f *folder) look(path string, d *definitions) error {
	began := time.Now()
	changed, is, there, err := f.hasChanged(path)
	if err != nil || !there || !is {
		return err
	}
	if err := d.look(path); err != nil {
		return err
	}
	names, err := partsIn(path)
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if !f.seen[name] {
			err := checkPart(filepath.Join(path, name))
			if errors.Is(err, fs.ErrNotExist) {
				if _, err := os.Stat(filepath.Join(path, name)); errors.Is(err, fs.ErrNotExist) {
					continue // deleted meanwhile
				}
			}
			if err != nil {
				return err
			}
		}
		seen[name] = true
	}
	f.changed, f.looked, f.seen = changed, began, seen
	return nil
}

// partsIn are the names of the parts in a table's folder; none where it is gone.
func partsIn(path string) (names []string, err error) {
	all, err := namesIn(path)
	for _, name := range all {
		if partName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, err
}

// namesIn are the names in a folder, in no order; none where it is gone.
func namesIn(path string) (names []string, err error) {
	open, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		defer open.Close()
		names, err = open.Readdirnames(-1)
	}
	if err != nil {
		return nil, fmt.Errorf("looking at a table's parts: %w", err)
	}
	return names, nil
}

const (
	checksumsFile  = "checksums.txt"
	checksumsHead  = "checksums format version: 4\n"
	columnsFile    = "columns.txt"
	columnsHead    = "columns format version: 1\n"
	substreamsFile = "columns_substreams.txt"
	substreamsHead = "columns substreams version: 1\n"
	projectionEnd  = ".proj"
)

// neverEmpty are the files of a part that its list of checksums may leave out and that are never empty.
var neverEmpty = map[string]bool{
	columnsFile: true, substreamsFile: true, "count.txt": true, "default_compression_codec.txt": true,
	"metadata_version.txt": true,
	"partition.dat":        true, "serialization.json": true, "uuid.txt": true, "ttl.txt": true,
}

// checkPart holds a part's folder against its own list of files: each is there with its length, and those that the list
// leaves out are whole. What is in the long files is the engine's to check, when it reads them. A list of another
// format than this program knows is left to the engine too.
func checkPart(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, checksumsFile))
	if err != nil {
		return incomplete(dir, checksumsFile, err)
	}
	if len(raw) == 0 {
		return incomplete(dir, checksumsFile, errors.New("it is empty"))
	}
	rest, ok := bytes.CutPrefix(raw, []byte(checksumsHead))
	if !ok {
		return nil
	}
	listed, err := readChecksums(rest)
	if err != nil {
		return incomplete(dir, checksumsFile, err)
	}
	for name, bytes := range listed {
		if strings.HasSuffix(name, projectionEnd) {
			if err := checkPart(filepath.Join(dir, name)); err != nil {
				return err
			}
			continue
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return incomplete(dir, name, err)
		}
		if info.Size() != bytes {
			return incomplete(dir, name, fmt.Errorf("it has %d bytes, %d are right", info.Size(), bytes))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return incomplete(dir, "", err)
	}
	for _, e := range entries {
		name := e.Name()
		if _, is := listed[name]; is || !neverEmpty[name] {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case err != nil:
			return incomplete(dir, name, err)
		case len(text) == 0:
			return incomplete(dir, name, errors.New("it is empty"))
		case name == columnsFile && cutShort(string(text), columnsHead),
			name == substreamsFile && cutShort(string(text), substreamsHead):
			return incomplete(dir, name, errors.New("it is cut short"))
		}
	}
	return nil
}

func incomplete(dir, name string, why error) error {
	return fmt.Errorf("%w: %s: %w", errIncomplete, filepath.Join(dir, name), why)
}

// readChecksums reads a list of a part's files: the length of each on disk, bytes, by its name. A projection is listed
// as a folder.
func readChecksums(compressed []byte) (map[string]int64, error) {
	r := chproto.NewReader(compress.NewReader(bytes.NewReader(compressed)))
	n, err := r.UVarInt()
	if err != nil {
		return nil, fmt.Errorf("reading the list: %w", noEnd(err))
	}
	listed := make(map[string]int64, min(n, 1<<16))
	for range n {
		name, err := r.Str()
		if err != nil {
			return nil, fmt.Errorf("reading the list: %w", noEnd(err))
		}
		size, err := r.UVarInt()
		if err != nil {
			return nil, fmt.Errorf("reading the list: %w", noEnd(err))
		}
		if _, err := r.ReadRaw(hashBytes); err != nil {
			return nil, fmt.Errorf("reading the list: %w", noEnd(err))
		}
		hasUncompressed, err := r.Bool()
		if err == nil && hasUncompressed {
			if _, err = r.UVarInt(); err == nil {
				_, err = r.ReadRaw(hashBytes)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("reading the list: %w", noEnd(err))
		}
		listed[name] = int64(size)
	}
	return listed, nil
}

const hashBytes = 16

// noEnd makes an end amid the list an error that says so.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cutShort tells whether a list of columns or of their streams, whose beginning is head, has fewer lines than it says.
// One of another version is not looked at.
func cutShort(text, head string) bool {
	rest, ok := strings.CutPrefix(text, head)
	if !ok {
		return len(text) < len(head) && strings.HasPrefix(head, text)
	}
	lines := bufio.NewScanner(strings.NewReader(rest))
	lines.Buffer(nil, len(text)+1)
	left, columns := 0, 0
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		n, _, counted := strings.Cut(line, " ")
		count, err := strconv.Atoi(n)
		switch {
		case first:
			if err != nil || !counted {
				return true
			}
			columns = count
		case head == columnsHead:
			columns--
		case strings.HasPrefix(line, "\t"):
			left--
		default:
			if err != nil || left != 0 {
				return true
			}
			columns, left = columns-1, count
		}
	}
	return !strings.HasSuffix(text, "\n") || columns != 0 || left != 0
}

// aside is what sweep sets aside a part as; the engine tells its own kinds by this word.
const aside = "broken-on-start_"

// sweep sets aside the parts that are incomplete, before the engine opens its tables, and returns their folders. Of a
// merged one the engine then finds the parts it was made of; an inserted one was never acknowledged. The engine does
// the same, but for a part of which only a projection is incomplete.
func (p *parts) sweep() (moved []string, err error) {
	folders, err := filepath.Glob(filepath.Join(p.store, "*", "*"))
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		names, err := partsIn(folder)
		if err != nil {
			return moved, err
		}
		for _, name := range names {
			err := checkPart(filepath.Join(folder, name))
			if !errors.Is(err, errIncomplete) {
				continue
			}
			to := filepath.Join(folder, "detached", aside+name)
			if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
				return moved, fmt.Errorf("setting aside a part that is incomplete: %w", err)
			}
			for try := 1; ; try++ {
				if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
					break
				}
				to = filepath.Join(folder, "detached", fmt.Sprintf("%s%s_try%d", aside, name, try))
			}
			if err := os.Rename(filepath.Join(folder, name), to); err != nil {
				return moved, fmt.Errorf("setting aside a part that is incomplete: %w", err)
			}
			moved = append(moved, err.Error())
		}
	}
	return moved, nil
}
