package links

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/query"
	"tributary/cli/misuse"
	"tributary/schemas/id"
)

// World is the catalog, as it was declared and compiled.
type World struct {
	Config  catalog.Config
	Catalog *catalog.Catalog
	// Base is the address of the edge: https://t.example.
	Base string
	// Keyless: no click ID key is known.
	Keyless bool
}

// LinkRequest says which click link to build.
type LinkRequest struct {
	Campaign, Source string
	// Dialect of the link, native when it is empty.
	Dialect string
	// Traffic names the macros that are filled in; empty for those of the source's own name, where they are known.
	Traffic string
	// Values are macros or fixed texts by field, before Traffic's; an empty one leaves the field out.
	Values map[string]string
}

// A Built is what was built.
type Built struct {
	URL string `json:"url"`
	// Notes say what to know about it.
	Notes []string `json:"notes,omitempty"`
	// Reading is what the edge makes of it; of a template, once the network has filled it in.
	Reading *Reading `json:"reading,omitempty"`
}

// Link builds the click link of a campaign.
func (w *World) Link(r LinkRequest, now time.Time) (*Built, error) {
	campaign := w.campaign(r.Campaign)
	if campaign == nil {
		return nil, misuse.Errorf("there is no campaign %q%s; the campaigns are %s", r.Campaign, w.nearCampaign(r.Campaign), misuse.List(w.campaignNames()))
	}
	d := dialect.ByName(cmp.Or(r.Dialect, dialect.Native.Name))
	if d == nil || !d.HasLinks() {
		return nil, misuse.Errorf("--dialect %q has no click links%s; the dialects are %s", r.Dialect, misuse.Near(r.Dialect, linkDialects()), strings.Join(linkDialects(), ", "))
	}
	b := &Built{}
	values := map[dialect.Field]string{}
	source := cmp.Or(r.Source, campaign.Source)
	var params dialect.LinkParams
	if declared := w.source(source); declared != nil {
		params = declared.LinkParams
	} else if source != "" {
		b.Notes = append(b.Notes, fmt.Sprintf("The source %q is not declared%s: its clicks are kept under that name, with the campaign's currency.", source, misuse.Near(source, w.sourceNames())))
	}
	values[dialect.Source] = r.Source
	traffic, err := trafficOf(r.Traffic, source)
	if err != nil {
		return nil, err
	}
	if traffic != nil {
		for _, m := range traffic.Macros {
			f, _ := dialect.ParseField(m.Field)
			values[f] = m.Text
		}
		b.Notes = append(b.Notes, fmt.Sprintf("Macros of %s, from %s.", traffic.Name, traffic.Pages[0]))
	} else if source != "" {
		b.Notes = append(b.Notes, fmt.Sprintf("The macros of %s are not known: give them as --value external_id={click_id} --value cost={cost} …, or --traffic with one of %s.", source, strings.Join(TrafficNames(), ", ")))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		f, ok := dialect.ParseField(name)
		if !ok || f == dialect.Ignored {
			return nil, misuse.Errorf("--value %s: there is no field %q%s; the fields are %s", name, name, misuse.Near(name, fieldNames()), strings.Join(fieldNames(), ", "))
		}
		values[f] = r.Values[name]
	}
	if traffic != nil { // what the dialect has no name for is left out, unless the caller asked for it
		for f := range values {
			if _, asked := r.Values[f.String()]; !asked && f != dialect.Source && !canSay(d, f, params) {
				delete(values, f)
				b.Notes = append(b.Notes, fmt.Sprintf("A %s link has no parameter for %s, which is left out; name one in the source's link_params.", d.Name, f))
			}
		}
		slices.Sort(b.Notes[min(1, len(b.Notes)):])
	}
	if r.Source != "" && !canSay(d, dialect.Source, params) {
		if r.Source != campaign.Source {
			return nil, misuse.Errorf("a %s link has no parameter for the source; right would be one in the link_params of source %s, such as {src: source}, or source: %s for the campaign", d.Name, r.Source, r.Source)
		}
		delete(values, dialect.Source)
		b.Notes = append(b.Notes, fmt.Sprintf("A %s link has no parameter for the source: that of the campaign counts, which is %s.", d.Name, r.Source))
	}
	name := campaign.Name
	for _, alias := range campaign.Aliases {
		if d != &dialect.Native && fits(d, alias) && (name == campaign.Name || !fits(d, name)) {
			name = alias
		}
	}
	if !fits(d, name) {
		return nil, misuse.Errorf("campaign %s has no name that a %s link can have, such as %s; right would be what that tracker calls it, in the campaign's aliases", campaign.Name, d.Name, sampleCampaign(d))
	}
	if b.URL, err = dialect.BuildLink(d, dialect.LinkOptions{Base: w.Base, Campaign: name, Values: values, Params: params}); err != nil {
		return nil, misuse.Errorf("building a %s link: %v", d.Name, err)
	}
	if b.Reading, err = w.Check(b.URL, now); err != nil {
		return nil, err
	}
	if b.Reading.Kind != KindLink || b.Reading.Dialect != d.Name {
		return nil, misuse.Errorf("%s is not known for a link of %s, which has the parameters %s; right would be --source, where the source is one of them", b.URL, d.Name, strings.Join(d.Link.Paths[0].Has, ", "))
	}
	return b, nil
}

