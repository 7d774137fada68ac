package links

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/money"
	"tributary/catalog/query"
	"tributary/cli/misuse"
	"tributary/ingest"
	"tributary/schemas"
)

// What a URL is.
const (
	KindLink     = "click link"
	KindPostback = "postback"
	// KindImpression is the image of an impression.
	KindImpression = "impression link"
	KindOther      = "other"
)

// A Reading is what the edge would make of a URL.
type Reading struct {
	URL     string `json:"url"`
	Kind    string `json:"kind"`
	Dialect string `json:"dialect,omitempty"`
	// Facts say whose it is and where it leads.
	Facts []Fact `json:"facts,omitempty"`
	// Params are its parameters, in its order.
	Params []Param `json:"parameters,omitempty"`
	// OK tells that it would be taken.
	OK bool `json:"ok"`
	// Verdict says what would become of it; Reason is that of a refusal.
	Verdict string               `json:"verdict"`
	Reason  schemas.RejectReason `json:"reason,omitempty"`
	// Notes say what may be meant otherwise.
	Notes []string `json:"notes,omitempty"`
}

// Fact is one thing that is known of a URL.
type Fact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Param is one parameter and what becomes of it.
type Param struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Becomes string `json:"becomes,omitempty"`
	Note    string `json:"note,omitempty"`
}

// maxParams bounds the parameters that are explained.
const maxParams = 200

// Check says what the edge would make of a URL at a time.
func (w *World) Check(text string, now time.Time) (*Reading, error) {
	return w.check(text, now, false)
}

// check believes a postback that its network sent it when proved.
func (w *World) check(text string, now time.Time, proved bool) (*Reading, error) {
	r := &Reading{URL: text, Kind: KindOther}
	path, rawQuery, err := split(text)
	if err != nil {
		return nil, err
	}
	if len(path)+len(rawQuery) > schemas.MaxURLBytes {
		r.Verdict, r.Reason = fmt.Sprintf("it has %d bytes; the edge reads at most %d", len(path)+len(rawQuery), schemas.MaxURLBytes), schemas.RejectTooLong
		return r, nil
	}
	if query.Escaped(rawQuery) {
		r.note(`It has &amp;, \u0026 or the like instead of &, as a URL copied from a page or out of JSON has. ` +
			`The edge reads it as &; write & all the same.`)
	}
	before := string(path)
	if path, rawQuery = ingest.Meant(w.Catalog, path, rawQuery); string(path) != before {
		meant := string(path)
		if len(rawQuery) > 0 {
			meant += "?" + string(rawQuery)
		}
		r.note("The edge reads it as " + shown(meant, 120) + ".")
	}
	if name, ok := bytes.CutPrefix(path, []byte("/c/")); ok {
		w.link(r, &dialect.Native, string(query.DecodePath(nil, bytes.TrimSuffix(name, []byte{'/'}))), rawQuery, now)
		return r, nil
	}
	if name, ok := bytes.CutPrefix(path, []byte("/i/")); ok {
		w.link(r, &dialect.Native, string(query.DecodePath(nil, bytes.TrimSuffix(name, []byte{'/'}))), rawQuery, now)
		r.Kind = KindImpression
		r.Facts = slices.DeleteFunc(r.Facts, func(f Fact) bool { return f.Name != "campaign" })
		if r.OK {
			r.Verdict = "an impression, answered with an image of one pixel"
		}
		return r, nil
	}
	if bytes.HasPrefix(path, []byte("/l/")) {
		r.Verdict = "the button of a landing page (/l/): where it leads depends on the click that the page was shown for, which is not looked at here"
		return r, nil
	}
	if network, ok := ownPostback(path); ok {
		w.postback(r, nil, network, path, rawQuery, now, proved)
		return r, nil
	}
	m, ok := w.Catalog.Router().Match(path, rawQuery)
	switch {
	case !ok:
		r.Verdict = fmt.Sprintf("nothing is at %s: it is neither a click link (/c/NAME), a postback (/postback) nor either of a known dialect (%s); the edge answers 404", shown(string(path), 80), dialect.Names())
	case m.Kind == dialect.KindPostback:
		w.postback(r, m.Dialect, "", path, rawQuery, now, proved)
	default:
		name := string(m.AppendCampaign(nil))
		if m.Guess && w.Catalog.Campaign([]byte(name)) == nil {
			r.Verdict = fmt.Sprintf("nothing is at %s: it could be a link of %s, but no campaign has that name or alias%s; the edge answers 404", shown(string(path), 80), m.Dialect.Name, w.nearCampaign(name))
			return r, nil
		}
		w.link(r, m.Dialect, name, rawQuery, now)
	}
	return r, nil
}

