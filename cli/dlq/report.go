package dlq

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"text/tabwriter"
	"time"

	"tributary/cli/terminal"
)

// shownPlans is how many letters a table of plans names for each verdict; --json has as many as were kept.
const shownPlans = 20

func (out *Outcome) print(o *ReplayOptions) (err error) {
	w := bufio.NewWriter(o.Out)
	defer func() { err = errors.Join(err, w.Flush()) }()
	if o.JSON {
		encoder := terminal.NewJSON(w)
		sent := 0
		for _, p := range out.Plans {
			done := p.Verdict == Send && sent < out.Sent
			if done {
				sent++
			}
			if err := encoder.Encode(planLine{p.Letter.Event.LetterId, kindWord(p.Letter.Event.Kind), p.Letter.Event.Reason, p.Letter.received(), p.Verdict, p.Topic, p.What, p.Why, done}); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
		}
		return nil
	}
	counts := maps.Clone(out.Unnamed)
	named := newStakes()
	for _, p := range out.Plans {
		counts[p.Verdict]++
		if p.Verdict == Send && p.postback != nil {
			named.micros[p.postback.Currency] += p.postback.PayoutMicros
		}
	}
	if len(counts) == 0 {
		fmt.Fprintln(w, "No dead letter matches: nothing to replay.")
		return nil
	}
	if o.CatalogOf != "" {
		fmt.Fprintf(w, "Postbacks are judged by the catalog of %s.\n", o.CatalogOf)
	}
	for _, verdict := range verdicts {
		if counts[verdict] == 0 {
			continue
		}
		title := string(verdict)
		switch {
		case verdict == Send && o.Send:
			title = fmt.Sprintf("sent: %d of %d", out.Sent, counts[verdict])
		case verdict == Send:
			title = fmt.Sprintf("would be sent: %d (money that they name: %s)", counts[verdict], named)
		default:
			title = fmt.Sprintf("%s: %d", title, counts[verdict])
		}
		fmt.Fprintf(w, "%s\n", title)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		n := 0
		for _, p := range out.Plans {
			if p.Verdict != verdict {
				continue
			}
			if n++; n > shownPlans {
				continue
			}
			text := p.Why
			if verdict == Send {
				text = "to " + p.Topic + ": " + p.What
			}
			e := p.Letter.Event
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", p.Letter.received().Format(clockLayout), kindWord(e.Kind), shown(e.Reason, 40), shown(e.LetterId, 80), shown(text, 600))
		}
		if err := t.Flush(); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
		if more := counts[verdict] - min(n, shownPlans); more > 0 {
			fmt.Fprintf(w, "  … and %d more (--json prints up to --limit)\n", more)
		}
	}
	if out.More > 0 {
		fmt.Fprintf(w, "%s more could be sent: these are the oldest (--limit); the same command again goes on.\n", plural(out.More, "letter"))
	}
	if !o.Send && counts[Send] > 0 {
		fmt.Fprintln(w, "Nothing was sent: this was a dry run. The same with --yes sends.")
	}
	return nil
}

type planLine struct {
	LetterID string    `json:"letter_id"`
	Kind     string    `json:"kind"`
	Reason   string    `json:"reason"`
	Received time.Time `json:"received"`
	Verdict  Verdict   `json:"verdict"`
	Topic    string    `json:"topic,omitempty"`
	What     string    `json:"what,omitempty"`
	Why      string    `json:"why,omitempty"`
	Sent     bool      `json:"sent"`
}
