package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tributary/schemas"
)

// The group's offsets say what is in ClickHouse's tables. Where the tables are others than those that they were committed for (the
// folder is lost, the database was dropped and made anew), the loader would go on behind a hole that nobody sees. So Kafka remembers the
// tables' UUIDs beside the group, and a loader asks for them before it joins.

// tablesGroup, after the loader's group, is the group whose offset's metadata names the tables.
const tablesGroup = "-tables"

// tablesVersion begins the metadata: tributary-tables:1:clicks=UUID:... An empty table's UUID is followed by /N where it is known to be
// empty although N offsets had landed: the loss was accepted, or the topic had begun behind them when it was filled again.
const tablesVersion = "tributary-tables:1"

// rememberedAt is the topic to whose first offset the metadata belongs.
const rememberedAt = schemas.TopicScoredClicks

// An Installation is a loader's group and the tables that it fills.
type Installation struct {
	Group, Database, TopicPrefix string
	// Kafka has seed brokers, TLS and SASL.
	Kafka []kgo.Opt
	// Own are the tables that stages declare.
	Own []schemas.Table
	// ClickHouse says how to connect; its database need not exist.
	ClickHouse *clickhouse.Options
}

// A LostTable is a table that is empty and other than the one that the group's offsets are about, or the same without its rows.
type LostTable struct {
	Topic string `json:"topic"` // without prefix
	Table string `json:"table"`
	// Was and Is are the UUIDs; Was is empty where none was remembered. They are the same where only the rows are gone.
	Was string `json:"was"`
	Is  string `json:"is"`
	// Landed is how many offsets the group has confirmed, Kept how many of all the topic still has, Gone how many retention took.
	Landed int64 `json:"landed"`
	Kept   int64 `json:"kept"`
	Gone   int64 `json:"gone"`
	// Oldest is the time of the earliest record that is left; zero for none.
	Oldest time.Time `json:"oldest"`

	confirmed map[int32]int64 // the group's offsets by partition
	known     int64           // of Landed, the offsets that the table is known to be empty of
}

// LostTables says that tables are gone that the group's offsets are about.
type LostTables struct {
	Database string      `json:"database"`
	Tables   []LostTable `json:"tables"`
	// Archived are the tables of which the archive has sums of days that Kafka still has records of: filled again they would count twice.
	Archived []string `json:"archived"`

	now tablesNow
}

func (l *LostTables) Error() string {
	var names []string
	landed := int64(0)
	for _, t := range l.Tables {
		names = append(names, t.Table)
		landed += t.Landed
	}
	return fmt.Sprintf("ClickHouse has lost tables: %s in the database %s are empty, and by the offsets in Kafka %d records had landed in them. Nothing is loaded. "+
		"Bring ClickHouse's data back, or run `tributary recover clickhouse` to fill the tables again from Kafka, or to accept the loss", strings.Join(names, ", "), l.Database, landed)
}

// Errors of Refill.
var (
	// ErrLoaders says that loaders of the group are at work.
	ErrLoaders = errors.New("loaders of the group are at work")
	// ErrArchived says that the archive has sums of rows that a refill would bring again.
	ErrArchived = errors.New("the archive has them already")
)

type tablesNow map[string]tableNow

type tableNow struct {
	uuid string
	rows uint64
	// keeps: its rows are counted, and none goes by itself. Empty after rows had landed, it has lost them.
	keeps bool
	// known is as in LostTable, of a table that is empty.
	known int64
}

// Check returns what is lost, nil for nothing: the tables are remembered then.
func (in *Installation) Check(ctx context.Context) (*LostTables, error) { return in.look(ctx, true) }

// Look is Check, and writes nothing.
func (in *Installation) Look(ctx context.Context) (*LostTables, error) { return in.look(ctx, false) }