// fits tells whether a link of the dialect can name a campaign so.
func fits(d *dialect.Dialect, name string) bool {
	_, err := dialect.BuildLink(d, dialect.LinkOptions{Base: "https://t.example", Campaign: name})
	return err == nil
}

// canSay tells whether a link of the dialect has a parameter for a field.
func canSay(d *dialect.Dialect, f dialect.Field, params dialect.LinkParams) bool {
	_, err := dialect.BuildLink(d, dialect.LinkOptions{Base: "https://t.example", Campaign: sampleCampaign(d), Values: map[dialect.Field]string{f: "1"}, Params: params})
	return err == nil
}

// sampleCampaign is a name that fits every shape of the dialect's first path.
func sampleCampaign(d *dialect.Dialect) string {
	switch d.Link.Paths[0].Shape {
	case dialect.UUID:
		return "00000000-0000-4000-8000-000000000000"
	case dialect.Hex24:
		return "000000000000000000000000"
	}
	return "1"
}

func trafficOf(name, source string) (*Traffic, error) {
	if name == "" {
		return TrafficByName(source), nil
	}
	t := TrafficByName(name)
	if t == nil {
		return nil, misuse.Errorf("--traffic %q is not a known traffic source%s; they are %s", name, misuse.Near(name, TrafficNames()), strings.Join(TrafficNames(), ", "))
	}
	return t, nil
}

// TemplateRequest says which postback template to build.
type TemplateRequest struct {
	Network string
	// Sender is the dialect of the system that the network runs, which says how it writes its macros; empty when it is none known.
	Sender string
	// Macros are the network's own, by what they stand for, before Sender's.
	Macros map[string]string
	// OwnPath writes the dialect's own path instead of /postback/NETWORK.
	OwnPath bool
	// ShowToken writes the token itself, and not a word in its place.
	ShowToken bool
}

// tokenPlace stands in a template where the token belongs.
const tokenPlace = "YOUR_TOKEN"

// macroPlaces are what stands in a template where the network's macros belong, until they are known. The edge refuses a
// postback that still has one.
var macroPlaces = []dialect.Param{dialect.ClickID, dialect.Payout, dialect.TxID}

