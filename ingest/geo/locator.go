package geo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"
)

// Place is what is known of an address; what is not is empty.
type Place struct {
	// Country is ISO 3166-1 alpha-2.
	Country string
	// City and Region (the country's largest subdivision) are names in English.
	City, Region string
	// ASN is the number of the autonomous system that announces the address, ASOrg who runs it.
	ASN   uint32
	ASOrg string
	// ConnectionType is a word such as cable_dsl or cellular.
	ConnectionType string
	// Hosting: the autonomous system is a hosting provider's.
	Hosting bool
}

// What a file is for; also an index.
type purpose uint8

const (
	forCity purpose = iota
	forASN
	forConnection
	purposes
)

// purposeInfos say which key names the file, what one of its records must tell, and what would be right.
var purposeInfos = [purposes]struct {
	name, key, what, right string
	tells                  func(*entry) bool
}{
	{"city", "ingest.geo.city_file", "a city", "GeoLite2-City, GeoIP2-City, GeoIP2-Enterprise or DB-IP City", func(e *entry) bool { return e.city != "" }},
	{"asn", "ingest.geo.asn_file", "the number of an autonomous system", "GeoLite2-ASN, GeoIP2-ISP, GeoIP2-Enterprise or DB-IP ASN", func(e *entry) bool { return e.asn != 0 }},
	{"connection", "ingest.geo.connection_file", "a connection type", "GeoIP2-Connection-Type or GeoIP2-Enterprise", func(e *entry) bool { return e.connectionType != "" }},
}

// source is one file and what was last seen of it.
type source struct {
	path string
	size int64
	time time.Time
	data *database
}

// Locator has the data in force. Make it with [Open].
type Locator struct {
	limit   int64
	hosting map[uint32]bool
	paths   [purposes]string
	current atomic.Pointer[[purposes]*database]

	mu      sync.Mutex // over sources: one reload at a time
	sources map[string]*source

	outcomes *prometheus.CounterVec
	built    *prometheus.GaugeVec
	networks *prometheus.GaugeVec
}

