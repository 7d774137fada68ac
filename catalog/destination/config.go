package destination

import (
	"time"

	"tributary/catalog/trust"
)

// Config is one destination, as a person declares it. What is left out is the template's.
type Config struct {
	Name     string                  `yaml:"name" doc:"name of the destination, at most 64 of a-z A-Z 0-9 . _ -; requests are known by it, so that another name is another destination"`
	Template string                  `yaml:"template" doc:"a shipped template, such as exoclick or meta (docs/outbound.md lists them), get or post for a URL of your own, webhook for signed JSON; get when left out"`
	Params   map[string]string       `yaml:"params" doc:"identifiers that the template asks for, such as {aid: \"123\"}; in a template of your own each is a macro too"`
	Secrets  map[string]trust.Secret `yaml:"secrets" doc:"tokens and keys that the template asks for; in a template of your own each is a macro too, and is masked wherever the URL is shown"`

	URL        string            `yaml:"url" doc:"of get, post and webhook: where a conversion is told, with macros such as {external_id} and {payout}. {name?} leaves its parameter out where there is no value, {name!} skips the conversion"`
	RestateURL string            `yaml:"restate_url" doc:"where a change of status or payout is told; left out, the template's, and with get and post none: such a change is not told. same: the URL of the conversion"`
	RetractURL string            `yaml:"retract_url" doc:"where it is told that a conversion does not count any more; as restate_url"`
	Body       string            `yaml:"body" doc:"of post: what is sent, with macros; JSON where it begins with a brace, else a form"`
	Headers    map[string]string `yaml:"headers" doc:"headers that are sent, with macros, secrets too; such as {Authorization: \"Bearer {token}\"}"`
	Fields     map[string]string `yaml:"fields" doc:"what a conversion API may hear beside the template's own, by its fields, with macros; such as {email: \"{sub5}\"}. It hashes and normalises as the platform asks"`
	Success    SuccessConfig     `yaml:"success" doc:"how an answer is read; the template's when left out, and with a URL of your own any 2xx"`

	Events      map[string]string `yaml:"events" doc:"event types that are told, each with what the destination calls it, such as {ftd: Purchase}; \"*\" stands for all others. All, under their own names, when left out; of ad platforms the offer's goal"`
	Statuses    []string          `yaml:"statuses" doc:"statuses in which a conversion is told: any of registered, pending, approved, rejected and chargeback; the template's when left out, and with a URL of your own approved"`
	StatusWords map[string]string `yaml:"status_words" doc:"what {status} is for each status, such as {approved: \"1\"}; the template's when left out, else the status itself"`
	Campaigns   []string          `yaml:"campaigns" doc:"campaigns whose conversions are told; all when left out"`
	Sources     []string          `yaml:"sources" doc:"sources whose conversions are told; all when left out"`
	Offers      []string          `yaml:"offers" doc:"offers whose conversions are told; all when left out"`
	Networks    []string          `yaml:"networks" doc:"networks whose conversions are told; all when left out"`
	Countries   []string          `yaml:"countries" doc:"countries of the click whose conversions are told, ISO 3166-1 alpha-2; all when left out, unknown for none"`
	MinPayout   string            `yaml:"min_payout" doc:"least payout that is told, in the base currency, before the share"`
	MaxPayout   string            `yaml:"max_payout" doc:"greatest payout that is told, in the base currency, before the share"`
	Corrections bool              `yaml:"corrections" doc:"corrections (payouts below 0) are told too, as conversions of their own; else they are not told"`

	Suspicion      string        `yaml:"suspicion" doc:"what becomes of a conversion whose score reaches suspicion_score: tell (as any other), wait (until it is approved after that, its score falls or wait_at_most is over; a rejection ends it untold) or never. The template's when left out: tell of ad platforms, else wait"`
	SuspicionScore int           `yaml:"suspicion_score" doc:"score from which a conversion is under suspicion, 1 to 100; 50, from which it counts as flagged, when left out"`
	WaitAtMost     time.Duration `yaml:"wait_at_most" doc:"how long a conversion under suspicion waits before it is told all the same; for ever when left out"`

	Share    string `yaml:"share" doc:"part of the payout that is told, in percent, such as 85 or 62.5; 100 when left out. Restatements and retractions use the one that was in force when the conversion was told"`
	Currency string `yaml:"currency" doc:"ISO 4217 code of the amounts that are told; the payout's own when left out. It needs a rate in exchange_rates"`
	Sample   string `yaml:"sample" doc:"part of the conversions that is told, in percent, chosen by a hash of the conversion's ID; 100 when left out"`

	Delay    time.Duration `yaml:"delay" doc:"how long after the conversion was decided it is told at the earliest"`
	Window   time.Duration `yaml:"window" doc:"how long after the conversion (of some templates: after the click) it may be told; the template's when left out, and no longer than that"`
	TimeZone string        `yaml:"time_zone" doc:"IANA name of the time zone of {event_time} and of the days of per_day; UTC when left out"`

	PerDay      int           `yaml:"per_day" doc:"requests a day at most; more are dropped as over_cap; 0 for no cap"`
	PerSecond   int           `yaml:"per_second" doc:"requests a second at most; the template's when left out, else 50"`
	Concurrency int           `yaml:"concurrency" doc:"requests under way at once; the template's when left out, else 8"`
	Batch       int           `yaml:"batch" doc:"conversions in one call at most; the template's when left out, and no more than that"`
	Timeout     time.Duration `yaml:"timeout" doc:"how long an answer is waited for, 1s to 1m; the template's when left out, else 15s"`

	AllowHTTP    bool     `yaml:"allow_http" doc:"the URL may be http: whoever is on the way reads and changes what is told"`
	AllowPrivate []string `yaml:"allow_private" doc:"private networks (CIDR) that the destination's host may be in; none when left out"`
	Paused       bool     `yaml:"paused" doc:"requests are made and wait; nothing is sent. What waits beyond the window is dropped as expired"`
}

// SuccessConfig is how an answer is read, in this order: Done, Again, Refused, then Statuses, Has and JSON, which must all hold.
// Texts are looked for in the answer's body, upper and lower case alike.
type SuccessConfig struct {
	Statuses []int             `yaml:"statuses" doc:"status codes of success; 200 to 299 when left out"`
	Has      []string          `yaml:"has" doc:"texts of which the answer has one when the conversion was taken, such as OK"`
	JSON     map[string]string `yaml:"json" doc:"fields of a JSON answer and what they are when the conversion was taken, such as {ok: \"true\"}; a path has dots"`
	Done     []string          `yaml:"done" doc:"texts of an answer that says that the conversion was taken before, such as already notified: that is a success"`
	Again    []string          `yaml:"again" doc:"texts of an answer after which a later try may succeed"`
	Refused  []string          `yaml:"refused" doc:"texts of an answer that says that the conversion is never taken, such as ERROR"`
	Retry    []int             `yaml:"retry" doc:"status codes after which a later try may succeed, beside 408, 425, 429 and 500 to 599"`
	Reason   []string          `yaml:"reason" doc:"fields of a JSON answer that say what is wrong, such as error.msg: what a person is shown"`
}

// isZero tells of a section that says nothing.
func (c *SuccessConfig) isZero() bool {
	return len(c.Statuses)+len(c.Has)+len(c.JSON)+len(c.Done)+len(c.Again)+len(c.Refused)+len(c.Retry)+len(c.Reason) == 0
}
