package attributor

import (
	"math"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

const (
	// AlertLLR and ActLLR are the CUSUM thresholds, in nats.
	AlertLLR = 9.2
	ActLLR   = 13.8
	// ceilingLLR bounds a CUSUM at twice the act threshold.
	ceilingLLR = 2 * ActLLR

	// A clean source's share of conversions faster than the threshold, and the share that is worth finding. The threshold is
	// meant to be the 0.5 % quantile of honest conversions.
	fastShareClean, fastShareFraud = 0.005, 0.1
	minFastConversions             = 8

	unknownShareMax       = 0.02
	minUnknownConversions = 30
	// knownConversionsMax is where known and unknown are halved together, so that the share follows the present.
	knownConversionsMax = 10_000

	// baselineFixed is the version of the constants above as baselines.
	baselineFixed = 1

	pointsForged   = 100
	pointsHard     = 90
	pointsAct      = 90
	pointsAlert    = 60
	pointsIPRate   = 60
	pointsIPFlood  = 90
	ipFloodFactor  = 10
	pointsUnknown  = 60
	maxScore       = 100
	percentPerUnit = 100
)

var fastCUSUM = newCUSUM(fastShareClean, fastShareFraud)

// Scoring holds the thresholds that a deployment may set.
type Scoring struct {
	// FastMS is the click-to-conversion time below which a conversion counts as too fast for a person.
	FastMS int64
	// ClockSkewMS is how much earlier than its click a conversion may seem to have happened: networks send whole seconds
	// and clocks differ.
	ClockSkewMS int64
	// IPClicksPerMinute is how many clicks an IP may make within a minute.
	IPClicksPerMinute uint32
}

// DefaultScoring returns the thresholds that are used unless the configuration says otherwise.
func DefaultScoring() Scoring {
	return Scoring{FastMS: 10_000, ClockSkewMS: 5_000, IPClicksPerMinute: 60}
}

// ScoreClick scores a click by itself: 0 and no reasons for an unsuspicious one, without allocation.
func ScoreClick(c *events.Click, s *Scoring) (score uint32, reasons []*events.Reason) {
	if c.Bot != "" {
		reasons = append(reasons, &events.Reason{Code: schemas.SignalUABot, Observed: 1, N: 1, Points: pointsHard, Baseline: baselineFixed})
	}
	if c.IpClicksPerMinute > s.IPClicksPerMinute {
		points := uint32(pointsIPRate)
		if c.IpClicksPerMinute >= ipFloodFactor*s.IPClicksPerMinute {
			points = pointsIPFlood
		}
		reasons = append(reasons, &events.Reason{Code: schemas.SignalIPRate, Observed: float64(c.IpClicksPerMinute),
			Expected: float64(s.IPClicksPerMinute), N: 1, Points: points, Baseline: baselineFixed})
	}
	return Score(reasons), reasons
}

// scoreConversion scores a new conversion and takes it into the source's statistics.
func scoreConversion(e *events.Conversion, click *events.Click, source *state.SourceStats, s *Scoring) (uint32, []*events.Reason) {
	var reasons []*events.Reason
	if click != nil {
		_, reasons = ScoreClick(click, s)
	}
	if !e.Foreign || click != nil {
		reasons = scoreTime(reasons, e.EventMs-e.ClickMs, source, s)
	}
	reasons = scoreUnknown(reasons, click != nil, source)
	return Score(reasons), reasons
}

func scoreTime(reasons []*events.Reason, ctitMS int64, source *state.SourceStats, s *Scoring) []*events.Reason {
	if ctitMS < -s.ClockSkewMS {
		// Not fed into the CUSUM: a wrong clock says nothing about speed.
		return append(reasons, &events.Reason{Code: schemas.SignalTSOrder, Observed: float64(ctitMS) / 1000, N: 1, Points: pointsHard, Baseline: baselineFixed})
	}
	fast := ctitMS < s.FastMS
	source.Timed++
	if fast {
		source.Fast++
	}
	source.FastCusum = fastCUSUM.add(source.FastCusum, fast, ceilingLLR)
	if !fast || source.Timed < minFastConversions || source.FastCusum < AlertLLR {
		return reasons
	}
	points := uint32(pointsAlert)
	if source.FastCusum >= ActLLR {
		points = pointsAct
	}
	return append(reasons, &events.Reason{Code: schemas.SignalCTITFast, Observed: float64(source.Fast) / float64(source.Timed),
		Expected: fastShareClean, N: source.Timed, Llr: source.FastCusum, Points: points, Baseline: baselineFixed})
}

func scoreUnknown(reasons []*events.Reason, known bool, source *state.SourceStats) []*events.Reason {
	if known {
		source.Known++
	} else {
		source.Unknown++
	}
	n := source.Known + source.Unknown
	share := float64(source.Unknown) / float64(n)
	if !known && n >= minUnknownConversions && share > unknownShareMax {
		reasons = append(reasons, &events.Reason{Code: schemas.SignalPBFake, Observed: share, Expected: unknownShareMax, N: n,
			Points: pointsUnknown, Baseline: baselineFixed})
	}
	if n >= knownConversionsMax {
		source.Known /= 2
		source.Unknown /= 2
	}
	return reasons
}

// ForgedReason is the finding for a postback whose click ID is forged.
func ForgedReason() *events.Reason {
	return &events.Reason{Code: schemas.SignalPBFake, Observed: 1, N: 1, Points: pointsForged, Baseline: baselineFixed}
}

// Score joins reasons to one number from 0 to 100: within a family of signals the strongest counts, and families add up as
// independent evidence (noisy OR): 1 − Π(1 − points/100).
func Score(reasons []*events.Reason) uint32 {
	if len(reasons) == 0 {
		return 0
	}
	clean := 1.0
	for i, r := range reasons {
		if !strongestOfFamily(reasons, i) {
			continue
		}
		clean *= 1 - float64(min(r.Points, maxScore))/percentPerUnit
	}
	return uint32(math.Round((1 - clean) * percentPerUnit))
}

func strongestOfFamily(reasons []*events.Reason, i int) bool {
	for j, other := range reasons {
		if j == i || family(other.Code) != family(reasons[i].Code) {
			continue
		}
		if other.Points > reasons[i].Points || other.Points == reasons[i].Points && j < i {
			return false
		}
	}
	return true
}

func family(code string) string {
	for i := range schemas.Signals {
		if schemas.Signals[i].Code == code {
			return schemas.Signals[i].Family
		}
	}
	return code
}