// split answers path and query of a URL, or of what stands behind a host.
func split(text string) (path, rawQuery []byte, err error) {
	rest := strings.TrimSpace(text)
	if scheme, behind, ok := strings.Cut(rest, "://"); ok && !strings.ContainsAny(scheme, "/?") {
		if scheme != "http" && scheme != "https" {
			return nil, nil, misuse.Errorf("%s is not an http or https URL", shown(text, 80))
		}
		i := strings.IndexAny(behind, "/?#")
		if i < 0 {
			behind, i = behind+"/", len(behind)
		}
		if rest = behind[i:]; rest[0] != '/' {
			rest = "/" + rest
		}
	} else if !strings.HasPrefix(rest, "/") {
		return nil, nil, misuse.Errorf("%q is not a URL; right would be one such as https://t.example/c/summer?source=pushads, or the part after the host, in quotes", shown(text, 80))
	}
	// What stands behind # never leaves a browser, unless it is what is left of an ampersand (&#38;).
	if i := strings.IndexByte(rest, '#'); i > 0 && strings.Count(rest, "#") == 1 && rest[i-1] != '&' {
		rest = rest[:i]
	}
	before, after, _ := strings.Cut(rest, "?")
	return []byte(before), []byte(after), nil
}

// ownPostback tells whether a path is that of a postback of ours, and of which network.
func ownPostback(path []byte) (network string, ok bool) {
	if string(path) == "/postback" {
		return "", true
	}
	name, ok := bytes.CutPrefix(path, []byte("/postback/"))
	if !ok || len(name) == 0 || bytes.IndexByte(name, '/') >= 0 {
		return "", false
	}
	return string(query.DecodePath(nil, name)), true
}

// link explains a click link.
func (w *World) link(r *Reading, d *dialect.Dialect, name string, rawQuery []byte, now time.Time) {
	r.Kind, r.Dialect = KindLink, d.Name
	campaign := w.Catalog.Campaign([]byte(name))
	reader := w.Catalog.Link(d, nil)
	var whole dialect.Click
	text := reader.Read(&whole, rawQuery, nil)
	var source *catalog.Source
	if campaign != nil {
		source = campaign.Source
	}
	if named := whole.Values[dialect.Source]; len(named) > 0 {
		source = w.Catalog.Source(named)
	}
	if own := w.Catalog.Link(d, source); own != nil {
		reader = own
	}
	_ = reader.Read(&whole, rawQuery, text)
	if campaign == nil {
		r.Verdict, r.Reason = fmt.Sprintf("refused: no campaign is named %q%s; the campaigns are %s", shown(name, 64), w.nearCampaign(name), misuse.List(w.campaignNames())), schemas.RejectUnknownCampaign
	} else {
		r.OK = true
		r.fact("campaign", fmt.Sprintf("%s (%d)%s", campaign.Name, campaign.ID, aliasNote(name, campaign.Name)))
		for i, o := range campaign.Offers {
			if i == 5 {
				r.fact("offer", fmt.Sprintf("… and %d more", len(campaign.Offers)-i))
				break
			}
			r.fact("offer", o.Name+w.offerURL(o.Name))
		}
		r.Verdict = "a click of campaign " + campaign.Name
		if source != nil {
			r.Verdict += " from source " + source.Name
		}
		r.Verdict += ", sent on to its offer"
	}
	w.costNote(r, campaign, source, &whole, now)
	w.linkParams(r, d, reader, rawQuery)
}

func aliasNote(asked, name string) string {
	if asked == name {
		return ""
	}
	return ", by its alias " + asked
}

