package figures

import (
	"encoding/csv"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"

	"tributary/cli/misuse"
	"tributary/report"
)

var (
	wherePattern  = regexp.MustCompile(`(?is)^\s*([a-z][a-z0-9_]*)\s*(!=|<>|=|not\s+in\b|in\b|not\s+like\b|like\b)\s*(.*?)\s*$`)
	havingPattern = regexp.MustCompile(`(?i)^\s*([a-z][a-z0-9_]*)\s*(<=|>=|!=|<>|=|<|>)\s*(\S+)\s*$`)
)

// Where reads a filter: country=DE, source!=pushads, country in (DE, AT), keyword like '%shoes%'.
func Where(text string) (report.Filter, error) {
	m := wherePattern.FindStringSubmatch(text)
	if m == nil {
		return report.Filter{}, misuse.Errorf("--where %q is no filter; right would be country=DE, source!=pushads, "+
			"'country in (DE, AT)' or 'keyword like %%shoes%%'", text)
	}
	op := report.Op(strings.ToLower(strings.Join(strings.Fields(m[2]), " ")))
	if op == "<>" {
		op = report.IsNot
	}
	f := report.Filter{Dimension: strings.ToLower(m[1]), Op: op, Values: []string{unquoted(m[3])}}
	if op != report.In && op != report.NotIn {
		return f, nil
	}
	list := m[3]
	if strings.HasPrefix(list, "(") && strings.HasSuffix(list, ")") {
		list = list[1 : len(list)-1]
	}
	values, err := split(list)
	if err != nil || len(values) == 0 {
		return report.Filter{}, misuse.Errorf(`--where %q: %q is no list; right would be (DE, AT), with "a, b" in quotes where a `+
			"value has a comma", text, m[3])
	}
	f.Values = values
	return f, nil
}

// split reads a list of values between commas, each of them in quotes or not.
func split(list string) ([]string, error) {
	reader := csv.NewReader(strings.NewReader(strings.ReplaceAll(list, "'", `"`)))
	reader.TrimLeadingSpace, reader.LazyQuotes = true, !strings.ContainsAny(list, `'"`)
	if strings.Contains(list, "'") && strings.Contains(list, `"`) { // one of the two is a part of the value
		reader = csv.NewReader(strings.NewReader(list))
		reader.TrimLeadingSpace, reader.LazyQuotes = true, true
	}
	values, err := reader.Read()
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return values, err
}

func unquoted(text string) string {
	if n := len(text); n >= 2 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}

// Having reads a bound of a figure: clicks>50, profit<=-10.5, roi>20%.
func Having(text string) (report.Having, error) {
	m := havingPattern.FindStringSubmatch(text)
	if m == nil {
		return report.Having{}, misuse.Errorf("--having %q is no bound; right would be 'clicks>50', 'profit<=-10.5' or 'roi>20%%'", text)
	}
	h := report.Having{Metric: strings.ToLower(m[1]), Op: strings.Replace(m[2], "<>", "!=", 1), Value: m[3]}
	if percent, ok := strings.CutSuffix(h.Value, "%"); ok {
		amount, err := decimal.NewFromString(percent)
		if err != nil {
			return report.Having{}, misuse.Errorf("--having %q: %q is no number", text, m[3])
		}
		h.Value = amount.Shift(-2).String()
	}
	return h, nil
}

// Sort reads names between commas; a minus before one is the largest first.
func Sort(text string) []report.Sort {
	var list []report.Sort
	for _, name := range Names(text) {
		bare, descending := strings.CutPrefix(name, "-")
		list = append(list, report.Sort{Name: strings.TrimPrefix(bare, "+"), Descending: descending})
	}
	return list
}

// Names reads names between commas.
func Names(text string) []string {
	var list []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			list = append(list, name)
		}
	}
	return list
}