// Open reads the files that the Config names. An error names the key, the file, what is wrong and what would be right.
func Open(c Config) (*Locator, error) {
	l := &Locator{limit: c.MaxFileBytes, hosting: hostingWith(c.HostingASNs), paths: [purposes]string{c.CityFile, c.ASNFile, c.ConnectionFile}, sources: map[string]*source{}}
	l.outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tributary_ingest_geo_reloads_total", Help: "Readings of a changed data file, by file (city, asn, connection) and outcome: applied or refused. While the last one was refused, the data before is in force."}, []string{"file", "outcome"})
	l.built = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tributary_ingest_geo_built_seconds", Help: "Unix time at which the data in force was made, by file; country is the embedded table."}, []string{"file"})
	l.networks = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tributary_ingest_geo_networks", Help: "Networks in the data file in force, by file."}, []string{"file"})
	l.built.WithLabelValues("country").Set(float64(CountryTableDate().Unix()))
	l.current.Store(&[purposes]*database{})
	for p, info := range purposeInfos {
		if l.paths[p] != "" {
			l.outcomes.WithLabelValues(info.name, "applied")
			l.outcomes.WithLabelValues(info.name, "refused")
		}
	}
	if changes := l.load(); len(changes) > 0 {
		var problems []error
		for _, change := range changes {
			problems = append(problems, change.Err)
		}
		if err := errors.Join(problems...); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Collectors are the metrics.
func (l *Locator) Collectors() []prometheus.Collector {
	return []prometheus.Collector{l.outcomes, l.built, l.networks}
}

// Locate returns what is known of an address; of a private one, nothing. It does not allocate.
func (l *Locator) Locate(addr netip.Addr) Place {
	var p Place
	addr = addr.Unmap()
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return p
	}
	files := l.current.Load()
	if e := files[forCity].find(addr); e != nil {
		p.Country, p.City, p.Region = e.country, e.city, e.region
		p.Hosting = e.hosting
	}
	if p.Country == "" {
		p.Country = country(addr)
	}
	if e := files[forASN].find(addr); e != nil {
		p.ASN, p.ASOrg = e.asn, e.asOrg
		p.Hosting = p.Hosting || e.hosting
	}
	if e := files[forConnection].find(addr); e != nil {
		p.ConnectionType = e.connectionType
	}
	return p
}

// Change is what came of one file that was looked at again.
type Change struct {
	// Key and File say which; Type and Built are the data's own words when it was taken.
	Key, File, Type string
	Built           time.Time
	Networks        int
	// Err says why the data before stays in force.
	Err error
}

// Reload reads the files that changed since they were last read, and answers what came of each.
func (l *Locator) Reload() []Change {
	changes := l.load()
	for i := range changes {
		outcome := "applied"
		if err := changes[i].Err; err != nil {
			outcome = "refused"
			changes[i].Err = fmt.Errorf("the data before stay in force: %w", err)
		}
		for _, info := range purposeInfos {
			if info.key == changes[i].Key {
				l.outcomes.WithLabelValues(info.name, outcome).Inc()
			}
		}
	}
	return changes
}

// load brings every file that changed in force, or says why not. Two keys may name one file; it is read once.
func (l *Locator) load() (changes []Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := *l.current.Load()
	outcomes := map[string]error{}
	for p, info := range purposeInfos {
		path := l.paths[p]
		if path == "" {
			continue
		}
		err, looked := outcomes[path]
		if !looked {
			var news bool
			if news, err = l.read(path); !news {
				continue
			}
			outcomes[path] = err
		}
		change := Change{Key: info.key, File: path}
		if err == nil {
			err = l.sources[path].data.mustTell(purpose(p))
		}
		if err != nil {
			change.Err = fmt.Errorf("reading %s, %s: %w; right would be %s", info.key, path, err, info.right)
			changes = append(changes, change)
			continue
		}
		d := l.sources[path].data
		next[p] = d
		change.Type, change.Built, change.Networks = d.reader.Metadata.DatabaseType, d.reader.Metadata.BuildTime().UTC(), d.networks
		l.built.WithLabelValues(info.name).Set(float64(change.Built.Unix()))
		l.networks.WithLabelValues(info.name).Set(float64(d.networks))
		changes = append(changes, change)
	}
	l.current.Store(&next)
	return changes
}

// read reads one file if it changed. What it was is noted before it is read, so that a change meanwhile is seen next time.
func (l *Locator) read(path string) (news bool, err error) {
	s := l.sources[path]
	if s == nil {
		s = &source{path: path}
		l.sources[path] = s
	}
	info, err := os.Stat(path)
	if err != nil {
		// Told once, not at every event of the folder.
		news = s.size != -1
		s.size, s.time = -1, time.Time{}
		return news, err
	}
	if s.size == info.Size() && s.time.Equal(info.ModTime()) {
		return false, nil
	}
	s.size, s.time = info.Size(), info.ModTime()
	content, err := readFile(path, l.limit)
	if err != nil {
		return true, err
	}
	data, err := open(content, func(asn uint32) bool { return l.hosting[asn] })
	if err != nil {
		return true, err
	}
	s.data = data
	return true, nil
}

// mustTell refuses a file that is sound and not for this.
func (d *database) mustTell(p purpose) error {
	info := &purposeInfos[p]
	for i := range d.entries {
		if info.tells(&d.entries[i]) {
			return nil
		}
	}
	return fmt.Errorf("it is a %s database, no record of which tells %s", d.reader.Metadata.DatabaseType, info.what)
}

// settle is how long the files must rest before they are read: copying a large one takes many writes.
const settle = time.Second

// Watch reloads whenever one of the files changes and tells every outcome, until ctx is done. The error says why it cannot
// watch. Without files it has nothing to do.
func (l *Locator) Watch(ctx context.Context, told func([]Change)) error {
	folders := map[string]bool{}
	for _, path := range l.paths {
		if path != "" {
			folders[filepath.Dir(path)] = true
		}
	}
	if len(folders) == 0 {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the files of ingest.geo: %w", err)
	}
	defer watcher.Close()
	for folder := range folders {
		// The folder, because updaters replace the file and Kubernetes swaps a link beside it.
		if err := watcher.Add(folder); err != nil {
			return fmt.Errorf("watching the folder %s of ingest.geo: %w", strings.TrimSpace(folder), err)
		}
	}
	tell := func() {
		if changes := l.Reload(); len(changes) > 0 {
			told(changes)
		}
	}
	// What changed between Open and now.
	tell()
	rest := time.NewTimer(settle)
	rest.Stop()
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-watcher.Events:
			if event.Op != fsnotify.Chmod {
				rest.Reset(settle)
			}
		case <-watcher.Errors: // events may be lost: what was missed is read now
			tell()
		case <-rest.C:
			tell()
		}
	}
}
