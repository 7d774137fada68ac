package access

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"tributary/catalog"
	"tributary/report"
	"tributary/schemas"
)

// A Scope is what of the traffic somebody may see: all, or the campaigns that any of its lists has. A campaign that is made later
// belongs to it by its buyer, team or tags.
type Scope struct {
	All       bool     `json:"all,omitempty" doc:"Everything"`
	Campaigns []string `json:"campaigns,omitempty" doc:"Campaigns by name"`
	Buyers    []string `json:"buyers,omitempty" doc:"Traffic of these buyers"`
	Teams     []string `json:"teams,omitempty" doc:"Traffic of these teams"`
	Tags      []string `json:"tags,omitempty" doc:"Campaigns that have any of these tags"`
	// Figures bounds the columns: none is all.
	Figures []string `json:"figures,omitempty" doc:"The only figures that may be seen; none: every one"`
}

// maxNames bounds each list of a scope.
const maxNames = 1000

// Everything is the scope of who may see all.
var Everything = Scope{All: true}

// Check returns what is wrong with a scope that somebody wrote.
func (s *Scope) Check() error {
	for list, names := range map[string][]string{"campaigns": s.Campaigns, "buyers": s.Buyers, "teams": s.Teams, "tags": s.Tags} {
		if len(names) > maxNames {
			return fmt.Errorf("scope.%s: %d names are more than %d", list, len(names), maxNames)
		}
		for _, name := range names {
			if name == "" || len(name) > schemas.MaxNameBytes || !utf8.ValidString(name) {
				return fmt.Errorf("scope.%s: %q is no name; want 1 to %d bytes of text", list, name, schemas.MaxNameBytes)
			}
		}
	}
	for _, name := range s.Figures {
		if schemas.MetricNamed(name) == nil {
			return fmt.Errorf("scope.figures: there is no figure %q; `tributary report --names` lists them", name)
		}
	}
	if s.All && len(s.Campaigns)+len(s.Buyers)+len(s.Teams)+len(s.Tags) > 0 {
		return errors.New("scope: all and a list at the same time; leave one out")
	}
	return nil
}

// Within tells whether nothing is in the scope that is not in other, whatever campaigns come later.
func (s *Scope) Within(other *Scope) bool {
	if len(other.Figures) > 0 && (len(s.Figures) == 0 || !subset(s.Figures, other.Figures)) {
		return false
	}
	if other.All {
		return true
	}
	return !s.All && subset(s.Campaigns, other.Campaigns) && subset(s.Buyers, other.Buyers) && subset(s.Teams, other.Teams) &&
		subset(s.Tags, other.Tags)
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(v string) bool { return !slices.Contains(all, v) })
}

// And returns what is in both: what a token may see once its maker may see less. Lists are told apart by name, so that what two
// different lists have in common is left out.
func (s *Scope) And(other *Scope) Scope {
	both := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return !slices.Contains(b, v) })
	}
	var out Scope
	switch {
	case s.All:
		out = *other
	case other.All:
		out = *s
	default:
		out = Scope{Campaigns: both(s.Campaigns, other.Campaigns), Buyers: both(s.Buyers, other.Buyers), Teams: both(s.Teams, other.Teams),
			Tags: both(s.Tags, other.Tags)}
	}
	switch {
	case len(s.Figures) == 0:
		out.Figures = other.Figures
	case len(other.Figures) == 0:
		out.Figures = s.Figures
	default:
		if out.Figures = both(s.Figures, other.Figures); len(out.Figures) == 0 {
			return Scope{} // no figure in common: nothing may be seen
		}
	}
	return out
}

// Sees tells whether a campaign is in the scope.
func (s *Scope) Sees(c *catalog.CampaignConfig) bool {
	return s.All || slices.Contains(s.Campaigns, c.Name) || c.Buyer != "" && slices.Contains(s.Buyers, c.Buyer) ||
		c.Team != "" && slices.Contains(s.Teams, c.Team) ||
		slices.ContainsFunc(c.Tags, func(tag string) bool { return slices.Contains(s.Tags, tag) })
}

// Figure tells whether a figure may be seen.
func (s *Scope) Figure(name string) bool {
	return len(s.Figures) == 0 || slices.Contains(s.Figures, name)
}

// Report returns the scope as the planner of reports takes it. Names and tags become the numbers that campaigns have now; a buyer's
// and a team's traffic is what was theirs when each click came.
func (s *Scope) Report(campaigns []catalog.CampaignConfig) report.Scope {
	if s.All {
		return report.Everything
	}
	out := report.Scope{Buyers: s.Buyers, Teams: s.Teams}
	for i := range campaigns {
		c := &campaigns[i]
		if slices.Contains(s.Campaigns, c.Name) || slices.ContainsFunc(c.Tags, func(tag string) bool { return slices.Contains(s.Tags, tag) }) {
			out.Campaigns = append(out.Campaigns, uint32(c.ID))
		}
	}
	return out
}