func (w *World) offerURL(name string) string {
	for _, o := range w.Config.Offers {
		if o.Name == name {
			return ", " + o.URL
		}
	}
	return ""
}

// costNote says what the click would cost.
func (w *World) costNote(r *Reading, campaign *catalog.Campaign, source *catalog.Source, c *dialect.Click, now time.Time) {
	if campaign == nil {
		return
	}
	own := string(money.Append(nil, campaign.CostMicros)) + " " + campaign.Currency.Code + ", the campaign's own"
	value := c.Values[dialect.Cost]
	if len(value) == 0 {
		if c.Unfilled(dialect.Cost) {
			own += ", as long as the macro is not filled in"
		}
		r.fact("cost", own)
		return
	}
	micros, currency, problem, right := ingest.CostOf(w.Catalog, campaign, source, value, c.Values[dialect.Currency],
		c.PerMille)
	if problem != "" {
		r.fact("cost", own)
		r.note(fmt.Sprintf("The link's cost is not taken: %s; right would be %s.", shown(problem, 200), right))
		return
	}
	if _, dated := currency.Rate(now.UnixMilli()); !dated {
		r.fact("cost", own)
		r.note(fmt.Sprintf("No exchange rate of %s is in force: the link's cost is not taken.", currency.Code))
		return
	}
	r.fact("cost", string(money.Append(nil, micros))+" "+currency.Code)
}

// linkParams explains each parameter by reading it alone.
func (w *World) linkParams(r *Reading, d *dialect.Dialect, reader *dialect.Link, rawQuery []byte) {
	seen := map[dialect.Field]string{}
	for scan := reader.Scan(rawQuery); ; {
		key, raw, ok := scan.Next()
		if !ok {
			return
		}
		if len(r.Params) == maxParams {
			r.note(fmt.Sprintf("There are more than %d parameters; the others are not shown.", maxParams))
			return
		}
		p := Param{Name: string(query.Decode(nil, key)), Value: string(query.Decode(nil, raw))}
		if len(raw) == 0 {
			p.Note = "empty: as if it were not there"
			r.Params = append(r.Params, p)
			continue
		}
		var one dialect.Click
		reader.Read(&one, slices.Concat(key, []byte("="), raw), nil)
		f := dialect.Unknown
		for i, v := range one.Values {
			if v != nil {
				f = dialect.Field(i)
			}
		}
		before, taken := seen[f]
		switch {
		case one.IgnoredParams > 0:
			p.Note = "known to " + d.Name + ", and a click has no place for it: dropped"
		case f == dialect.Unknown:
			p.Note = fmt.Sprintf("dropped: no parameter of a %s link%s", d.Name, w.nearParam(p.Name, d))
		case taken:
			p.Note = fmt.Sprintf("dropped: %s stands before, as %s", f, before)
		case f == dialect.Campaign:
			p.Becomes = f.String()
			seen[f] = p.Name
		case one.Unfilled(f):
			p.Becomes, p.Note = f.String(), "a macro: the traffic source has to fill it in; a click that still has it is kept with an empty "+f.String()
			seen[f] = p.Name
		default:
			p.Becomes, p.Note = f.String(), w.valueNote(f, one.Values[f])
			seen[f] = p.Name
		}
		r.Params = append(r.Params, p)
	}
}

// valueNote says what happens to a value on the way.
func (w *World) valueNote(f dialect.Field, value []byte) string {
	limit := schemas.MaxSubBytes
	switch f {
	case dialect.Source, dialect.Cost, dialect.Currency:
		limit = schemas.MaxNameBytes
	case dialect.Keyword, dialect.Creative:
		limit = schemas.MaxKeywordBytes
	case dialect.ExternalID:
		limit = schemas.MaxExternalID
	}
	free := f == dialect.Keyword || f == dialect.Creative
	switch {
	case free && !query.IsText(value), !free && !query.IsName(value):
		return "cleaned: it has control characters, hidden ones or broken UTF-8"
	case len(value) > limit && (f == dialect.ExternalID || f >= dialect.Sub1):
		return fmt.Sprintf("dropped: it has %d bytes, at most %d are kept, and a part of an ID is another ID", len(value), limit)
	case len(value) > limit:
		return fmt.Sprintf("cut to %d of %d bytes", limit, len(value))
	case f == dialect.Source && w.Catalog.Source(value) == nil:
		return "not declared: kept as the source's name, without a number" + misuse.Near(string(value), w.sourceNames())
	}
	return ""
}