func (in *Installation) look(ctx context.Context, remember bool) (*LostTables, error) {
	client, admin, err := in.admin()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	now, err := in.ask(ctx)
	if err != nil {
		return nil, err
	}
	was, err := in.remembered(ctx, admin)
	if err != nil {
		return nil, err
	}
	lost := &LostTables{Database: in.Database, now: now}
	filled := false
	for _, table := range loaded(in.Own) {
		t, before := now[table.Name], was[table.Name]
		same := before.uuid == t.uuid
		switch {
		case t.rows > 0:
			filled = true
		case same && !t.keeps:
		default: // a folder of a table may be lost, and the engine makes an empty one under its definition
			one := LostTable{Topic: table.Topic.Name, Table: table.Name, Was: before.uuid, Is: t.uuid}
			if same {
				one.known, t.known = before.known, before.known
				now[table.Name] = t
			}
			lost.Tables = append(lost.Tables, one)
		}
	}
	if len(was) == 0 && filled {
		lost.Tables = nil // an older program filled them
	}
	if err := in.measure(ctx, admin, lost); err != nil {
		return nil, err
	}
	lost.Tables = slices.DeleteFunc(lost.Tables, func(t LostTable) bool { return t.Landed <= t.known })
	if err := in.leaveOutUndecodable(ctx, lost); err != nil {
		return nil, err
	}
	if len(lost.Tables) > 0 {
		return lost, in.archived(ctx, lost)
	}
	if !remember {
		return nil, nil
	}
	return nil, in.remember(ctx, admin, now)
}

// Accept remembers the tables as they are: what the lost ones had stays lost, and loading goes on where it stood.
func (in *Installation) Accept(ctx context.Context, lost *LostTables) error {
	client, admin, err := in.admin()
	if err != nil {
		return err
	}
	defer client.Close()
	for _, t := range lost.Tables {
		lost.empty(t.Table, t.Landed)
	}
	return in.remember(ctx, admin, lost.now)
}

// empty notes that a table is known to be empty of so many offsets.
func (l *LostTables) empty(table string, offsets int64) {
	t := l.now[table]
	t.known = offsets
	l.now[table] = t
}

// leaveOutUndecodable leaves out tables of whose topics no record could be decoded: each is a dead letter, and no row.
func (in *Installation) leaveOutUndecodable(ctx context.Context, lost *LostTables) error {
	if !slices.ContainsFunc(lost.Tables, func(t LostTable) bool { return t.Was == t.Is }) {
		return nil
	}
	conn, err := in.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	letters := map[string]uint64{}
	for _, t := range lost.Tables {
		var n uint64
		query := fmt.Sprintf("SELECT uniqExact(source_partition, source_offset) FROM %s.dead_letters WHERE place = 'sink' AND source_topic = ?", in.Database)
		if err := conn.QueryRow(ctx, query, in.TopicPrefix+t.Topic).Scan(&n); err != nil {
			return fmt.Errorf("asking ClickHouse for the undecodable records of %s: %w", t.Topic, err)
		}
		letters[t.Table] = n
	}
	lost.Tables = slices.DeleteFunc(lost.Tables, func(t LostTable) bool { return t.Was == t.Is && int64(letters[t.Table]) >= t.Landed })
	return nil
}

// Refill sets the group's offsets of the lost tables' topics to the beginning, and remembers the tables: loaders fill them with everything
// that Kafka has, each row once.
func (in *Installation) Refill(ctx context.Context, lost *LostTables) error {
	if len(lost.Archived) > 0 {
		return fmt.Errorf("%w: days of %s of which Kafka has records are summed in the archive of %s, and would count twice; accept the loss, or drop the database, run `tributary migrate`, and begin again",
			ErrArchived, strings.Join(lost.Archived, ", "), in.Database)
	}
	client, admin, err := in.admin()
	if err != nil {
		return err
	}
	defer client.Close()
	groups, err := admin.DescribeGroups(ctx, in.Group)
	if err != nil {
		return fmt.Errorf("asking Kafka for the group %s: %w", in.Group, err)
	}
	if n := len(groups[in.Group].Members); n > 0 {
		return fmt.Errorf("%w: %d of %s; stop them, they wait by themselves after a start", ErrLoaders, n, in.Group)
	}
	names := make([]string, len(lost.Tables))
	for i, t := range lost.Tables {
		names[i] = in.TopicPrefix + t.Topic
	}
	starts, err := admin.ListStartOffsets(ctx, names...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return fmt.Errorf("asking Kafka where the topics begin: %w", err)
	}
	if err := admin.CommitAllOffsets(ctx, in.Group, starts.Offsets()); err != nil {
		return fmt.Errorf("setting the offsets of the group %s to the beginning: %w", in.Group, err)
	}
	for i, t := range lost.Tables {
		gone := int64(0)
		for _, start := range starts[names[i]] {
			gone += start.Offset
		}
		lost.empty(t.Table, gone)
	}
	return in.remember(ctx, admin, lost.now)
}

