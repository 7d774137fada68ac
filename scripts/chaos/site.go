package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"tributary/cli/loadgen"
	"tributary/deploy/config"
	"tributary/deploy/embedded/chdb"
	"tributary/deploy/wiring"
	"tributary/scripts/kafka"
)

const (
	partitions = 4
	// sessionTimeout is how long a silent member of a group keeps its partitions: Kafka's least.
	sessionTimeout = 6 * time.Second
	startLimit     = 90 * time.Second
)

// A site is everything that runs.
type site struct {
	options  *options
	report   *report
	scenario *loadgen.Scenario
	broker   *kafka.Broker // nil when it is embedded
	members  []*member
	links    []*link
	edges    string // addresses, with commas between
	brokers  string // the broker's own address
	tables   string // ClickHouse's own address
	password string // of the roles at ClickHouse
	config   string // file for verify and migrate
	conn     driver.Conn
	power    *power // of mode power
	side     *side  // nil of mode upgrade

	busyMu sync.Mutex
	busy   map[string]bool
}

// A link is a proxy with its name, such as "processor-1 to Kafka".
type link struct {
	name string
	kind string // Kafka or ClickHouse
	*proxy
}

// brokerProperties make a broker find out within a run what it finds out within minutes by default.
var brokerProperties = map[string]string{
	"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
	"num.network.threads": "2",
}

// startSite starts everything and waits until it can work. The site must be stopped after an error too.
func startSite(ctx context.Context, o *options, r *report) (*site, error) {
	s := &site{options: o, report: r, scenario: loadgen.FunnelScenario(time.Now()), busy: map[string]bool{}}
	if o.mode == modeUpgrade {
		s.scenario.Plain()
	}
	s.scenario.From = []string{"127.0.0.1"} // all of it runs here
	for i := range s.scenario.Networks {
		// A repeated request must not be a conversion of its own: what it did could not be known.
		s.scenario.Networks[i].BlankTxIDIsNew = false
	}
	s.side = newSide(s)
	switch o.mode {
	case modeUp:
		return s, s.startUp(ctx, s.boundedData)
	case modePower:
		return s, s.startUp(ctx, s.powerData)
	case modeUpgrade:
		return s, s.startUp(ctx, func(string) error {
			s.member("up").binary = o.upgrade.from
			return nil
		})
	}
	return s, s.startRoles(ctx)
}

