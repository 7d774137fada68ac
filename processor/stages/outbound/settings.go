package outbound

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/destination"
	"tributary/catalog/money"
	"tributary/processor/stage"
)

// settingsVersion is the form of the stage's settings: this byte, and the JSON of declared, nothing where there is no destination.
// Raise it with another form, and when the code that decides by it means something else; read the earlier ones.
const settingsVersion = 1

// declared is what the stage decides by.
type declared struct {
	Destinations []destination.Deciding `json:"d,omitempty"`
	// Rates are base currency units for one unit, times 10^12, each from a time (Unix ms) on, oldest first.
	Rates map[string][]datedRate `json:"r,omitempty"`
	// KeptMS is how long after the last entry of a conversion it is remembered what was told of it.
	KeptMS int64 `json:"k,omitempty"`
}

type datedRate struct {
	FromMS int64 `json:"f"`
	E12    int64 `json:"e"`
}

// ratesPast is how old a conversion is for which a rate of its own date is known.
const ratesPast = 100 * 24 * time.Hour

// settingsOf writes down what a catalog has for the stage.
func settingsOf(c *catalog.Catalog, keptMS int64, now time.Time) ([]byte, error) {
	d := declared{KeptMS: keptMS, Rates: map[string][]datedRate{}}
	if c != nil {
		for _, one := range c.Destinations() {
			d.Destinations = append(d.Destinations, one.Deciding)
			code := one.Deciding.Currency
			if code == "" || d.Rates[code] != nil {
				continue
			}
			currency := c.Currency([]byte(code))
			if currency == nil {
				return nil, fmt.Errorf("the destination %s is told amounts in %s, which has no rate", one.Name, code)
			}
			var list []datedRate
			currency.EachRate(func(fromMS int64, rate money.Rate) {
				if fromMS <= now.Add(-ratesPast).UnixMilli() {
					list = list[:0]
				}
				list = append(list, datedRate{fromMS, int64(rate)})
			})
			d.Rates[code] = list
		}
	}
	if len(d.Destinations) == 0 {
		return []byte{settingsVersion}, nil
	}
	slices.SortFunc(d.Destinations, func(a, b destination.Deciding) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.Marshal(&d)
	if err != nil {
		return nil, fmt.Errorf("writing the destinations down, for cycles to tell what decided: %w", err)
	}
	return append([]byte{settingsVersion}, text...), nil
}

var errSettings = errors.New("settings are damaged")

func readSettings(b []byte) (d declared, err error) {
	if len(b) == 0 || b[0] != settingsVersion {
		return d, errSettings
	}
	if len(b) == 1 {
		return d, nil
	}
	if err := json.Unmarshal(b[1:], &d); err != nil {
		return d, fmt.Errorf("%w: %w", errSettings, err)
	}
	return d, nil
}

// told is a destination as the task has it.
type target struct {
	destination.Deciding
	zone *time.Location
	since
}

// since is when a destination was declared: in the stream's time, and by its number among all declarations. What came before is not told. The
// time alone would not do, for it stands still while nothing is read; the number alone counts what is read, not what was decided.
type since struct {
	ms         int64
	generation uint32
}

// Configure is of stage.Configurable.
func (t *task) Configure(ctx *stage.Context, _, now []byte) error {
	if bytes.Equal(now, t.configured) {
		return nil
	}
	d, err := readSettings(now)
	if err != nil {
		return err
	}
	since, err := t.declaredSince(ctx, d.Destinations)
	if err != nil {
		return err
	}
	t.targets, t.rates, t.keptMS, t.agents = nil, d.Rates, d.KeptMS, false
	for i, one := range d.Destinations {
		zone, err := time.LoadLocation(one.Zone)
		if err != nil {
			return fmt.Errorf("time zone of the destination %s: %w", one.Name, err)
		}
		t.targets = append(t.targets, target{one, zone, since[i]})
		t.agents = t.agents || one.NeedsAgent()
	}
	t.configured = append(t.configured[:0], now...)
	return nil
}

// declaredSince returns since when each destination is declared. It takes note of new ones, and forgets those that are declared no more.
func (t *task) declaredSince(ctx *stage.Context, list []destination.Deciding) ([]since, error) {
	known := map[string]since{}
	t.generation = 0
	if err := ctx.State.Scan([]byte{kindSince}, nil, func(key, value []byte) bool {
		ms, n := binary.Varint(value)
		generation, _ := binary.Uvarint(value[max(n, 0):])
		if name := string(key[1:]); name == "" {
			t.generation = uint32(generation)
		} else {
			known[name] = since{ms, uint32(generation)}
		}
		return true
	}); err != nil {
		return nil, err
	}
	put := func(name string, s since) {
		ctx.State.Put(sinceKey(name), binary.AppendUvarint(binary.AppendVarint(nil, s.ms), uint64(s.generation)))
	}
	all, next := make([]since, len(list)), since{ctx.WatermarkMS(), t.generation + 1}
	for i := range list {
		s, ok := known[list[i].Name]
		if !ok {
			s = next
			put(list[i].Name, s)
			t.generation = s.generation
		}
		all[i] = s
		delete(known, list[i].Name)
	}
	if t.generation == next.generation {
		put("", next)
	}
	for name := range known {
		ctx.State.Delete(sinceKey(name))
	}
	return all, nil
}

func sinceKey(name string) []byte { return append([]byte{kindSince}, name...) }

// rateAt is the rate of a currency at a time; ok is false where there is none.
func (t *task) rateAt(code string, ms int64) (e12 int64, ok bool) {
	list := t.rates[code]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].FromMS <= ms || i == 0 {
			return list[i].E12, true
		}
	}
	return 0, false
}