// Behind returns how many offsets the group is behind where it was when lost was found, in the lost tables' topics: what is left of a refill.
// The ends of the logs are no measure: a marker of a transaction, which may be the last there is, is never confirmed.
func (in *Installation) Behind(ctx context.Context, lost *LostTables) (int64, error) {
	client, admin, err := in.admin()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	now := LostTables{Tables: slices.Clone(lost.Tables)}
	if err := in.offsets(ctx, admin, &now); err != nil {
		return 0, err
	}
	left := int64(0)
	for i, t := range lost.Tables {
		for p, at := range t.confirmed {
			left += max(0, at-now.Tables[i].confirmed[p])
		}
	}
	return left, nil
}

func (in *Installation) admin() (*kgo.Client, *kadm.Client, error) {
	client, err := kgo.NewClient(append(slices.Clone(in.Kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return nil, nil, fmt.Errorf("making a Kafka client: %w", err)
	}
	return client, kadm.NewClient(client), nil
}

// archives names, by table, the archive table that has sums of its rows, and the column that counts them there.
var archives = map[string][2]string{
	"clicks": {"archive_quarter", "clicks"}, "conversions": {"archive_quarter", "entries"},
	"impressions": {"archive_quarter_traffic", "impressions"}, "landing_clicks": {"archive_quarter_traffic", "landing_clicks"},
}

// archived fills in Archived.
func (in *Installation) archived(ctx context.Context, lost *LostTables) error {
	conn, err := in.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, t := range lost.Tables {
		a, ok := archives[t.Table]
		if !ok || t.Oldest.IsZero() {
			continue
		}
		var n uint64
		query := fmt.Sprintf("SELECT count() FROM %s.%s WHERE %s != 0 AND ledger_day >= '%s'", in.Database, a[0], a[1], t.Oldest.Format(time.DateOnly))
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
			return fmt.Errorf("asking ClickHouse what %s.%s has of %s: %w", in.Database, a[0], t.Table, err)
		}
		if n == 0 {
			query = fmt.Sprintf("SELECT count() FROM %[1]s.archive_offsets WHERE base = '%[2]s' AND day >= '%[3]s' AND attempt IN (SELECT attempt FROM %[1]s.archive_months)",
				in.Database, t.Table, t.Oldest.Format(time.DateOnly))
			if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
				return fmt.Errorf("asking ClickHouse what %s.archive_offsets has of %s: %w", in.Database, t.Table, err)
			}
		}
		if n > 0 {
			lost.Archived = append(lost.Archived, t.Table)
		}
	}
	return nil
}

func (in *Installation) connect() (driver.Conn, error) {
	options := *in.ClickHouse
	options.Auth.Database = ""
	conn, err := clickhouse.Open(&options)
	if err != nil {
		return nil, fmt.Errorf("configuring a ClickHouse client: %w", err)
	}
	return conn, nil
}

// ask returns the tables as they are.
func (in *Installation) ask(ctx context.Context) (tablesNow, error) {
	conn, err := in.connect()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	rows, err := conn.Query(ctx, "SELECT name, toString(uuid), ifNull(total_rows, 0), total_rows IS NOT NULL AND engine_full NOT LIKE '% TTL %' FROM system.tables WHERE database = ?", in.Database)
	if err != nil {
		return nil, fmt.Errorf("asking ClickHouse for the tables of %s: %w", in.Database, err)
	}
	defer rows.Close()
	return in.readTables(rows)
}

func (in *Installation) readTables(rows driver.Rows) (tablesNow, error) {
	now, all := tablesNow{}, tablesNow{}
	for rows.Next() {
		var name string
		var t tableNow
		var keeps uint8
		if err := rows.Scan(&name, &t.uuid, &t.rows, &keeps); err != nil {
			return nil, fmt.Errorf("reading ClickHouse's tables: %w", err)
		}
		t.keeps = keeps != 0
		all[name] = t
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading ClickHouse's tables: %w", err)
	}
	for _, table := range loaded(in.Own) {
		name := table.Name
		if _, ok := all[name]; !ok {
			return nil, fmt.Errorf("ClickHouse has no table %s; run `tributary migrate` once to make the tables", name)
		}
		now[name] = all[name]
	}
	return now, nil
}

