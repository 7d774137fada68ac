package outbound

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A StandIn plays one platform.
type StandIn struct {
	// Name is that of the template.
	Name string
	// Now is its clock.
	Now func() time.Time
	// Tokens are the tokens of access that it takes.
	Tokens []string
	// PerMinute is how many calls it takes in a minute of its clock, 0 for any number.
	PerMinute int

	play   play
	mu     sync.Mutex
	ledger map[string]*Entry
	tested int
	minute int64
	calls  int
}

// Entry is a conversion that a platform took.
type Entry struct {
	ID, Event, Value, Currency string
	Time                       time.Time
	// Copies is how often it was told beyond the first time, and dropped.
	Copies    int
	Restated  int
	Retracted bool
}

// play answers one call; the stand-in is locked.
type play func(s *StandIn, r *http.Request, body []byte) answer

// answer is what is sent back.
type answer struct {
	status int
	body   any
	header map[string]string
}

var plays = map[string]play{
	"meta": playMeta, "google_data_manager": playDataManager, "google_ads": playGoogleAds, "tiktok": playTikTok, "microsoft": playMicrosoft,
	"snap": playSnap, "pinterest": playPinterest, "reddit": playReddit, "x": playX, "openai": playOpenAI,
}

// New returns a stand-in of the platform that a template names, nil where there is none.
func New(name string, now func() time.Time, tokens ...string) *StandIn {
	p := plays[name]
	if p == nil {
		return nil
	}
	return &StandIn{Name: name, Now: now, Tokens: tokens, play: p, ledger: map[string]*Entry{}}
}

// Ledger returns what it took, by ID.
func (s *StandIn) Ledger() map[string]Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make(map[string]Entry, len(s.ledger))
	for id, e := range s.ledger {
		list[id] = *e
	}
	return list
}

// Tested is how many events it was told in test mode, and did not record.
func (s *StandIn) Tested() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tested
}

// Allow changes the tokens of access that it takes.
func (s *StandIn) Allow(tokens ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Tokens = tokens
}

// ServeHTTP answers as the platform does. It takes a POST only, as all of them.
func (s *StandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	a := s.serve(r, body)
	s.mu.Unlock()
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	text, isText := a.body.(string)
	if !isText {
		w.Header().Set("Content-Type", "application/json")
		raw, err := json.Marshal(a.body)
		if err != nil {
			panic(err) // a stand-in's own answer
		}
		text = string(raw)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, text)
}

func (s *StandIn) serve(r *http.Request, body []byte) answer {
	if r.Method != http.MethodPost {
		return answer{status: http.StatusMethodNotAllowed, body: "method not allowed"}
	}
	if minute := s.Now().Unix() / 60; minute != s.minute {
		s.minute, s.calls = minute, 0
	}
	s.calls++
	return s.play(s, r, body)
}

// slow tells whether this call is one too many.
func (s *StandIn) slow() bool { return s.PerMinute > 0 && s.calls > s.PerMinute }

// allowed tells whether a token is taken.
func (s *StandIn) allowed(token string) bool {
	for _, good := range s.Tokens {
		if token == good {
			return true
		}
	}
	return false
}

func bearer(r *http.Request) string {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return ""
	}
	return token
}

// take records an event, unless it has it.
func (s *StandIn) take(key string, e Entry) {
	if have := s.ledger[key]; have != nil {
		have.Copies++
		return
	}
	s.ledger[key] = &e
}

// A doc is a JSON object that somebody sent.
type doc map[string]any

func parse(body []byte) (doc, error) {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	var d doc
	if err := decoder.Decode(&d); err != nil {
		return nil, err
	}
	return d, nil
}

// text, number, object and list read a field; what is of another type is as if it were not there.
func (d doc) text(name string) string {
	s, _ := d[name].(string)
	return s
}

func (d doc) number(name string) (int64, bool) {
	n, ok := d[name].(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

func (d doc) decimal(name string) string {
	n, _ := d[name].(json.Number)
	return n.String()
}

func (d doc) object(name string) doc {
	o, _ := d[name].(map[string]any)
	return o
}

func (d doc) list(name string) (list []doc) {
	l, _ := d[name].([]any)
	for _, e := range l {
		o, _ := e.(map[string]any)
		list = append(list, o)
	}
	return list
}

// only says which field the platform does not know.
func (d doc) only(names ...string) error {
	for name := range d {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		if !known {
			return fmt.Errorf("unknown field %s", name)
		}
	}
	return nil
}

var sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)

// hashes says which of the fields, texts or lists of texts, is no hash.
func (d doc) hashes(names ...string) error {
	for _, name := range names {
		value, has := d[name]
		if !has {
			continue
		}
		values, isList := value.([]any)
		if !isList {
			values = []any{value}
		}
		for _, v := range values {
			if text, _ := v.(string); !sha256Form.MatchString(text) {
				return fmt.Errorf("%s is not a valid SHA-256 hash", name)
			}
		}
	}
	return nil
}

// within says whether a time is one that the platform takes.
func (s *StandIn) within(at time.Time, age, ahead time.Duration) error {
	now := s.Now()
	switch {
	case at.Before(now.Add(-age)):
		return fmt.Errorf("the timestamp is too far in the past")
	case at.After(now.Add(ahead)):
		return fmt.Errorf("the timestamp is in the future")
	}
	return nil
}

var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

// money says what is wrong with a value and its currency; a platform wants both or neither.
func money(value, currency string) error {
	if value == "" && currency == "" {
		return nil
	}
	if _, err := strconv.ParseFloat(value, 64); err != nil {
		return fmt.Errorf("value is no number")
	}
	if !currencyForm.MatchString(currency) {
		return fmt.Errorf("currency is invalid")
	}
	return nil
}
