package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tributary/catalog/lease"
	"tributary/cli/loadgen"
	"tributary/schemas/id"
)

// What runs beside the generator's traffic, in a campaign of its own: its first offer has a cap that all edges share, clicks of one
// of its sources are blocked from the beginning to the end, and its catalog and other blocks change all the time. Its clicks come
// through the link, so that what became of each is its answer.
const (
	sideCampaign   = "chaos-side"
	sideCampaignID = 4000
	// oldCampaign has clicks of the month before, which are archived meanwhile.
	oldCampaign = "chaos-old"
	cappedHost  = "capped.example"
	restHost    = "rest.example"
	cappedID    = 4000
	seenSource  = "chaos-seen"
	shadySource = "chaos-shady"
	sideCost    = "0.002" // of a click
	sideMicros  = 2_000
	// sideRate is visits a second at each edge.
	sideRate = 12
	// changeEvery is the mean time between two changes of blocks and catalog.
	changeEvery = 4 * time.Second
	// inEffect is how long after the end of all faults an edge may take for a change.
	inEffect = 5 * time.Second
	// leasePart of the cap is the most that an edge holds: catalog/lease. So much is lost with one that is killed.
	leasePart = 16
)

// sideCampaigns are left out where the generator's truth is held against the tables.
var sideCampaigns = []string{sideCampaign, oldCampaign}

// catalogWith adds the side's campaigns to a scenario's catalog. version shows in the address of the offer without a cap.
func catalogWith(s *loadgen.Scenario, limit int64, version int) string {
	text := s.CatalogYAML()
	add := func(heading string, lines ...string) {
		text = strings.Replace(text, "\n  "+heading+":\n", "\n  "+heading+":\n    - "+strings.Join(lines, "\n    - ")+"\n", 1)
	}
	add("campaigns",
		fmt.Sprintf("{id: %d, name: %s, offers: [chaos-capped], fallback_offer: chaos-rest, cost: %q, source: %s}", sideCampaignID, sideCampaign, sideCost, seenSource),
		fmt.Sprintf("{id: %d, name: %s, offers: [chaos-rest], cost: %q, source: %s}", sideCampaignID+1, oldCampaign, sideCost, seenSource))
	add("sources", fmt.Sprintf("{id: 400, name: %s}", seenSource), fmt.Sprintf("{id: 401, name: %s}", shadySource))
	add("offers",
		fmt.Sprintf("{id: %d, name: chaos-capped, url: %q, clicks_per_day: %d}", cappedID, "https://"+cappedHost+"/?id={click_id}", limit),
		fmt.Sprintf("{id: %d, name: chaos-rest, url: %q}", cappedID+1, fmt.Sprintf("https://%s/%d?id={click_id}", restHost, version)))
	return text
}

// A side is the traffic beside the generator's, with what it knows.
type side struct {
	site    *site
	config  string // of commands that need the catalog
	edges   []string
	limit   int64
	client  *http.Client
	old     int // clicks of oldCampaign
	archive int // tries to archive
	ended   sync.WaitGroup

	mu sync.Mutex
	// capped counts, by day, those who were sent to the offer with the cap; unanswered those who may have been.
	capped     map[uint32]int64
	unanswered int64
	// kept are click IDs that were answered, by whether the block is on them.
	kept    map[bool][]string
	version int // of the catalog, the last that was tried
	changes int // that were acknowledged
	wrong   []string
}