// remembered returns UUIDs, and what is known of empty ones, by table; none where nothing was remembered.
func (in *Installation) remembered(ctx context.Context, admin *kadm.Client) (tablesNow, error) {
	offsets, err := admin.FetchOffsets(ctx, in.Group+tablesGroup)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking Kafka for the tables of the group %s: %w", in.Group, err)
	}
	o, ok := offsets.Lookup(in.TopicPrefix+rememberedAt, 0)
	text, found := strings.CutPrefix(o.Metadata, tablesVersion+":")
	if !ok || !found {
		return nil, nil
	}
	was := tablesNow{}
	for pair := range strings.SplitSeq(text, ":") {
		name, value, _ := strings.Cut(pair, "=")
		uuid, offsets, _ := strings.Cut(value, "/")
		known, _ := strconv.ParseInt(offsets, 10, 64) // none is 0
		was[name] = tableNow{uuid: uuid, known: known}
	}
	return was, nil
}

func (in *Installation) remember(ctx context.Context, admin *kadm.Client, now tablesNow) error {
	text := tablesVersion
	for _, table := range loaded(in.Own) {
		name := table.Name
		text += ":" + name + "=" + now[name].uuid
		if now[name].rows == 0 && now[name].known > 0 {
			text += "/" + strconv.FormatInt(now[name].known, 10)
		}
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: in.TopicPrefix + rememberedAt, Partition: 0, At: 0, LeaderEpoch: -1, Metadata: text})
	if err := admin.CommitAllOffsets(ctx, in.Group+tablesGroup, offsets); err != nil {
		return fmt.Errorf("remembering the tables of the group %s: %w", in.Group, err)
	}
	return nil
}

// measure fills in what the group and the topics have of the lost tables.
func (in *Installation) measure(ctx context.Context, admin *kadm.Client, lost *LostTables) error {
	if len(lost.Tables) == 0 {
		return nil
	}
	if err := in.offsets(ctx, admin, lost); err != nil {
		return err
	}
	for i := range lost.Tables {
		t := &lost.Tables[i]
		if t.Landed == 0 || t.Kept == 0 {
			continue
		}
		var err error
		if t.Oldest, err = oldest(ctx, admin, in.TopicPrefix+t.Topic); err != nil {
			return err
		}
	}
	return nil
}

func (in *Installation) offsets(ctx context.Context, admin *kadm.Client, lost *LostTables) error {
	names := make([]string, len(lost.Tables))
	for i, t := range lost.Tables {
		names[i] = in.TopicPrefix + t.Topic
	}
	starts, err := admin.ListStartOffsets(ctx, names...)
	var ends kadm.ListedOffsets
	if err == nil {
		ends, err = admin.ListCommittedOffsets(ctx, names...)
	}
	if err == nil {
		err = errors.Join(starts.Error(), ends.Error())
	}
	if err != nil {
		return fmt.Errorf("asking Kafka where the topics begin and end: %w", err)
	}
	committed, err := admin.FetchOffsets(ctx, in.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("asking Kafka for the offsets of the group %s: %w", in.Group, err)
	}
	for i := range lost.Tables {
		t := &lost.Tables[i]
		t.Landed, t.Kept, t.Gone, t.confirmed = 0, 0, 0, map[int32]int64{}
		for p, end := range ends[in.TopicPrefix+t.Topic] {
			start, _ := starts.Lookup(in.TopicPrefix+t.Topic, p)
			t.Kept += end.Offset - start.Offset
			t.Gone += start.Offset
			if o, ok := committed.Lookup(in.TopicPrefix+t.Topic, p); ok && o.At > 0 {
				t.Landed += min(o.At, end.Offset)
				t.confirmed[p] = min(o.At, end.Offset)
			}
		}
	}
	return nil
}

// oldest is the time of the first record that a reader of the topic gets.
func oldest(ctx context.Context, admin *kadm.Client, topic string) (time.Time, error) {
	after, err := admin.ListOffsetsAfterMilli(ctx, 0, topic)
	if err == nil {
		err = after.Error()
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("asking Kafka for the first record of %s: %w", topic, err)
	}
	first := int64(-1)
	after.Each(func(o kadm.ListedOffset) {
		if o.Timestamp > 0 && (first < 0 || o.Timestamp < first) {
			first = o.Timestamp
		}
	})
	if first < 0 {
		return time.Time{}, nil
	}
	return time.UnixMilli(min(first, schemas.MaxTimeMS)).UTC(), nil
}