// Template builds the URL that a network is given to call.
func (w *World) Template(r TemplateRequest, now time.Time) (*Built, error) {
	network := w.network(r.Network)
	if network == nil {
		return nil, misuse.Errorf("there is no network %q%s; the networks are %s", r.Network, misuse.Near(r.Network, w.networkNames()), misuse.List(w.networkNames()))
	}
	d := dialect.ByName(cmp.Or(network.Dialect, dialect.Native.Name))
	o := dialect.PostbackOptions{Base: w.Base, Network: network.Name, Macros: map[dialect.Param]string{}, Params: maps.Clone(network.Params)}
	if r.OwnPath {
		o.Network = ""
	}
	b := &Built{}
	if r.Sender != "" {
		if o.Sender = dialect.ByName(r.Sender); o.Sender == nil {
			return nil, misuse.Errorf("--sender %q is not a known system%s; they are %s", r.Sender, misuse.Near(r.Sender, strings.Split(dialect.Names(), ", ")), dialect.Names())
		}
		b.Notes = append(b.Notes, "Macros as "+o.Sender.Name+" writes them: "+strings.Join(o.Sender.Pages[:min(1, len(o.Sender.Pages))], " "))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Macros)) {
		p, ok := dialect.ParseParam(name)
		if !ok || p == dialect.ParamIgnored || p == dialect.Token {
			return nil, misuse.Errorf("--macro %s: there is no part of a postback %q%s; the parts are %s", name, name, misuse.Near(name, macroNames()), strings.Join(macroNames(), ", "))
		}
		o.Macros[p] = r.Macros[name]
	}
	if o.Sender == nil && len(o.Macros) == 0 {
		for _, p := range macroPlaces {
			o.Macros[p] = "{" + p.String() + "}"
		}
		b.Notes = append(b.Notes, "Replace {click_id}, {payout} and {txid} by the network's own macros: the one for the parameter in which the offer's link passes the click ID, "+
			"and those for the payout and the transaction. --macro click_id={aff_sub} writes one, --sender all of a system that is known: "+dialect.Names()+".")
	}
	token := ""
	if names := slices.Sorted(maps.Keys(network.Trust.Tokens)); len(names) > 0 {
		token = tokenPlace
		if r.ShowToken {
			token = string(network.Trust.Tokens[names[0]])
		}
		parameter := tokenParameter(d, network.Trust.TokenParameter)
		if o.Params == nil {
			o.Params = map[string]string{}
		}
		o.Params[parameter] = dialect.Token.String()
		if o.Key = token; !r.OwnPath || !d.KeyInPath() {
			o.Macros[dialect.Token] = token
		}
		switch {
		case network.Trust.TokenHeader != "":
			b.Notes = append(b.Notes, fmt.Sprintf("The token may also come in the header %s instead of the parameter %s, which keeps it out of logs.", network.Trust.TokenHeader, parameter))
		case !r.ShowToken:
			b.Notes = append(b.Notes, fmt.Sprintf("Replace %s by one of the network's trust.tokens (%s); --show-token writes it.", tokenPlace, strings.Join(names, ", ")))
		}
	}
	if r.OwnPath && o.Key == "" && d.KeyInPath() {
		return nil, misuse.Errorf("a postback of %s has a secret in its path, and network %s declares none; right would be trust.tokens, or no --own-path", d.Name, network.Name)
	}
	var err error
	if b.URL, err = dialect.BuildPostbackTemplate(d, o); err != nil {
		if o.Sender == nil && o.Macros[dialect.ClickID] == "" {
			return nil, misuse.Errorf("%v; give it as --macro click_id={aff_sub}, or the system that the network runs as --sender", err)
		}
		return nil, misuse.Errorf("building a template in the dialect %s: %v", d.Name, err)
	}
	if network.Name != "" && r.OwnPath && w.Catalog.NetworkOf(d) != w.Catalog.Network([]byte(network.Name)) {
		b.Notes = append(b.Notes, "Several networks have this dialect: at its own path a postback is not known to be of "+network.Name+", so prefer the path /postback/"+network.Name+".")
	}
	if keys := slices.Sorted(maps.Keys(network.Trust.HMACKeys)); len(keys) > 0 {
		b.Notes = append(b.Notes, fmt.Sprintf("Each request must also be signed, which a template cannot do: sig_key=%s, sig_ts (Unix seconds), sig_nonce (8 to 64 characters, new each time), and as the last one sig, the HMAC-SHA256 in hexadecimal digits over the canonical query.", keys[0]))
	}
	if len(network.Trust.Allow) > 0 {
		b.Notes = append(b.Notes, "It is taken only from "+strings.Join(network.Trust.Allow, ", ")+".")
	}
	if network.Name != "" && len(network.Trust.Tokens)+len(network.Trust.HMACKeys)+len(network.Trust.Allow) == 0 {
		b.Notes = append(b.Notes, "Network "+network.Name+" asks for no proof: whoever has seen a click ID, as every visitor has, can send this too. "+
			"Declare trust.tokens (what `openssl rand -hex 16` prints) or trust.allow for it, and give the network the URL that this command then writes.")
	}
	return b, w.filledIn(b, w.Catalog.Network([]byte(network.Name)), o.Sender, now)
}