// newSide returns the side traffic of a site that is about to start; nil where the program under test is an older one.
func newSide(s *site) *side {
	if s.options.mode == modeUpgrade {
		return nil
	}
	edges := 2
	if s.options.mode != modeRoles {
		edges = 1
	}
	// A sixth of the clicks fit under the cap: of a busy machine's, most.
	limit := int64(s.options.length.Seconds() * sideRate * float64(edges) * 3 / 4 / 6)
	return &side{site: s, limit: max(limit, 100), capped: map[uint32]int64{}, kept: map[bool][]string{},
		client: &http.Client{Timeout: requestTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// shared says of an edge how it keeps to caps, in its section of the configuration.
func (d *side) shared() string {
	if d == nil {
		return ""
	}
	return ", caps: shared"
}

func (d *side) fault(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.wrong) < maxNamed {
		d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
	}
}

// command runs one of the program's.
func (d *side) command(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, d.site.options.binary, append(args, "--config", d.config)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// publish puts the catalog of a version in force, where it is published.
func (d *side) publish(ctx context.Context, version int) error {
	path := filepath.Join(d.site.options.dir, "catalog.yaml")
	if err := os.WriteFile(path, []byte(catalogWith(d.site.scenario, d.limit, version)), 0o600); err != nil {
		return err
	}
	d.mu.Lock()
	d.version = version
	d.mu.Unlock()
	_, err := d.command(ctx, "catalog", "apply", path)
	return err
}

// start blocks the shady source, has clicks of the month before come, and sends until ctx ends.
func (d *side) start(ctx context.Context) error {
	d.edges = strings.Split(d.site.edges, ",")
	if _, err := d.command(ctx, "block", "add", "--source", shadySource, "--campaign", sideCampaign, "--author", "chaos-first",
		"--reason", "the whole run"); err != nil {
		return err
	}
	if err := d.awaitBlock(ctx); err != nil {
		return err
	}
	if d.site.options.mode == modeRoles {
		if err := d.sendOld(ctx); err != nil {
			return err
		}
	}
	for i := range d.edges {
		random := rand.New(rand.NewPCG(d.site.options.seed, uint64(i)))
		d.ended.Go(func() {
			for pause(ctx, time.Duration(random.ExpFloat64()*float64(time.Second)/sideRate)) {
				_, _ = d.visit(ctx, i, random.IntN(4) == 0, visitor(random))
			}
		})
	}
	d.ended.Go(func() { d.change(ctx, rand.New(rand.NewPCG(d.site.options.seed, 100))) })
	if d.old > 0 {
		d.ended.Go(func() { d.archiveAgainAndAgain(ctx, rand.New(rand.NewPCG(d.site.options.seed, 101))) })
	}
	return nil
}

// An answer is what a visitor got.
type answer struct {
	host, version, id string
}

var errNoAnswer = errors.New("no visitor was sent on")

func (d *side) ask(ctx context.Context, edge int, campaign, source, ip string) (answer, error) {
	link := "http://" + d.edges[edge] + "/c/" + campaign + "?source=" + source
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("X-Forwarded-For", ip)
	request.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x64) Chrome/120.0.0.0")
	got, err := d.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	_, _ = io.Copy(io.Discard, got.Body)
	got.Body.Close()
	if got.StatusCode != http.StatusFound {
		return answer{}, fmt.Errorf("%w: answered %d", errNoAnswer, got.StatusCode)
	}
	to, err := url.Parse(got.Header.Get("Location"))
	if err != nil {
		return answer{}, err
	}
	return answer{to.Host, strings.TrimPrefix(to.Path, "/"), got.Header.Get("X-Click-Id")}, nil
}

func visitor(random *rand.Rand) (ip string) { return fmt.Sprintf("203.0.113.%d", 1+random.IntN(250)) }

// visit is one click, of the blocked source or not.
func (d *side) visit(ctx context.Context, edge int, shady bool, ip string) (answer, error) {
	source := seenSource
	if shady {
		source = shadySource
	}
	a, err := d.ask(ctx, edge, sideCampaign, source, ip)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if !errors.Is(err, errNoAnswer) {
			d.unanswered++
		}
		return a, err
	}
	d.kept[shady] = append(d.kept[shady], a.id)
	click, err := id.ParseClick(a.id)
	switch {
	case err != nil:
		d.wrong = append(d.wrong, fmt.Sprintf("a click's ID is %q: %v", a.id, err))
	case shady && a.host != restHost:
		d.wrong = append(d.wrong, fmt.Sprintf("a blocked visitor is sent to %s, click %s", a.host, a.id))
	case a.host == cappedHost:
		d.capped[lease.Day(click.TimeMS(), time.UTC)]++
	}
	return a, nil
}

// awaitBlock waits until every edge keeps the shady source away.
func (d *side) awaitBlock(ctx context.Context) error {
	for i := range d.edges {
		for deadline := time.Now().Add(startLimit); ; {
			a, err := d.ask(ctx, i, sideCampaign, shadySource, "203.0.113.1")
			if err == nil && a.host == restHost && d.blocks(i) == 1 {
				break
			}
			if time.Now().After(deadline) || !pause(ctx, 50*time.Millisecond) {
				return fmt.Errorf("the first block is not in force at edge %d: %v, %w", i+1, a, err)
			}
		}
	}
	return nil
}

// blocks is how many an edge has in force; -1 where it does not say.
func (d *side) blocks(edge int) int {
	m := d.site.edge(edge)
	n, err := m.figure("tributary_ingest_blocks")
	if err != nil {
		return -1
	}
	return int(n)
}

// change adds, removes and undoes blocks of addresses that nobody has, and publishes catalogs.
func (d *side) change(ctx context.Context, random *rand.Rand) {
	for pause(ctx, time.Duration(random.ExpFloat64()*float64(changeEvery))) {
		var err error
		switch n := random.IntN(4); {
		case n == 0 && d.site.options.mode == modeRoles:
			d.mu.Lock()
			version := d.version + 1
			d.mu.Unlock()
			err = d.publish(ctx, version)
		case n == 1:
			_, err = d.command(ctx, "block", "undo", "--reason", "chaos")
		default:
			_, err = d.command(ctx, "block", "add", "--ip", fmt.Sprintf("198.51.100.%d", random.IntN(250)), "--for", "40s", "--reason", "chaos")
		}
		if err == nil { // while Kafka is away it is none
			d.mu.Lock()
			d.changes++
			d.mu.Unlock()
		}
	}
}

// monthBefore is within the month before this one, and how long ago that is.
func monthBefore(now time.Time) (ago time.Duration) {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return now.Sub(first) + time.Hour
}

// oldClicks are those of the month before.
const oldClicks = 300

// oldLimit is how old they may be: below Kafka's retention of the topic.
const oldLimit = 30 * 24 * time.Hour

// sendOld has edges whose clock shows the month before take some clicks.
func (d *side) sendOld(ctx context.Context) error {
	ago := monthBefore(time.Now().UTC())
	if ago > oldLimit {
		d.site.report.say("no clicks to archive: the month before is %s ago", ago.Round(time.Hour))
		return nil
	}
	for i := range d.edges {
		if err := d.site.edge(i).step(-ago); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(startLimit)
	for n := uint64(0); n < oldClicks; {
		for range oldClicks / 10 {
			if _, err := d.ask(ctx, d.old%len(d.edges), oldCampaign, seenSource, "203.0.113.2"); err != nil {
				return err
			}
			d.old++ // it counts, whatever its month
		}
		if err := d.site.conn.QueryRow(ctx, "SELECT count() FROM tributary.clicks WHERE received_at < toStartOfMonth(now('UTC')) AND campaign = '"+oldCampaign+"'").Scan(&n); err != nil {
			return err
		}
		if time.Now().After(deadline) || !pause(ctx, 300*time.Millisecond) {
			return errors.New("an edge does not follow its stepped clock")
		}
	}
	for i := range d.edges {
		if err := d.site.edge(i).step(0); err != nil {
			return err
		}
	}
	for {
		n, cost, err := d.sums(ctx, oldCampaign)
		if err == nil && n == int64(d.old) && cost == n*sideMicros {
			return nil
		}
		if time.Now().After(deadline) || !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("of %d clicks of the month before %d are in the tables (%w)", d.old, n, err)
		}
	}
}

// sums are clicks and micros of cost of a campaign, as people see them.
func (d *side) sums(ctx context.Context, campaign string) (clicks, micros int64, err error) {
	err = d.site.conn.QueryRow(ctx, "SELECT toInt64(sum(clicks)), toInt64(sum(cost) * 1000000) FROM tributary.epc_roi_by_campaign "+
		"WHERE campaign = '"+campaign+"'").Scan(&clicks, &micros)
	return clicks, micros, err
}

// archiveAgainAndAgain archives the month before, and kills it on the way. What people see stays the same.
func (d *side) archiveAgainAndAgain(ctx context.Context, random *rand.Rand) {
	for pause(ctx, time.Duration(random.ExpFloat64()*float64(changeEvery))) {
		d.archive++
		limited, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(4000))*time.Millisecond)
		_, _ = d.command(limited, d.archiving()...) // killed, or ClickHouse is away
		cancel()
		if n, cost, err := d.sums(ctx, oldCampaign); err == nil && (n != int64(d.old) || cost != n*sideMicros) {
			d.fault("amid the archive %d clicks of %d micros are shown, %d are right", n, cost, d.old)
		}
	}
}

func (d *side) archiving() []string {
	return []string{"archive", "run", "--before", time.Now().UTC().Format("2006-01"), "--drop"}
}

// edge is the process that listens on the nth address.
func (s *site) edge(n int) *member {
	if s.options.mode != modeRoles {
		return s.member("up")
	}
	return s.member(fmt.Sprint("ingest-", n+1))
}