// nearParam suggests a parameter of the dialect.
func (w *World) nearParam(name string, d *dialect.Dialect) string {
	var names []string
	for _, n := range d.Link.Names {
		names = append(names, n.Name)
	}
	if hint := misuse.Near(name, names); hint != "" {
		return hint
	}
	return "; a source's link_params can give it a meaning"
}

func (r *Reading) fact(name, text string) { r.Facts = append(r.Facts, Fact{name, text}) }
func (r *Reading) note(text string)       { r.Notes = append(r.Notes, text) }

// trustReasons are those of a postback that does not prove itself.
var trustReasons = []schemas.RejectReason{
	schemas.RejectBadSignature, schemas.RejectStaleRequest, schemas.RejectBadToken, schemas.RejectIPNotAllowed,
}

// postback explains a postback. d is the dialect of its path, nil for one of ours.
func (w *World) postback(r *Reading, d *dialect.Dialect, named string, path, rawQuery []byte, now time.Time, proved bool) {
	r.Kind = KindPostback
	request := ingest.PostbackRequest{Path: path, Query: bytes.Clone(rawQuery), ReceiptID: "check", Arrived: now, IP: netip.IPv6Loopback(), Proved: proved}
	verdict := ingest.JudgePostback(w.Catalog, request, now)
	proof := ""
	if slices.Contains(trustReasons, verdict.Reason) {
		proof = verdict.Detail
		request.Proved, request.Query = true, bytes.Clone(rawQuery)
		verdict = ingest.JudgePostback(w.Catalog, request, now)
	}
	network := w.senderOf(d, named, rawQuery)
	reader := dialectReader(cmp.Or(d, &dialect.Native))
	if network != nil {
		reader = network.Postback
		r.fact("network", network.Name)
	}
	r.Dialect = reader.Dialect().Name
	w.postbackParams(r, reader, network, rawQuery)
	switch {
	case verdict.Postback != nil:
		p := verdict.Postback
		r.OK = true
		r.Verdict = fmt.Sprintf("taken: event %s, %s", p.Event, strings.ToLower(strings.TrimPrefix(p.Status.String(), "STATUS_")))
		switch {
		case p.HasPayout:
			r.Verdict += fmt.Sprintf(", payout %s %s", money.Append(nil, p.PayoutMicros), p.Currency)
			if p.PayoutMicros < 0 {
				r.Verdict += ", a correction that counts as no conversion"
			}
		default:
			r.Verdict += ", and the payout that the click's offer declares"
		}
		if p.Foreign {
			r.note("The click ID is another tracker's: it brings money only when a click with that very ID is found.")
		}
		if p.Campaign != "" && !proved {
			r.fact("click of", strings.TrimSpace(p.Campaign+" "+p.Source))
		}
	default:
		r.Reason = verdict.Reason
		r.Verdict = fmt.Sprintf("refused as %s: %s", verdict.Reason, verdict.Detail)
		if verdict.WouldBeRight != "" {
			r.Verdict += "; right would be " + verdict.WouldBeRight
		}
		if w.Keyless && verdict.Reason == schemas.RejectForgedClickID {
			r.note("No click ID key is known here, so no click ID can be checked: use the edge's configuration, or its data_dir.")
		}
		if verdict.Reason == schemas.RejectUnexpandedMacro {
			r.note("In a template this is right: the network fills in its macros.")
		}
	}
	if proof != "" {
		if r.OK {
			r.OK, r.Reason = false, schemas.RejectBadSignature
			r.Verdict = "would be " + r.Verdict + "; but it does not prove its network: " + proof
		} else {
			r.note("It does not prove its network either: " + proof + ".")
		}
	}
}

