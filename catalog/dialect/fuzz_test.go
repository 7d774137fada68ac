package dialect

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"tributary/catalog/query"
	"tributary/schemas"
	"tributary/schemas/fuzzbound"
)

// FuzzLink holds routing and reading of links to what the package promises, in every dialect.
func FuzzLink(f *testing.F) {
	for _, c := range documentedLinks {
		path, query := split(f, c.url)
		f.Add(path, query)
	}
	router := everyRouter(f)
	var links []*Link
	for _, d := range All {
		if d.HasLinks() {
			l, err := NewLink(d, LinkParams{"zone": "sub1", "bid": "cost"})
			if err != nil {
				f.Fatal(err)
			}
			links = append(links, l)
		}
	}
	f.Fuzz(func(t *testing.T, path, rawQuery []byte) {
		beforePath, beforeQuery := bytes.Clone(path), bytes.Clone(rawQuery)
		spare := make([]byte, 0, len(rawQuery)+1)
		fuzzbound.Hold(t, 0, func() {
			var c Click
			router.Match(path, rawQuery)
			for _, l := range links {
				c = Click{}
				l.Read(&c, rawQuery, spare)
			}
		})
		if m, ok := router.Match(path, rawQuery); ok {
			if again, _ := router.Match(append(bytes.Clone(path), '/'), rawQuery); len(path) > 1 && path[len(path)-1] != '/' && again.Dialect != m.Dialect {
				t.Fatalf("%q is of %s, with a slash of another", path, m.Dialect.Name)
			}
			if campaign := m.AppendCampaign(nil); !m.InQuery && bytes.ContainsAny(campaign, "/.?#%\r\n\x00") {
				t.Fatalf("%q names the campaign %q", path, campaign)
			}
		}
		for _, l := range links {
			c := &Click{}
			text := make([]byte, 0, len(rawQuery)+1)
			if got := l.Read(c, rawQuery, text); cap(got) != cap(text) {
				t.Fatalf("reading %q grows the text beyond its query", rawQuery)
			}
			for i := range c.Values {
				field := Field(i)
				switch value := c.Values[i]; {
				case c.Unfilled(field) && (len(value) > 0 || value == nil):
					t.Fatalf("%s of %q is unfilled and has the value %q", field, rawQuery, value)
				case len(value) > 0 && (field == Cost || field == ExternalID || field == Currency) && query.IsMacro(value, value):
					t.Fatalf("%s of %q is the macro %q", field, rawQuery, value)
				case field <= Ignored && value != nil:
					t.Fatalf("%q has a value without a field", rawQuery)
				}
			}
		}
		if !bytes.Equal(path, beforePath) || !bytes.Equal(rawQuery, beforeQuery) {
			t.Fatal("the request was written to")
		}
	})
}

// FuzzPostback does the same for postbacks and their answers.
func FuzzPostback(f *testing.F) {
	for _, c := range documentedPostbacks {
		_, query := split(f, c.url)
		f.Add(query, "refused")
	}
	var postbacks []*Postback
	for _, d := range All {
		if d.HasPostbacks() {
			p, err := NewPostback(d, Custom{Statuses: map[string]string{"trash": "rejected"}, Events: map[string]string{"2": "ftd"}})
			if err != nil {
				f.Fatal(err)
			}
			postbacks = append(postbacks, p)
		}
	}
	f.Fuzz(func(t *testing.T, rawQuery []byte, detail string) {
		before := bytes.Clone(rawQuery)
		for _, p := range postbacks {
			var r *Reading
			var v Verdict
			var problem *Problem
			fuzzbound.Hold(t, 16*len(rawQuery), func() {
				r = &Reading{}
				p.ReadQuery(r, rawQuery)
				v, problem = p.Interpret(r)
			})
			if problem == nil {
				if v.Status == 0 {
					t.Fatalf("%q has no status in %s", rawQuery, p.dialect.Name)
				}
				for _, value := range [][]byte{v.ClickID, v.Payout, v.TxID, v.Currency} {
					if query.IsMacro(value, value) {
						t.Fatalf("%q of %s brings the macro %q", rawQuery, p.dialect.Name, value)
					}
				}
				if v.Event != strings.ToLower(v.Event) {
					t.Fatalf("the event type %q is not in lower case", v.Event)
				}
			} else if problem.Reason == schemas.RejectUnexpandedMacro && len(problem.Value) == 0 {
				t.Fatalf("%q: nothing is called a macro", rawQuery)
			}
			for _, detail := range []string{"", detail} {
				status, contentType, body := p.AppendReply(nil, r, "RECEIPT", detail)
				if status == 0 && len(body) > 0 || len(body) > 256+8*len(detail) || strings.ContainsAny(string(body), "\r\n\x00") {
					t.Fatalf("%s answers %d %q", p.dialect.Name, status, body)
				}
				if contentType == "application/json" && !json.Valid(body) {
					t.Fatalf("%s answers %q, which is not JSON", p.dialect.Name, body)
				}
			}
		}
		if !bytes.Equal(rawQuery, before) {
			t.Fatal("the request was written to")
		}
	})
}

// FuzzBuild checks that a link that can be built is read back as what it was built of.
func FuzzBuild(f *testing.F) {
	f.Add("camp", "red shoes & more", "0.02", "{zone}")
	f.Add("a_b-c", "[x]", "$5", "#x#")
	f.Fuzz(func(t *testing.T, campaign, keyword, cost, sub string) {
		for _, d := range []*Dialect{&Native, &Keitaro, &Binom, &FunnelFlux, &Prosper202} {
			values := map[Field]string{Keyword: keyword, Cost: cost, Sub(1): sub}
			if d == &FunnelFlux {
				delete(values, Keyword)
			}
			if d == &Binom {
				delete(values, Keyword)
			}
			link, err := BuildLink(d, LinkOptions{Base: "https://t.example", Campaign: campaign, Values: values})
			if err != nil {
				continue
			}
			if strings.ContainsAny(link, " \r\n\t\"\\") {
				t.Fatalf("%s builds %q", d.Name, link)
			}
			l, err := NewLink(d, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, query, _ := strings.Cut(link, "?")
			if i := strings.IndexByte(query, '#'); i >= 0 {
				continue // a macro between hashes, for the traffic source to replace
			}
			c := &Click{}
			l.Read(c, []byte(query), nil)
			for field, want := range values {
				got := string(c.Values[field])
				if field == Cost {
					want = strings.TrimPrefix(strings.TrimLeft(want, "$"), "cpm_")
					got = strings.TrimPrefix(strings.TrimLeft(got, "$"), "cpm_")
				}
				if !c.Unfilled(field) && got != want {
					t.Fatalf("%s: %s of %q is read back as %q, want %q", d.Name, field, link, got, want)
				}
			}
		}
	})
}