func address() (string, error) {
	port, err := kafka.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

func (s *site) startRoles(ctx context.Context) error {
	var err error
	if s.tables, err = address(); err != nil {
		return err
	}
	names := []string{"ingest-1", "ingest-2", "processor-1", "processor-2", "sink-1", "sink-2", "control-1", "control-2"}
	var listeners []kafka.Listener
	proxies := map[string]*proxy{}
	for _, name := range names {
		port, err := kafka.FreePort()
		if err != nil {
			return err
		}
		p, err := newProxy(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		proxies[name] = p
		s.links = append(s.links, &link{name + " to Kafka", "Kafka", p})
		listeners = append(listeners, kafka.Listener{Name: strings.ToUpper(strings.ReplaceAll(name, "-", "")), Port: port, Advertised: p.addr()})
	}
	s.report.say("starting Apache Kafka")
	if s.broker, err = kafka.Start(ctx, kafka.Options{Dir: filepath.Join(s.options.dir, "kafka"), Version: s.options.kafka, Properties: brokerProperties,
		Listeners: listeners, ReadyTimeout: restartLimit}); err != nil {
		return err
	}
	s.brokers = s.broker.Addr()
	if err := s.startTables(ctx); err != nil {
		return err
	}
	if err := s.publishCatalog(ctx); err != nil {
		return err
	}
	for _, name := range names {
		if err := s.addRole(name, proxies[name]); err != nil {
			return err
		}
	}
	for _, m := range s.members[1:] {
		if err := m.start(); err != nil {
			return err
		}
	}
	for _, m := range s.members {
		if err := m.await(ctx, startLimit); err != nil {
			return err
		}
	}
	return nil
}

// publishCatalog puts the catalog into the topic control, where the edges have it from. Commands know its names from the copy of one of
// them.
func (s *site) publishCatalog(ctx context.Context) error {
	s.side.config = filepath.Join(s.options.dir, "commands.yaml")
	text := strings.Replace(s.common("external", s.brokers, s.tables), "data_dir: "+s.data(), "data_dir: "+filepath.Join(s.options.dir, "ingest-1", "data"), 1)
	if err := os.WriteFile(s.side.config, []byte(text+s.fromControl()), 0o600); err != nil {
		return err
	}
	return s.side.publish(ctx, 0)
}

// fromControl is the section catalog of a configuration whose catalog is in the topic control.
func (s *site) fromControl() string {
	return fmt.Sprintf("catalog: {source: control, base_currency: %s, click_id_keys: {active: %d, keys: {%[2]d: %[3]q}}}\n",
		s.scenario.BaseCurrency, s.scenario.KeyID, s.scenario.Secret)
}

// startTables starts ClickHouse and makes topics and tables.
func (s *site) startTables(ctx context.Context) error {
	users, err := chdb.KeptUsers(s.data())
	if err != nil {
		return err
	}
	s.password = users[0].Password
	m, err := s.newMember("clickhouse", "clickhouse")
	if err != nil {
		return err
	}
	m.args = []string{"clickhouse-embedded", "--listen", s.tables, "--data", filepath.Join(m.dir, "data"), "--passwords", s.data()}
	m.ready = "http://" + s.tables + "/ping"
	if err := m.start(); err != nil {
		return err
	}
	if err := m.await(ctx, startLimit); err != nil {
		return err
	}
	if err := s.writeConfig("external", ""); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, s.options.binary, "migrate", "--config", s.config).CombinedOutput()
	if err != nil {
		return fmt.Errorf("migrating: %w\n%s", err, out)
	}
	return s.connect()
}

// connect opens ClickHouse as the program's own commands do.
func (s *site) connect() error {
	loaded, err := config.Load(config.Sources{File: s.config, Sections: []string{}})
	if err != nil {
		return err
	}
	// Only `up` makes its own password, at its first start of a version that has one.
	if err := wiring.FindPassword(&loaded.Config); err != nil {
		return err
	}
	server, err := wiring.ClickHouseOptions(loaded.Config.ClickHouse)
	if err != nil {
		return err
	}
	s.conn, err = clickhouse.Open(server)
	return err
}

// writeConfig writes what every process has in common, for commands that see no proxy.
func (s *site) writeConfig(mode, more string) error {
	s.config = filepath.Join(s.options.dir, "tributary.yaml")
	return os.WriteFile(s.config, []byte(s.common(mode, s.brokers, s.tables)+more), 0o600)
}

func (s *site) common(mode, brokers, tables string) string {
	return fmt.Sprintf(`data_dir: %s
log: {level: %s, format: json}
kafka: {mode: %s, brokers: [%q], partitions: %d, replication_factor: 1}
clickhouse: {mode: %s, addr: %q, protocol: http, password: %q}
`, s.data(), s.options.logLevel, mode, brokers, partitions, mode, tables, s.password)
}

func (s *site) newMember(name, kind string) (*member, error) {
	m := &member{name: name, kind: kind, binary: s.options.binary, dir: filepath.Join(s.options.dir, name), report: s.report}
	m.clock = filepath.Join(m.dir, "clock")
	m.env = []string{"CHAOS_CLOCK_FILE=" + m.clock}
	s.members = append(s.members, m)
	return m, os.MkdirAll(m.dir, 0o755)
}

func (s *site) addRole(name string, toKafka *proxy) error {
	kind, number, _ := strings.Cut(name, "-")
	m, err := s.newMember(name, kind)
	if err != nil {
		return err
	}
	tables := s.tables
	if kind == "sink" {
		p, err := newProxy(s.tables)
		if err != nil {
			return err
		}
		tables = p.addr()
		s.links = append(s.links, &link{name + " to ClickHouse", "ClickHouse", p})
	}
	listen, err := address()
	if err != nil {
		return err
	}
	text := s.common("external", toKafka.addr(), tables)
	m.ready = "http://" + listen + "/readyz"
	m.args = []string{kind, "--config", filepath.Join(m.dir, "tributary.yaml")}
	switch kind {
	case "ingest":
		s.edges = strings.TrimPrefix(s.edges+","+listen, ",")
		spool := filepath.Join(m.dir, "spool")
		m.disk = s.newDisk(name, spool)
		ops, err := address()
		if err != nil {
			return err
		}
		m.metrics = "http://" + ops + "/metrics"
		text = strings.Replace(text, "data_dir: "+s.data(), "data_dir: "+filepath.Join(m.dir, "data"), 1) // the copy of the topic control is its own
		text += fmt.Sprintf("ops: {listen: %q}\ningest: {listen: %q, trusted_proxies: [127.0.0.1], ack_timeout: 3s, spool: {dir: %s, segment_bytes: 4MiB}%s}\n%s",
			ops, listen, spool, s.side.shared(), s.fromControl())
	case "processor":
		m.args[0] = "process"
		m.state = filepath.Join(m.dir, "state")
		m.disk = s.newDisk(name, m.state)
		text += fmt.Sprintf("ops: {listen: %q}\nprocessor: {state_dir: %s, instance_id: %s, session_timeout: %s, transaction_timeout: 10s}\n", listen, m.state, "p"+number, sessionTimeout)
	case "control":
		text += fmt.Sprintf("ops: {listen: %q}\n", listen)
	case "sink":
		text += fmt.Sprintf("ops: {listen: %q}\nsink: {instance_id: %s, session_timeout: %s, drain_timeout: 5s, rebalance_timeout: 10s, insert_timeout: 10s, retry_max: 2s, commit_timeout: 5s}\n", listen, "s"+number, sessionTimeout)
	}
	return os.WriteFile(m.args[2], []byte(text), 0o600)
}

// newDisk returns a small file system, or nil, saying so, where none can be mounted.
func (s *site) newDisk(name, path string) *disk {
	d, err := newDisk(path)
	if err != nil {
		s.report.say("disk full of %s: skipped: %v", name, err)
		return nil
	}
	return d
}

// stop ends everything that runs. keep copies what is on small file systems, which go away, into the run's folder.
func (s *site) stop(keep bool) {
	var all sync.WaitGroup
	for _, m := range s.members {
		all.Go(func() { m.end(syscall.SIGKILL) })
	}
	all.Wait()
	for _, l := range s.links {
		l.close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.broker != nil {
		_ = s.broker.Resume() // a stopped one cannot close its files
		if err := s.broker.Stop(); err != nil {
			s.report.say("stopping Apache Kafka: %v", err)
		}
	}
	for _, m := range s.members {
		if m.disk == nil {
			continue
		}
		if keep {
			// cp takes sockets and links as they are.
			kept := filepath.Join(s.options.dir, m.name, "data-at-the-end")
			if out, err := exec.Command("cp", "-a", m.disk.path, kept).CombinedOutput(); err != nil {
				s.report.say("keeping the data of %s: %v: %s", m.name, err, out)
			}
		}
		m.disk.unmount()
	}
}

var errBusy = errors.New("another fault is on it")

// hold takes a target for one fault.
func (s *site) hold(target string) error {
	s.busyMu.Lock()
	defer s.busyMu.Unlock()
	if s.busy[target] {
		return errBusy
	}
	s.busy[target] = true
	return nil
}

func (s *site) release(target string) {
	s.busyMu.Lock()
	delete(s.busy, target)
	s.busyMu.Unlock()
}

func (s *site) member(name string) *member {
	for _, m := range s.members {
		if m.name == name {
			return m
		}
	}
	panic("no member " + name)
}
