package dialect

import (
	"maps"
	"slices"
	"strings"
	"testing"

	parameters "tributary/catalog/query"
)

// split cuts a URL as the edge gets it: path and query, both encoded.
func split(t testing.TB, link string) (path, query []byte) {
	t.Helper()
	_, rest, ok := strings.Cut(link, "://")
	if !ok {
		t.Fatalf("%s has no scheme", link)
	}
	i := strings.IndexByte(rest, '/')
	p, q, _ := strings.Cut(rest[i:], "?")
	return []byte(p), []byte(q)
}

func everyRouter(t testing.TB) *Router {
	t.Helper()
	var links, postbacks []*Dialect
	for _, d := range All {
		if d.HasLinks() {
			links = append(links, d)
		}
		if d.HasPostbacks() {
			postbacks = append(postbacks, d)
		}
	}
	r, err := NewRouter(links, postbacks)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readLink answers the fields that a link names, an unfilled one as "!".
func readLink(t testing.TB, l *Link, query []byte) (map[string]string, *Click) {
	t.Helper()
	c := &Click{}
	l.Read(c, query, nil)
	got := map[string]string{}
	for f := range c.Values {
		switch {
		case c.Unfilled(Field(f)):
			got[Field(f).String()] = "!"
		case len(c.Values[f]) > 0:
			got[Field(f).String()] = string(c.Values[f])
		}
	}
	delete(got, "campaign") // the router's
	return got, c
}

// Links as the public documentation of each system shows them, and the same with values in place of the macros.
var documentedLinks = []struct {
	dialect  *Dialect
	source   string
	url      string
	params   LinkParams
	campaign string
	want     map[string]string
}{
	{&Native, "docs/links.md", "https://t.example/c/shoes?source=push&sub1=a&cost=0.02&external_id=x", nil, "shoes",
		map[string]string{"source": "push", "sub1": "a", "cost": "0.02", "external_id": "x"}},

	{&Keitaro, "https://docs.keitaro.io/ru/campaigns-and-streams/campaign-url.html",
		"https://example.com/8JdJ4D?keyword={keyword}&external_id={click_id}&creative_id={creative_id}&ad_campaign_id={campaign_id}&source={domain_id}", nil, "8JdJ4D",
		map[string]string{"keyword": "!", "external_id": "!", "creative": "!", "sub20": "!", "source": "!"}},
	{&Keitaro, "https://docs.keitaro.io/ru/campaigns-and-streams/campaign-url.html",
		"https://example.com/8JdJ4D?keyword=red+shoes&external_id=c1&creative_id=77&ad_campaign_id=42&source=site.example", nil, "8JdJ4D",
		map[string]string{"keyword": "red shoes", "external_id": "c1", "creative": "77", "sub20": "42", "source": "site.example"}},
	{&Keitaro, "https://docs.keitaro.io/en/campaigns-and-streams/creating-campaign.html", "https://example.com/cloudservers", nil, "cloudservers", map[string]string{}},
	{&Keitaro, "http://help.keitarotds.com/campaigns", "http://domain.com/cmpx?cost=100&currency=usd", nil, "cmpx", map[string]string{"cost": "100", "currency": "usd"}},
	{&Keitaro, "https://docs.keitaro.io/en/campaigns-and-streams/campaign-parameters.html", "https://example.com/a?sub_id_1=x&sub_id_20=y&sub_id_21=z&sub_id_30=z", nil, "a",
		map[string]string{"sub1": "x", "sub20": "y"}},

	{&Voluum, "customary: a PropellerAds campaign's URL in a public stand-in for Voluum's API",
		"http://zx1jg.voluumtrk.com/fcb78739-e306-466a-86a5-792481e1cf48?bannerid={bannerid}&campaignid={campaignid}&zoneid={zoneid}",
		LinkParams{"bannerid": "creative", "zoneid": "sub2"}, "fcb78739-e306-466a-86a5-792481e1cf48", map[string]string{"creative": "!", "sub2": "!"}},
	{&Voluum, "customary: tests of a public client of Voluum's API", "http://auayi.voluumtrk.com/voluum/6601c945-2601-4e23-8a79-d7e35f859f43", nil,
		"6601c945-2601-4e23-8a79-d7e35f859f43", map[string]string{}},
	{&Voluum, "https://doc.voluum.com/en/passing_information_from_traffic_source.html",
		"https://track.example/0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90?creative_id={creative_id}&var2=a", LinkParams{"creative_id": "sub1"}, "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90",
		map[string]string{"sub1": "!", "sub2": "a"}},
	{&Voluum, "https://doc.voluum.com/en/passing_information_from_traffic_source.html",
		"https://track.example/0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90?creative_id=7&cost=0.5&externalid=e1", LinkParams{"creative_id": "sub1"}, "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90",
		map[string]string{"sub1": "7", "cost": "0.5", "external_id": "e1"}},

	{&Binom, "https://docs.binom.org/update-costs.php", "http://tracker.com/click.php?camp_id=10&key=676zlthzbiagiyetab8v&bid=[BID]", nil, "676zlthzbiagiyetab8v",
		map[string]string{"cost": "!"}},
	{&Binom, "https://docs.binom.org/update-costs.php", "http://tracker.com/click.php?camp_id=10&key=676zlthzbiagiyetab8v&bid=0.0031", nil, "676zlthzbiagiyetab8v",
		map[string]string{"cost": "0.0031"}},
	{&Binom, "Binom's quick start as a public tutorial quotes it", "http://tracker.com/click.php?camp_id=1&key=28z6qx4x2rupso00l06h&age={age}&sex={sex}&ad={ad}&acc={acc}",
		LinkParams{"age": "sub1", "sex": "sub2", "ad": "creative", "acc": "source"}, "28z6qx4x2rupso00l06h",
		map[string]string{"sub1": "!", "sub2": "!", "creative": "!", "source": "!"}},
	{&Binom, "https://docs.binom.org/create-source-v2.php", "http://tracker.com/click?key=k1&t1=a&t20=b&t30=c", nil, "k1", map[string]string{"sub1": "a", "sub20": "b"}},

	{&RedTrack, "https://pastebin.com/Rs3QxTNy",
		"https://rdtrck2.com/5dad7416a0e11e000128870e?sub1={target}&sub2={keyword}&sub3={traffic_type}&sub4={match}&sub5={cid}", nil, "5dad7416a0e11e000128870e",
		map[string]string{"sub1": "!", "sub2": "!", "sub3": "!", "sub4": "!", "sub5": "!"}},
	{&RedTrack, "https://pastebin.com/Rs3QxTNy", "https://rdtrck2.com/5dad7416a0e11e000128870e?sub1=t&sub10=u&cost=0.01&ref_id=r", nil, "5dad7416a0e11e000128870e",
		map[string]string{"sub1": "t", "sub10": "u", "cost": "0.01", "external_id": "r"}},

	{&BeMob, "https://docs.bemob.com/en/postback-settings-of-traffic-source for visitor_id=${SUBID}; the path is customary", "https://8oaj3.bemobtrk.com/go/fc973a20-e5c1-44d5-8943-2e0a7b0be551?visitor_id=${SUBID}&sub1=direct", nil,
		"fc973a20-e5c1-44d5-8943-2e0a7b0be551", map[string]string{"external_id": "!", "sub1": "direct"}},
	{&BeMob, "https://docs.bemob.com/en/cost-models; the path is customary", "https://12xyz.bmtrck.com/go/fc973a20-e5c1-44d5-8943-2e0a7b0be551?zone=9&cost=1.25&visitor_id=v1", LinkParams{"zone": "sub1"},
		"fc973a20-e5c1-44d5-8943-2e0a7b0be551", map[string]string{"external_id": "v1", "sub1": "9", "cost": "1.25"}},

	{&FunnelFlux, "https://help.funnelflux.pro/en/article/how-tracking-and-tokens-work-17kwwy1/",
		"https://track.example.com/fts/2nIemJxCKbFX-2n5JuOKWLTzd?campaign=[campaign]&external=[clickid]&c1=[country]&c2=[zone]", nil, "2nIemJxCKbFX-2n5JuOKWLTzd",
		map[string]string{"sub20": "!", "external_id": "!", "sub1": "!", "sub2": "!"}},
	{&FunnelFlux, "https://help.funnelflux.pro/en/article/how-tracking-and-tokens-work-17kwwy1/",
		"https://track.example.com/fts/2nIemJxCKbFX-2n5JuOKWLTzd?campaign=camp_123&external=click_789&c1=US&c2=zone_456", nil, "2nIemJxCKbFX-2n5JuOKWLTzd",
		map[string]string{"sub20": "camp_123", "external_id": "click_789", "sub1": "US", "sub2": "zone_456"}},
	{&FunnelFlux, "https://help.funnelflux.pro/en/article/tracking-incoming-cpm-costs-1lm26yx/", "https://track.example.com/fts/a-b?c=cpm_12.34", nil, "a-b",
		map[string]string{"cost": "12.34"}},
	{&FunnelFlux, "https://help.funnelflux.pro/en/article/tracking-incoming-cpm-costs-1lm26yx/", "https://track.example.com/fts/a-b?c=cpm_{cost}", nil, "a-b",
		map[string]string{"cost": "!"}},

	{&TUNE, "https://support.tune.com/hc/en-us/articles/1500005236422-Generating-Tracking-Links", "http://demo.go2cloud.org/aff_c?offer_id=1001&aff_id=2002", nil, "1001",
		map[string]string{"source": "2002"}},
	{&TUNE, "https://support.tune.com/hc/en-us/articles/1500008248741-Passing-Values-to-a-Partner-Conversion-URL",
		"http://demo.go2cloud.org/aff_c?offer_id=1001&aff_id=2002&aff_click_id=AFFSESSIONID", nil, "1001", map[string]string{"source": "2002", "external_id": "!"}},
	{&TUNE, "https://support.tune.com/hc/en-us/articles/1500005236722-Customizing-a-Partner-Tracking-Link",
		"http://demo.go2cloud.org/aff_c?offer_id=1001&aff_id=2002&source=awesomepub&aff_sub=109581A&aff_sub5=e&google_aid=g", nil, "1001",
		map[string]string{"source": "2002", "sub6": "awesomepub", "sub1": "109581A", "sub5": "e"}},

	{&Prosper202, "http://www.letsgettracking.com/this/understanding-tracking-links/",
		"http://mytracking.com/tracking202/redirect/dl.php?t202id=12345&c1={gender}&c2={age}&c3={state}&t202kw=AD1", nil, "12345",
		map[string]string{"sub1": "!", "sub2": "!", "sub3": "!", "keyword": "AD1"}},
	{&Prosper202, "https://github.com/tracking202/prosper202/blob/master/tracking202/redirect/dl.php",
		"http://mytracking.com/tracking202/redirect/dl.php?t202id=12345&t202b=$0.35&C1=m&c4=%5B%5Bx%5D%5D&gclid=G", nil, "12345",
		map[string]string{"cost": "0.35", "sub1": "m", "sub4": "!", "external_id": "G"}},

	{&Affise, "https://help-center.affise.com/en/articles/6838705-affise-affise", "http://rocketcompany.g2afse.com/click?pid={pid}&offer_id={offer_id}&sub1={clickid}", nil, "{offer_id}",
		map[string]string{"source": "!", "sub1": "!"}},
	{&Affise, "https://affise.zendesk.com/hc/en-us/articles/115002634845-Affise-Affise", "http://domain.go2affise.com/click?pid=5&offer_id=6&sub1=c1&sub8=z&sub30=q", nil, "6",
		map[string]string{"source": "5", "sub1": "c1", "sub8": "z"}},
}

func TestDocumentedLinks(t *testing.T) {
	router := everyRouter(t)
	seen := map[*Dialect]bool{}
	for _, c := range documentedLinks {
		path, query := split(t, c.url)
		m, ok := router.Match(path, query)
		if !ok || m.Dialect != c.dialect || m.Kind != KindLink || string(m.AppendCampaign(nil)) != c.campaign {
			name := "none"
			if ok {
				name = m.Dialect.Name
			}
			t.Errorf("%s is matched as %s link %v %q, want %s %q (%s)", c.url, name, m.Kind == KindLink, m.Campaign, c.dialect.Name, c.campaign, c.source)
			continue
		}
		l, err := NewLink(c.dialect, c.params)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := readLink(t, l, query); !maps.Equal(got, c.want) {
			t.Errorf("%s reads as %v, want %v (%s)", c.url, got, c.want, c.source)
		}
		seen[c.dialect] = true
	}
	for _, d := range All {
		if d.HasLinks() && !seen[d] {
			t.Errorf("no documented link of %s is tested", d.Name)
		}
	}
}

// What is built is the documentation's own link, word for word.
func TestBuildDocumentedLinks(t *testing.T) {
	for _, c := range []struct {
		dialect *Dialect
		options LinkOptions
		want    string
	}{
		{&Native, LinkOptions{Base: "https://t.example/", Campaign: "shoes", Values: map[Field]string{Source: "push", Cost: "{cost}", Sub(2): "a b&c"}},
			"https://t.example/c/shoes?source=push&cost={cost}&sub2=a+b%26c"},
		{&Keitaro, LinkOptions{Base: "https://example.com", Campaign: "8JdJ4D", Values: map[Field]string{Keyword: "{keyword}", ExternalID: "{click_id}", Source: "{domain_id}"}},
			"https://example.com/8JdJ4D?source={domain_id}&external_id={click_id}&keyword={keyword}"},
		{&Voluum, LinkOptions{Base: "https://v.example", Campaign: "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90", Params: LinkParams{"zone": "sub1"},
			Values: map[Field]string{Sub(1): "${ZONE}"}}, "https://v.example/0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90?zone=${ZONE}"},
		{&Binom, LinkOptions{Base: "http://tracker.com", Campaign: "676zlthzbiagiyetab8v", Values: map[Field]string{Cost: "[BID]"}},
			"http://tracker.com/click.php?key=676zlthzbiagiyetab8v&bid=[BID]"},
		{&RedTrack, LinkOptions{Base: "https://rdtrck2.com", Campaign: "5dad7416a0e11e000128870e", Values: map[Field]string{Sub(1): "{target}", Sub(2): "{keyword}"}},
			"https://rdtrck2.com/5dad7416a0e11e000128870e?sub1={target}&sub2={keyword}"},
		{&BeMob, LinkOptions{Base: "https://b.example", Campaign: "fc973a20-e5c1-44d5-8943-2e0a7b0be551", Values: map[Field]string{ExternalID: "##ID##"}},
			"https://b.example/go/fc973a20-e5c1-44d5-8943-2e0a7b0be551?external_id=##ID##"},
		{&FunnelFlux, LinkOptions{Base: "https://track.example.com", Campaign: "2nIemJxCKbFX-2n5JuOKWLTzd", Values: map[Field]string{ExternalID: "[clickid]", Sub(1): "[country]", Sub(2): "[zone]"}},
			"https://track.example.com/fts/2nIemJxCKbFX-2n5JuOKWLTzd?external=[clickid]&c1=[country]&c2=[zone]"},
		{&TUNE, LinkOptions{Base: "http://demo.go2cloud.org", Campaign: "1001", Values: map[Field]string{Source: "2002"}},
			"http://demo.go2cloud.org/aff_c?offer_id=1001&aff_id=2002"},
		{&Prosper202, LinkOptions{Base: "http://mytracking.com", Campaign: "12345", Values: map[Field]string{Keyword: "AD1", Sub(1): "{gender}"}},
			"http://mytracking.com/tracking202/redirect/dl.php?t202id=12345&t202kw=AD1&c1={gender}"},
	} {
		got, err := BuildLink(c.dialect, c.options)
		if err != nil || got != c.want {
			t.Errorf("a link of %s is %q, %v; want %q", c.dialect.Name, got, err, c.want)
		}
	}
}

// A link that is built is read back as what it was built of.
func TestBuiltLinksReadBack(t *testing.T) {
	router := everyRouter(t)
	for _, d := range All {
		if !d.HasLinks() {
			continue
		}
		campaign := map[Shape]string{Segment: "camp1", UUID: "0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90", Hex24: "5dad7416a0e11e000128870e"}[d.Link.Paths[0].Shape]
		values, want := map[Field]string{}, map[string]string{}
		for f := Source; int(f) < Fields; f++ {
			if linkNameOf(d, f, nil) != "" {
				values[f] = "v/" + f.String() + " +%&=?ä"
				want[f.String()] = values[f]
			}
		}
		link, err := BuildLink(d, LinkOptions{Base: "https://t.example", Campaign: campaign, Values: values})
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
			continue
		}
		path, query := split(t, link)
		m, ok := router.Match(path, query)
		if !ok || string(m.AppendCampaign(nil)) != campaign {
			t.Errorf("%s: %s is not matched", d.Name, link)
			continue
		}
		l, err := NewLink(d, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := readLink(t, l, query); !maps.Equal(got, want) {
			t.Errorf("%s reads %s back as %v, want %v", d.Name, link, got, want)
		}
	}
}

func TestBuildLinkRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		dialect *Dialect
		options LinkOptions
		want    string
	}{
		"no base":         {&Keitaro, LinkOptions{Campaign: "a"}, "not an address"},
		"base with query": {&Keitaro, LinkOptions{Base: "https://t.example?x=1", Campaign: "a"}, "not an address"},
		"no campaign":     {&Keitaro, LinkOptions{Base: "https://t.example"}, "names a campaign"},
		"walks":           {&Keitaro, LinkOptions{Base: "https://t.example", Campaign: "../x"}, "not a campaign as keitaro"},
		"no uuid":         {&Voluum, LinkOptions{Base: "https://t.example", Campaign: "shoes"}, "a UUID"},
		"no parameter":    {&TUNE, LinkOptions{Base: "https://t.example", Campaign: "1", Values: map[Field]string{Cost: "1"}}, "no parameter for cost"},
		"no links":        {&Everflow, LinkOptions{Base: "https://t.example", Campaign: "1"}, "has no click links"},
		"bad params":      {&Binom, LinkOptions{Base: "https://t.example", Campaign: "1", Params: LinkParams{"a": "b"}}, "a: b is not a part of a click"},
		"too long":        {&Keitaro, LinkOptions{Base: "https://t.example", Campaign: "1", Values: map[Field]string{Keyword: strings.Repeat("x", 9000)}}, "at most 8192"},
	} {
		if _, err := BuildLink(c.dialect, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestReadLink(t *testing.T) {
	l, err := NewLink(&Keitaro, LinkParams{"zone": "sub5", "sub_id_1": "ignored"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		query string
		want  map[string]string
	}{
		{"", map[string]string{}},
		{"&&=&=x&keyword", map[string]string{}},
		{"keyword=&utm_term=b&keyword=c", map[string]string{"keyword": "b"}},
		{"key%77ord=a", map[string]string{"keyword": "a"}},
		{"sub_id_1=a&zone=b&sub_id_0=c&sub_id_31=d", map[string]string{"sub5": "b"}},
		{"cost=%7Bcost%7D&cost=1", map[string]string{"cost": "!"}},
		{"cost=%257Bcost%257D", map[string]string{"cost": "!"}},
		{"cost=[cpc]", map[string]string{"cost": "!"}},
		{"keyword=[red+shoes]&sub_id_2=[x]", map[string]string{"keyword": "[red shoes]", "sub2": "[x]"}},
		{"external_id=%3Cid%3E&source=!src!", map[string]string{"external_id": "!", "source": "!"}},
		{"cost=%00%ff", map[string]string{"cost": "\x00\xff"}},
	} {
		if got, _ := readLink(t, l, []byte(c.query)); !maps.Equal(got, c.want) {
			t.Errorf("%q reads as %q, want %q", c.query, got, c.want)
		}
	}
	_, c := readLink(t, l, []byte("sub_id_1=a&charset=b&x=c&cost={c}"))
	if c.IgnoredParams != 2 || c.UnknownParams != 1 || !c.AnyUnfilled() || c.Values[Cost] == nil {
		t.Errorf("%d ignored, %d unknown, unfilled %v", c.IgnoredParams, c.UnknownParams, c.AnyUnfilled())
	}
	f, err := NewLink(&FunnelFlux, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, c = readLink(t, f, []byte("c=cpm_12.34")); !c.PerMille {
		t.Error("cpm_ is not taken for a price of a thousand")
	}
	if _, c = readLink(t, f, []byte("c=12.34")); c.PerMille {
		t.Error("a plain cost is taken for a price of a thousand")
	}
}

func TestTablesAreSound(t *testing.T) {
	for _, d := range All {
		if ByName(d.Name) != d || !strings.Contains(Names(), d.Name) {
			t.Errorf("%s is not found by its name", d.Name)
		}
		if d != &Native && len(d.Pages) == 0 {
			t.Errorf("%s names no page that its tables come from", d.Name)
		}
		names := map[string]bool{}
		for _, n := range d.Link.Names {
			if names[n.Name] {
				t.Errorf("%s: the link's parameter %s is there twice", d.Name, n.Name)
			}
			names[n.Name] = true
		}
		clear(names)
		hasClickID := false
		for _, n := range d.Postback.Names {
			if names[n.Name] {
				t.Errorf("%s: the postback's parameter %s is there twice", d.Name, n.Name)
			}
			names[n.Name] = true
			hasClickID = hasClickID || n.Param == ClickID
		}
		if d.HasPostbacks() && (!hasClickID || d.Postback.Default == 0) {
			t.Errorf("%s: a postback has no click ID or no default status", d.Name)
		}
		for _, w := range d.Postback.Words {
			if w.Word != strings.ToLower(w.Word) || w.Status == 0 {
				t.Errorf("%s: the status word %q is not lower case or means nothing", d.Name, w.Word)
			}
		}
		for _, p := range slices.Concat(d.Link.Paths, d.Postback.Paths) {
			if !strings.HasPrefix(p.Pattern, "/") || strings.Count(p.Pattern, "{") > 1 || len(p.Pattern) > 1 && strings.HasSuffix(p.Pattern, "/") {
				t.Errorf("%s: %s is no pattern", d.Name, p.Pattern)
			}
		}
	}
	if ByName("nobody") != nil {
		t.Error("an unknown dialect is found")
	}
	for f := Ignored; int(f) < Fields; f++ {
		if got, ok := ParseField(f.String()); f != Campaign && (!ok || got != f) {
			t.Errorf("field %s is read back as %s", f, got)
		}
	}
}

func TestReadingLinksDoesNotAllocate(t *testing.T) {
	router := everyRouter(t)
	c := &Click{}
	text := make([]byte, 0, 1024)
	for _, d := range documentedLinks {
		l, err := NewLink(d.dialect, d.params)
		if err != nil {
			t.Fatal(err)
		}
		path, query := split(t, d.url)
		if n := testing.AllocsPerRun(50, func() {
			if _, ok := router.Match(path, query); !ok {
				t.Fatal("no match")
			}
			l.Read(c, query, text[:0])
		}); n != 0 {
			t.Errorf("%s makes %v allocations", d.url, n)
		}
	}
}

func BenchmarkLink(b *testing.B) {
	router := everyRouter(b)
	l, err := NewLink(&Keitaro, nil)
	if err != nil {
		b.Fatal(err)
	}
	path := []byte("/8JdJ4D")
	query := []byte("keyword=red+shoes&external_id=c1&creative_id=77&ad_campaign_id=42&source=site.example&cost=0.02&currency=usd&sub_id_1=a&sub_id_2=%7Bzone%7D")
	c := &Click{}
	text := make([]byte, 0, 1024)
	b.Run("match", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			router.Match(path, query)
		}
	})
	// What any reader of the query has to do.
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for scan := parameters.Scan(query); ; {
				_, value, ok := scan.Next()
				if !ok {
					break
				}
				parameters.IsMacro(value, parameters.Decode(text[:0], value))
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Read(c, query, text[:0])
		}
	})
}
