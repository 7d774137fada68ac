package dlq

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tributary/schemas"
	"tributary/schemas/events"
)

// amount writes micros with at least two digits after the point.
func amount(micros int64) string {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	whole, fraction := micros/schemas.Micros, fmt.Sprintf("%06d", micros%schemas.Micros)
	for len(fraction) > 2 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	return fmt.Sprintf("%s%d.%s", sign, whole, fraction)
}

// payout is the money that a letter names, in the words of its sender; empty for none.
func payout(e *events.DeadLetter) string {
	if e.PayoutMicros == 0 {
		return ""
	}
	return strings.TrimSpace(amount(e.PayoutMicros) + " " + e.Currency)
}

// stakes add up money that is not booked: each conversion and each correction once, however often its sender tried. Letters about what was booked
// before, and conversions of which a letter was replayed, have nothing at stake.
type stakes struct {
	counted map[string]*stake
	// micros by currency, as the senders named it.
	micros map[string]int64
	// full says that maxStakes was reached: what came after counts each time.
	full bool
}

type stake struct {
	micros   int64
	currency string
}

// maxStakes bounds the memory of which conversions were counted.
const maxStakes = 1_000_000

func newStakes() *stakes { return &stakes{counted: map[string]*stake{}, micros: map[string]int64{}} }

func (s *stakes) add(l *Letter) {
	e := l.Event
	if e.PayoutMicros == 0 || booked(e.Reason) {
		return
	}
	here := stake{e.PayoutMicros, e.Currency}
	settled := len(l.Replayed) > 0
	if settled {
		here.micros = 0
	}
	// Without a click ID nothing tells a second try from a second conversion.
	if e.ClickId != "" {
		key := strings.Join([]string{e.Network, e.ClickId, e.Event, e.Txid}, "\x00")
		if e.PayoutMicros < 0 {
			key += "\x00-" // a correction beside its conversion
		}
		if before := s.counted[key]; before != nil {
			if settled {
				s.micros[before.currency] -= before.micros
				before.micros = 0
			}
			return
		}
		if s.full = len(s.counted) == maxStakes; !s.full {
			s.counted[key] = &here
		}
	}
	s.micros[here.currency] += here.micros
}

func (s *stakes) String() string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(s.micros)) {
		if s.micros[currency] == 0 {
			continue
		}
		name := currency
		if name == "" {
			name = "of unknown currency"
		}
		parts = append(parts, amount(s.micros[currency])+" "+name)
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, " + ")
}
