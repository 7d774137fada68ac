package protocol

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"tributary/catalog/destination"
)

// byRules is the verdict of a destination's own rules. What a server says that is not well, or that refuses us, goes before texts: an error page
// of a gateway may have any word. Then come Done, Again and Refused, then what success must have. Where that is missing and nothing says why,
// a later try may find it; a field that says something else refuses.
func byRules(rules *destination.SuccessConfig, answer *Answer) Verdict {
	v := byStatus(answer)
	if v.Outcome == Again {
		return withReason(v, rules, answer)
	}
	if slices.Contains(rules.Retry, answer.Status) {
		return withReason(Verdict{Outcome: Again, Reason: v.Reason, RetryAfter: retryAfter(answer)}, rules, answer)
	}
	body := bytes.ToLower(answer.Body)
	if text, ok := hasAny(body, rules.Done); ok {
		return Verdict{Outcome: Delivered, Reason: "taken before: it says " + text}
	}
	if text, ok := hasAny(body, rules.Again); ok {
		return withReason(Verdict{Outcome: Again, Reason: "it says " + text, RetryAfter: retryAfter(answer)}, rules, answer)
	}
	if v.Outcome == Paused || v.Outcome == Gone {
		return withReason(v, rules, answer)
	}
	if text, ok := hasAny(body, rules.Refused); ok {
		return withReason(Verdict{Outcome: Refused, Reason: "it says " + text}, rules, answer)
	}
	if len(rules.Statuses) > 0 {
		if !slices.Contains(rules.Statuses, answer.Status) {
			return withReason(Verdict{Outcome: Refused, Reason: v.Reason + " is none of success"}, rules, answer)
		}
	} else if v.Outcome != Delivered {
		return withReason(v, rules, answer)
	}
	if len(rules.Has) > 0 {
		if _, ok := hasAny(body, rules.Has); !ok {
			return withReason(Verdict{Outcome: Again, Reason: v.Reason + ", but it does not say " + strings.Join(rules.Has, " or ")}, rules, answer)
		}
	}
	if len(rules.JSON) > 0 {
		var said any
		if err := readJSON(answer, &said); err != nil {
			return Verdict{Outcome: Again, Reason: v.Reason + ", but " + err.Error() + ": " + beginning(answer)}
		}
		for _, path := range slices.Sorted(maps.Keys(rules.JSON)) {
			switch found, ok := field(said, path); {
			case !ok:
				return withReason(Verdict{Outcome: Again, Reason: v.Reason + ", but no " + path}, rules, answer)
			case !strings.EqualFold(found, rules.JSON[path]):
				return withReason(Verdict{Outcome: Refused, Reason: path + " is " + found}, rules, answer)
			}
		}
	}
	return Verdict{Outcome: Delivered, Reason: v.Reason}
}

// hasAny returns the first of texts that is in body, which is in small letters.
func hasAny(body []byte, texts []string) (string, bool) {
	for _, text := range texts {
		if bytes.Contains(body, bytes.ToLower([]byte(text))) {
			return text, true
		}
	}
	return "", false
}

// withReason adds what the answer says of what is wrong: the first field of Reason that it has, else its beginning.
func withReason(v Verdict, rules *destination.SuccessConfig, answer *Answer) Verdict {
	said := beginning(answer)
	if len(rules.Reason) > 0 {
		var body any
		if readJSON(answer, &body) == nil {
			for _, path := range rules.Reason {
				if found, ok := field(body, path); ok && found != "" {
					said = found
					break
				}
			}
		}
	}
	if said != "" {
		v.Reason += ": " + said
	}
	return v
}

// field returns what a path with dots leads to in JSON, as text; ok is false where it leads nowhere.
func field(said any, path string) (text string, ok bool) {
	for _, name := range strings.Split(path, ".") {
		object, isObject := said.(map[string]any)
		if !isObject {
			return "", false
		}
		if said, ok = object[name]; !ok {
			return "", false
		}
	}
	if text, ok := said.(string); ok {
		return text, true
	}
	raw, err := json.Marshal(said)
	return string(raw), err == nil
}