// senderOf finds the network as the edge does: by the path, the parameter, the dialect, or the default.
func (w *World) senderOf(d *dialect.Dialect, named string, rawQuery []byte) *catalog.Network {
	if named == "" {
		for scan := query.Scan(rawQuery); ; {
			key, raw, ok := scan.Next()
			if !ok {
				break
			}
			if value := query.Decode(nil, raw); string(query.Decode(nil, key)) == "network" && len(bytes.TrimSpace(value)) > 0 {
				named = string(bytes.TrimSpace(value))
				break
			}
		}
	}
	if named != "" {
		return w.Catalog.Network([]byte(named))
	}
	if d == nil {
		d = &dialect.Native
		if m, ok := w.Catalog.Router().Match([]byte("/postback"), rawQuery); ok && m.Kind == dialect.KindPostback && w.Catalog.Speaks(m.Dialect) {
			d = m.Dialect
		}
		if n := w.Catalog.NetworkOf(d); n != nil {
			return n
		}
		return w.Catalog.DefaultNetwork()
	}
	return w.Catalog.NetworkOf(d)
}

func dialectReader(d *dialect.Dialect) *dialect.Postback { return catalog.DialectPostback(d) }

func (w *World) postbackParams(r *Reading, reader *dialect.Postback, network *catalog.Network, rawQuery []byte) {
	signature := []string{"sig", "sig_key", "sig_ts", "sig_nonce"}
	seen := map[dialect.Param]string{}
	values := map[dialect.Param]string{}
	for scan := reader.Scan(rawQuery); ; {
		key, raw, ok := scan.Next()
		if !ok {
			return
		}
		if len(r.Params) == maxParams {
			r.note(fmt.Sprintf("There are more than %d parameters; the others are not shown.", maxParams))
			return
		}
		p := Param{Name: string(query.Decode(nil, key)), Value: string(query.Decode(nil, raw))}
		means := reader.Param([]byte(p.Name))
		if isSigned := network != nil && network.Trust.Signed(); !isSigned && (means == dialect.ClickID || means == dialect.TxID) {
			p.Value = string(query.DecodeID(nil, raw))
		}
		before, taken := seen[means]
		switch {
		case p.Name == "network":
			p.Becomes = "network"
			if network == nil {
				p.Note = "there is no network of that name" + misuse.Near(p.Value, w.networkNames())
			}
		case slices.Contains(signature, p.Name):
			p.Becomes = "signature"
		case strings.TrimSpace(p.Value) == "":
			p.Note = "empty: as if it were not there"
		case means == dialect.ParamIgnored:
			p.Note = "known to " + reader.Dialect().Name + ", and a postback has no place for it: dropped"
		case means == dialect.ParamUnknown:
			p.Note = fmt.Sprintf("dropped: no parameter of a %s postback%s", reader.Dialect().Name, nearPostbackParam(p.Name, reader.Dialect()))
		case taken && reader.SameValue(means, []byte(values[means]), []byte(p.Value)):
			p.Note = fmt.Sprintf("says what %s says as %s", before, means)
		case taken:
			p.Note = fmt.Sprintf("%s stands before, as %s, with another value", before, means)
		default:
			p.Becomes = means.String()
			seen[means], values[means] = p.Name, p.Value
			switch {
			case means == dialect.Token:
				p.Value = strings.Repeat("*", 8)
			case means == dialect.SaleAmount:
				p.Note = "what the customer paid: not booked as the payout; the network's params can say {" + p.Name + ": payout}"
			case query.IsMacro(raw, []byte(p.Value)):
				p.Note = "a macro: the network has to fill it in"
			}
		}
		r.Params = append(r.Params, p)
	}
}

func nearPostbackParam(name string, d *dialect.Dialect) string {
	var names []string
	for _, n := range d.Postback.Names {
		names = append(names, n.Name)
	}
	if hint := misuse.Near(name, names); hint != "" {
		return hint
	}
	return "; the network's params can give it a meaning"
}

// Err is the error of a URL that would not be taken, nil for one that would.
func (r *Reading) Err() error {
	if r.OK {
		return nil
	}
	return errors.New("the edge would not take it")
}
