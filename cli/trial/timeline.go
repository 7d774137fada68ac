package trial

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"tributary/cli/terminal"
)

// timeline is what was seen, and when.
type timeline struct {
	o       *Options
	lines   []line
	clickID string
	receipt string
	// began is when the first request was sent, sent when the last postback was.
	began, sent time.Time
	// stuck is the step that did not come, -1 for none.
	stuck step
	// left: the money could not be taken back.
	left bool
}

type line struct {
	step   step
	at     time.Time
	since  time.Time
	detail string
}

func newTimeline(o *Options) *timeline { return &timeline{o: o, stuck: -1} }

func (t *timeline) has(s step) bool {
	return slices.ContainsFunc(t.lines, func(l line) bool { return l.step == s })
}

// add notes a step; since is when the request that it follows from was sent.
func (t *timeline) add(s step, at, since time.Time, detail string) {
	if !t.has(s) {
		t.lines = append(t.lines, line{s, at, since, detail})
	}
}

// see notes a sighting.
func (t *timeline) see(s sighting) {
	since := t.sent
	if s.step < stepPostback {
		since = t.began
	}
	if !s.refused && !(t.has(stepRejected) && s.step != stepRejectedRow && s.step >= stepPostback) {
		t.add(s.step, s.at, since, s.detail)
	}
}

// line of the JSON form. Times are milliseconds.
type jsonStep struct {
	Step    string  `json:"step"`
	AfterMS float64 `json:"after_ms"`
	TookMS  float64 `json:"since_request_ms"`
	Detail  string  `json:"detail,omitempty"`
}

type jsonTrial struct {
	OK        bool       `json:"ok"`
	Network   string     `json:"network"`
	ClickID   string     `json:"click_id,omitempty"`
	ReceiptID string     `json:"receipt_id,omitempty"`
	Steps     []jsonStep `json:"steps"`
	Error     string     `json:"error,omitempty"`
	LookAt    string     `json:"look_at,omitempty"`
	Ready     []string   `json:"ready,omitempty"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// finish prints the timeline with a verdict, and answers the trial's error.
func (t *timeline) finish(ctx context.Context, err error) error {
	slices.SortStableFunc(t.lines, func(a, b line) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	var ready []string
	if errors.Is(err, ErrStuck) {
		ready = t.o.ready(ctx)
		if fate := t.o.fate(ctx, t.receipt); fate != "" {
			ready = append(ready, fate)
		}
	}
	if t.o.JSON {
		j := jsonTrial{OK: err == nil, Network: t.o.Network, ClickID: t.clickID, ReceiptID: t.receipt, Steps: []jsonStep{}, Ready: ready}
		for _, l := range t.lines {
			j.Steps = append(j.Steps, jsonStep{stepNames[l.step], milliseconds(l.at.Sub(t.began)), milliseconds(l.at.Sub(l.since)), l.detail})
		}
		if err != nil {
			j.Error = err.Error()
		}
		if t.stuck >= 0 {
			j.LookAt = lookAt[t.stuck]
		}
		encoder := terminal.NewJSON(t.o.Out)
		return errors.Join(err, encoder.Encode(j))
	}
	out := bufio.NewWriter(t.o.Out)
	if len(t.lines) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "AFTER\tSINCE ITS REQUEST\tSTEP\tWHAT")
		for _, l := range t.lines {
			fmt.Fprintf(w, "%.1f ms\t%.1f ms\t%s\t%s\n", milliseconds(l.at.Sub(t.began)), milliseconds(l.at.Sub(l.since)), stepNames[l.step], cmp.Or(l.detail, "-"))
		}
		if flushing := w.Flush(); err == nil {
			err = flushing
		}
		fmt.Fprintln(out)
	}
	t.verdict(out, err, ready)
	return errors.Join(err, out.Flush())
}

func (t *timeline) verdict(out io.Writer, err error, ready []string) {
	switch {
	case err == nil:
		i := slices.IndexFunc(t.lines, func(l line) bool { return l.step == stepEntryRow })
		fmt.Fprintf(out, "It works: the postback of %s was in ClickHouse %.0f ms after it was sent.\n", t.o.Network, milliseconds(t.lines[i].at.Sub(t.lines[i].since)))
		switch {
		case t.o.Keep:
			fmt.Fprintln(out, "The conversion stays, as asked for (--keep).")
		case t.o.ClickID == "":
			fmt.Fprintf(out, "It was taken back: what stays is a click without cost and a rejected conversion, both under the source %s.\n", Source)
		default:
			fmt.Fprintln(out, "It was taken back: what stays is a rejected conversion of that click.")
		}
		return
	case errors.Is(err, ErrRefused):
		fmt.Fprintln(out, "It was refused: fix what is named below and try again. `tributary dlq list` has what the edge refused.")
	case t.stuck >= 0:
		fmt.Fprintf(out, "Stuck at: %s. Look at %s.\n", stepNames[t.stuck], lookAt[t.stuck])
		for _, r := range ready {
			fmt.Fprintln(out, "  "+r)
		}
	}
	if t.left {
		fmt.Fprintf(out, "The conversion (receipt %s) may still come and was not taken back: send it again with a rejected status.\n", cmp.Or(t.receipt, "unknown"))
	}
}

// ready asks each role whether it works.
func (o *Options) ready(ctx context.Context) []string {
	var lines []string
	for _, r := range o.Ready {
		lines = append(lines, r.Name+" "+r.URL+": "+o.askReady(ctx, r))
	}
	return lines
}

// readyWait is how long a role may take to say whether it works.
const readyWait = 3 * time.Second

func (o *Options) askReady(ctx context.Context, r Ready) string {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return err.Error()
	}
	if r.Token != "" {
		request.Header.Set("Authorization", "Bearer "+r.Token)
	}
	response, err := o.Client.Do(request)
	if err != nil {
		return stripURL(err).Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", response.StatusCode, oneLine(string(body)))
}

// oneLine is at most 500 characters of a text without line ends.
func oneLine(text string) string {
	var out []rune
	for _, r := range text {
		if r < ' ' {
			r = ' '
		}
		if out = append(out, r); len(out) == 500 {
			break
		}
	}
	return string(out)
}