// filledIn reads the template as a postback with plausible values, and keeps the macros in what it says of each parameter.
func (w *World) filledIn(b *Built, network *catalog.Network, sender *dialect.Dialect, now time.Time) (err error) {
	var campaign uint32
	if len(w.Config.Campaigns) > 0 {
		campaign = uint32(w.Config.Campaigns[0].ID)
	}
	values := map[dialect.Param]string{
		dialect.ClickID: id.NewMinter().Click(w.Catalog.Keyring(), now.UnixMilli(), campaign, 0).String(), dialect.Event: "sale", dialect.Status: "approved",
		dialect.Payout: "12.50", dialect.PayoutCurrency: network.Currency.Code, dialect.TxID: "T1", dialect.Timestamp: strconv.FormatInt(now.Unix(), 10),
	}
	path, rawQuery, err := split(b.URL)
	if err != nil {
		return err
	}
	var filled []string
	macros := map[string]string{}
	for scan := query.Scan(rawQuery); ; {
		key, raw, ok := scan.Next()
		if !ok {
			break
		}
		means := network.Postback.Param(query.Decode(nil, key))
		value, sample := values[means]
		if !sample {
			filled = append(filled, string(key)+"="+string(raw))
			continue
		}
		macros[string(query.Decode(nil, key))] = string(query.Decode(nil, raw))
		filled = append(filled, string(key)+"="+value)
		if means == dialect.Status && sender != nil {
			w.statusNote(b, network, string(key), sender)
		}
	}
	if b.Reading, err = w.check(string(path)+"?"+strings.Join(filled, "&"), now, true); err != nil {
		return err
	}
	if b.Reading.Kind != KindPostback {
		return misuse.Errorf("%s is not known for a postback of %s; a token in a path has letters, digits, _ and - only, and without --own-path it may have any", b.URL, network.Postback.Dialect().Name)
	}
	b.Reading.URL = b.URL
	for i := range b.Reading.Params {
		if p := &b.Reading.Params[i]; macros[p.Name] != "" {
			p.Value = macros[p.Name]
		}
	}
	return nil
}

// statusNote names the status words of the sender's system that would be refused.
func (w *World) statusNote(b *Built, network *catalog.Network, parameter string, sender *dialect.Dialect) {
	var unknown []string
	for _, word := range sender.Postback.Words {
		reading := &dialect.Reading{}
		network.Postback.ReadQuery(reading, []byte(parameter+"="+url.QueryEscape(word.Word)))
		if _, problem := network.Postback.Interpret(reading); problem != nil {
			unknown = append(unknown, word.Word)
		}
	}
	if len(unknown) > 0 {
		b.Notes = append(b.Notes, fmt.Sprintf("Status words of %s that network %s does not know: %s; declare them in its statuses, else such a postback is refused.", sender.Name, network.Name, strings.Join(unknown, ", ")))
	}
}

// tokenParameter is where a network's postback carries its token.
func tokenParameter(d *dialect.Dialect, declared string) string {
	if declared != "" {
		return declared
	}
	for _, n := range d.Postback.Names {
		if n.Param == dialect.Token {
			return n.Name
		}
	}
	return dialect.Token.String()
}
