package blocklist

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/cli/misuse"
	"tributary/schemas/events"
)

// A Request is what a person says of a block, as typed.
type Request struct {
	Source, Sub, Network, ASN, Agent string
	Campaign, Answer                 string
	Shadow                           bool
	// For is how long, such as 24h or 7d; empty for ever.
	For string
}

// A World is what a request is read against.
type World struct {
	Catalog *catalog.Catalog
	// Campaigns are the names of the declared ones.
	Campaigns []string
	// ASNs: the edge knows the autonomous system of an address.
	ASNs bool
	Now  time.Time
}

// Block reads a request. source that the catalog does not declare is blocked by the name that its links say; undeclared tells of
// it. Every error is the person's to put right.
func (w *World) Block(r *Request) (v *events.Block, undeclared bool, err error) {
	v = &events.Block{Source: r.Source, Agent: r.Agent, Shadow: r.Shadow}
	answer := r.Answer
	if answer == "" {
		answer = block.AnswerName(block.Fallback)
	}
	if v.Answer, err = block.ParseAnswer(answer); err != nil {
		return nil, false, misuse.Errorf("--answer: %w", err)
	}
	if r.Source != "" {
		if source := w.Catalog.Source([]byte(r.Source)); source != nil {
			v.SourceId = source.ID
		} else {
			undeclared = true
		}
	}
	if r.Sub != "" {
		if err := w.sub(v, r.Sub); err != nil {
			return nil, false, err
		}
	}
	if r.Network != "" {
		network, err := block.ParseNetwork(r.Network)
		if err != nil {
			return nil, false, misuse.Errorf("--ip: %w", err)
		}
		v.Network = network.String()
	}
	if r.ASN != "" {
		if v.Asn, err = w.asn(r.ASN); err != nil {
			return nil, false, err
		}
	}
	if r.Agent != "" && !slices.Contains(block.Agents(), r.Agent) {
		return nil, false, misuse.Errorf("--agent: %q is no class of user agents%s; there are %s", r.Agent,
			misuse.Near(r.Agent, block.Agents()), strings.Join(block.Agents(), ", "))
	}
	if r.Campaign != "" && r.Campaign != "all" {
		campaign := w.Catalog.Campaign([]byte(r.Campaign))
		if campaign == nil {
			return nil, false, misuse.Errorf("--campaign: no campaign is named %q%s; the campaigns are %s", r.Campaign,
				misuse.Near(r.Campaign, w.Campaigns), misuse.List(w.Campaigns))
		}
		v.CampaignId, v.Campaign = campaign.ID, campaign.Name
	}
	if r.For != "" {
		if v.UntilMs, err = until(r.For, w.Now); err != nil {
			return nil, false, err
		}
	}
	if err := block.CheckValue(v); err != nil {
		return nil, false, misuse.Errorf("%w; say what to block: --source, --source with --sub, --ip, --asn or --agent", err)
	}
	return v, undeclared, nil
}

// SourceNames are the declared sources, sorted.
func (w *World) SourceNames() []string {
	names := map[string]bool{}
	for s := range w.Catalog.Sources() {
		names[s.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (w *World) sub(v *events.Block, text string) error {
	const right = "want a sub and its value, such as sub1=12345"
	name, value, found := strings.Cut(text, "=")
	n, err := strconv.Atoi(strings.TrimPrefix(name, "sub"))
	if !found || err != nil || value == "" || n < 1 || n > 20 || name != "sub"+strconv.Itoa(n) {
		return misuse.Errorf("--sub: %q is no sub: %s", text, right)
	}
	if v.Source == "" {
		return misuse.Errorf("--sub: subs are a source's own; add --source NAME")
	}
	v.Sub, v.SubValue = uint32(n), value
	return nil
}

func (w *World) asn(text string) (uint32, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(text), "AS"), 10, 32)
	if err != nil || n == 0 {
		return 0, misuse.Errorf("--asn: %q is no number of an autonomous system: want 1 to 4294967295, such as 64496", text)
	}
	if !w.ASNs {
		return 0, misuse.Errorf("--asn: the edge does not know the autonomous system of an address, so this would block nobody: " +
			"set ingest.geo.asn_file (docs/privacy.md), or block its networks with --ip")
	}
	return uint32(n), nil
}

// maxFor is the longest time to live: longer ones are for ever.
const maxFor = 10 * 365 * 24 * time.Hour

// until reads how long a block is to last.
func until(text string, now time.Time) (int64, error) {
	age, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		if age, err = time.ParseDuration(days + "h"); err == nil && age <= maxFor {
			age *= 24
		}
	}
	if err != nil || age < time.Second || age > maxFor {
		return 0, misuse.Errorf("--for: %q is no time to live: want 1s to 3650d, such as 90m, 24h or 7d; leave it out for ever", text)
	}
	return now.Add(age).UnixMilli(), nil
}

// same tells that two blocks are on the same thing, in the same campaign, of the same sort.
func same(a, b *events.Block) bool {
	sources := a.SourceId == b.SourceId && (a.SourceId != 0 || a.Source == b.Source)
	return sources && a.Sub == b.Sub && a.SubValue == b.SubValue && a.Network == b.Network && a.Asn == b.Asn && a.Agent == b.Agent &&
		a.CampaignId == b.CampaignId && a.Shadow == b.Shadow
}

func instant(ms int64) string {
	if ms == 0 {
		return "for ever"
	}
	return "until " + time.UnixMilli(ms).UTC().Format(time.DateTime) + " UTC"
}

// Until says in words how long a block lasts.
func Until(v *events.Block) string { return instant(v.UntilMs) }

// Says puts a block in one line for its maker.
func Says(id string, v *events.Block) string {
	return fmt.Sprintf("%s: %s, %s", id, block.Says(v), Until(v))
}
