package dialect

import (
	"encoding/json"
	"strings"
	"testing"

	"tributary/schemas"
	"tributary/schemas/events"
)

const registered = events.Status_STATUS_REGISTERED

// said is what a postback says, as text.
type said struct {
	clickID, event, payout, currency, txid, token, sale string
	status                                              events.Status
}

func of(v Verdict) said {
	return said{string(v.ClickID), v.Event, string(v.Payout), string(v.Currency), string(v.TxID), string(v.Token), string(v.SaleAmount), v.Status}
}

func readPostback(t testing.TB, d *Dialect, custom Custom, query string) (*Postback, *Reading, Verdict, *Problem) {
	t.Helper()
	p, err := NewPostback(d, custom)
	if err != nil {
		t.Fatal(err)
	}
	r := &Reading{}
	p.ReadQuery(r, []byte(query))
	v, problem := p.Interpret(r)
	return p, r, v, problem
}

// Postbacks as the public documentation of each system shows them, macros included, and with values in their place.
var documentedPostbacks = []struct {
	dialect *Dialect
	source  string
	url     string
	custom  Custom
	want    said
	// reason is why it is refused, param where.
	reason schemas.RejectReason
	param  Param
}{
	{&Native, "docs/links.md", "https://t.example/postback?click_id=abc&status=approved&payout=12.50&currency=EUR&txid=t1&event=FTD", Custom{},
		said{clickID: "abc", event: "ftd", payout: "12.50", currency: "EUR", txid: "t1", status: approved}, "", 0},

	{&Keitaro, "https://docs.keitaro.io/en/conversions/postback.html", "https://example.com/key/postback?subid=s&status=lead&payout=10&currency=EUR", Custom{},
		said{clickID: "s", payout: "10", currency: "EUR", status: pending}, "", 0},
	{&Keitaro, "https://docs.keitaro.io/en/conversions/postback.html (default sale)", "https://example.com/key/postback?subid=s&revenue=7&tid=2", Custom{},
		said{clickID: "s", payout: "7", txid: "2", status: approved}, "", 0},
	{&Keitaro, "https://docs.keitaro.io/en/conversions/postback.html (transformations)",
		"https://example.com/key/postback?subid=s&status=reg&lead_status=reg,topup&sale_status=billed&rejected=canceled,fake", Custom{}, said{clickID: "s", status: pending}, "", 0},
	{&Keitaro, "https://docs.keitaro.io/en/conversions/postback.html (transformations)",
		"https://example.com/key/postback?subid=s&status=billed&lead_status=reg,topup&sale_status=billed&rejected=canceled,fake", Custom{}, said{clickID: "s", status: approved}, "", 0},
	{&Keitaro, "https://docs.keitaro.io/en/conversions/postback.html (transformations)",
		"https://example.com/key/postback?subid=s&status=fake&lead_status=reg,topup&sale_status=billed&rejected=canceled,fake", Custom{}, said{clickID: "s", status: rejected}, "", 0},
	{&Keitaro, "https://docs.keitaro.io/en/conversions/postback.html (rebill)", "https://example.com/key/postback?subid=s&status=rebill&tid=2&payout=3", Custom{},
		said{clickID: "s", payout: "3", txid: "2", status: approved}, "", 0},
	{&Keitaro, "https://docs.keitaro.io/en/conversions/postback.html (ignore_status)", "https://example.com/key/postback?subid=s&status=ping&ignore_status=ping,test", Custom{},
		said{}, schemas.RejectIgnoredStatus, Status},
	{&Keitaro, "https://pastebin.com/r4j3f1UA (log of a live tracker)",
		"http://5.187.4.23/e89bcbe/postback?subid=51ts6sgr1cbkdhljnrv&payout=21.0&status=lead&tid=52949935&from=adcombo.com&lead_status=hold&sale_status=lead&rejected_status=reject,trash,cancelled",
		Custom{}, said{clickID: "51ts6sgr1cbkdhljnrv", payout: "21.0", txid: "52949935", status: approved}, "", 0},
	{&Keitaro, "https://pastebin.com/r4j3f1UA (log of a live tracker)",
		"http://5.187.4.23/e89bcbe/postback?subid=%7Bsubacc4%7D&payout=%7Brevenue%7D&status=%7Bstatus%7D&tid=%7Btrans_id%7D&from=adcombo.com&lead_status=hold&sale_status=lead&rejected_status=reject",
		Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&Keitaro, "https://pastebin.com/r4j3f1UA (log of a live tracker)",
		"http://5.187.4.23/e89bcbe/postback?subid=51ts6sgr1cbkdhljnrv&status=confirmed&lead_status=hold&sale_status=lead", Custom{}, said{}, schemas.RejectUnknownStatus, Status},
	{&Keitaro, "http://v7.help-legacy.keitaro.io/en/postbacks", "http://example.com/86258df/postback?sub_id=m&sub_id_1=s&status=approved&sale_status=approved&payout=5&currency=rub", Custom{},
		said{clickID: "m", payout: "5", currency: "rub", status: approved}, "", 0},

	{&Voluum, "https://doc.voluum.com/en/upselling.html", "http://your_Voluum_domain.com/postback?cid=c384EFV6JHQODRN70575OK6UG5&payout=10.00&txid=120", Custom{},
		said{clickID: "c384EFV6JHQODRN70575OK6UG5", payout: "10.00", txid: "120", status: approved}, "", 0},
	{&Voluum, "https://doc.voluum.com/en/upselling.html", "http://your_Voluum_domain.com/postback?cid=c384EFV6JHQODRN70575OK6UG5&payout=0.00&txid=NEWSLETTER", Custom{},
		said{clickID: "c384EFV6JHQODRN70575OK6UG5", payout: "0.00", txid: "NEWSLETTER", status: approved}, "", 0},
	{&Voluum, "https://doc.voluum.com/en/tracking_offers_custom_conversions.html",
		"http://your_Voluum_domain.com/postback?cid=[subid]&payout=[commission]&txid=[transactionID]&et=install", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&Voluum, "https://doc.voluum.com/en/tracking_offers_custom_conversions.html", "http://your_Voluum_domain.com/postback?cid=a&payout=1&txid=b&et=Install", Custom{},
		said{clickID: "a", event: "install", payout: "1", txid: "b", status: approved}, "", 0},
	{&Voluum, "https://doc.voluum.com/en/tracking_conversions_postback.html",
		"https://track.radantus.com/postback?cid={}&payout={}&txid={}&currency={}&et={}&param1={}", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&Voluum, "https://doc.voluum.com/en/tracking_conversions_postback.html", "https://track.radantus.com/postback?cid=a&payout={}&et={}", Custom{}, said{}, schemas.RejectUnexpandedMacro, Payout},
	{&Voluum, "https://pastebin.com/VHj5ZKAW", "http://track.rimrket.com/postback?cid=abc&payout=3&txid=t&et=OPTIONAL", Custom{},
		said{clickID: "abc", payout: "3", txid: "t", status: approved}, "", 0},
	{&Voluum, "https://pastebin.com/VHj5ZKAW", "http://track.rimrket.com/postback?cid=abc&payout=%23price%23&txid=t&et=OPTIONAL", Custom{}, said{}, schemas.RejectUnexpandedMacro, Payout},

	{&Binom, "https://docs.binom.org/postback-url.php", "https://docs.binom.org/click.php?cnv_id={NETWORK_TOKEN}&payout={PAYOUT_TOKEN}", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&Binom, "https://docs.binom.org/postback-url.php", "https://docs.binom.org/click.php?cnv_id=OPTIONAL&payout=OPTIONAL", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&Binom, "https://docs.binom.org/payout-tracking-v2.php", "https://tracker.com/click.php?cnv_id=e2f3he2tfe65a1&payout=5&cnv_status=Hold&event1=15&cnv_currency=EUR", Custom{},
		said{clickID: "e2f3he2tfe65a1", payout: "5", currency: "EUR", status: pending}, "", 0},
	{&Binom, "https://docs.binom.org/update-click-v2.php", "https://tracker.com/click?cnv_id=1234&event1=555&mytoken1=hello", Custom{}, said{clickID: "1234", status: approved}, "", 0},
	{&Binom, "https://docs.binom.org/postback-url.php (free status words)", "https://tracker.com/click.php?cnv_id=1&cnv_status=upsell", Custom{}, said{}, schemas.RejectUnknownStatus, Status},
	{&Binom, "https://docs.binom.org/postback-url.php (free status words)", "https://tracker.com/click.php?cnv_id=1&cnv_status=Upsell", Custom{Statuses: map[string]string{"UPSELL": "approved"}},
		said{clickID: "1", status: approved}, "", 0},

	{&RedTrack, "https://help.redtrack.io/knowledgebase/kb/basic-setup-9785/supported-dynamic-parameters/clickid",
		"http://your.dedicated.tracking.domain.com/postback?clickid={affiliate_network_parameter}", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&RedTrack, "https://redtrack.zendesk.com/hc/en-us/articles/207082019-Step-2-Adding-Affiliate-Networks", "http://t.rdtk.io/postback?clickid=c&sum={replace_or_remove}", Custom{},
		said{}, schemas.RejectUnexpandedMacro, Payout},
	{&RedTrack, "https://docs.redtrack.io/knowledgebase/tracking-event-types/", "http://t.rdtk.io/postback?clickid=c&sum=12&type=Deposit&status=declined&rdtk_event_id=o1", Custom{},
		said{clickID: "c", event: "deposit", payout: "12", txid: "o1", status: rejected}, "", 0},
	{&RedTrack, "https://docs.redtrack.io/knowledgebase/tracking-event-types/ (default other)", "http://t.rdtk.io/postback?clickid=c&sum=12", Custom{},
		said{clickID: "c", payout: "12", status: approved}, "", 0},

	{&BeMob, "https://help.bemob.com/docs/using-postback-statuses", "http://xxxxx.yourdomain.com/postback?cid={clickid}&payout={payout}&status={status}", Custom{},
		said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&BeMob, "https://docs.bemob.com/en/monetizer-settings", "http://yourdomain.com/postback?cid=REPLACE&payout=OPTIONAL&txid=OPTIONAL&status=OPTIONAL", Custom{},
		said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&BeMob, "https://docs.bemob.com/en/monetizer-settings", "http://yourdomain.com/postback?cid=a1&payout=3.2&txid=t1&status=OPTIONAL", Custom{}, said{}, schemas.RejectUnexpandedMacro, Status},
	{&BeMob, "https://docs.bemob.com/en/postbacks-for-selected-statuses", "http://yourdomain.com/postback?cid=a1&payout=3.2&txid=t1&status=4",
		Custom{Statuses: map[string]string{"1": "pending", "2": "approved", "3": "rejected", "4": "chargeback"}},
		said{clickID: "a1", payout: "3.2", txid: "t1", status: chargeback}, "", 0},
	{&BeMob, "https://docs.bemob.com/en/postbacks-for-selected-statuses", "http://yourdomain.com/postback?cid=a1&status=new", Custom{}, said{clickID: "a1", status: pending}, "", 0},

	{&FunnelFlux, "https://help.funnelflux.pro/en/article/tracking-conversions-1vtfnp5/", "https://DOMAIN/pb/?hit=REPLACE&tx=REPLACE&rev=REPLACE", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&FunnelFlux, "https://help.funnelflux.pro/en/article/30-tracking-conversions", "https://DOMAIN/pb/?hit={{clickid}}&tx={{transaction}}&rev={{payout}}", Custom{},
		said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&FunnelFlux, "https://help.funnelflux.pro/en/article/28-updating-conversion-data", "https://t.example/pb/?hit=01dkezmsf3bat8xdbz8rt039r0&tx=main&rev=47.00", Custom{},
		said{clickID: "01dkezmsf3bat8xdbz8rt039r0", txid: "main", payout: "47.00", status: approved}, "", 0},
	{&FunnelFlux, "https://help.funnelflux.pro/en/article/28-updating-conversion-data", "https://t.example/pb/?hit=01dkezmsf3bat8xdbz8rt039r0&tx=main&rev=-1", Custom{},
		said{clickID: "01dkezmsf3bat8xdbz8rt039r0", txid: "main", status: rejected}, "", 0},

	{&Everflow, "https://helpdesk.everflow.io/customer/accessing-editing-s2s-postback-urls", "https://www.domain.example/?nid=1&transaction_id=abc&amount=12,34&event_id=0&adv1=x", Custom{},
		said{clickID: "abc", sale: "12.34", status: approved}, "", 0},
	{&Everflow, "https://helpdesk.everflow.io/customer/accessing-editing-s2s-postback-urls", "https://www.domain.example/?nid=1&transaction_id=abc&amount=12,34&order_id=o&event_id=7",
		Custom{Params: map[string]string{"amount": "payout"}, Events: map[string]string{"7": "ftd"}},
		said{clickID: "abc", event: "ftd", txid: "o", payout: "12.34", status: approved}, "", 0},
	{&Everflow, "https://activeprospect.com/leadconduit/integrations/everflow", "https://www.domain.example/?nid=1&transaction_id=abc&fraud=1&verification_token=k", Custom{},
		said{clickID: "abc", token: "k", status: rejected}, "", 0},
	{&Everflow, "https://developers.everflow.io/api-reference/post-affiliatespixels", "https://www.domain.example/?nid=1&transaction_id={transaction_id}", Custom{},
		said{}, schemas.RejectUnexpandedMacro, ClickID},

	{&TUNE, "https://support.tune.com/hc/en-us/articles/4413247665431-Receiving-Conversions-via-Postback-URL",
		"http://examplenetwork.go2cloud.org/aff_lsr?offer_id=26&transaction_id=TRANSACTION_ID", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&TUNE, "https://support.tune.com/hc/en-us/articles/4413247665431-Receiving-Conversions-via-Postback-URL",
		"http://examplenetwork.go2cloud.org/aff_lsr?offer_id=26&transaction_id=1027c887059b47bc69c699f45466b9", Custom{},
		said{clickID: "1027c887059b47bc69c699f45466b9", status: approved}, "", 0},
	{&TUNE, "https://support.tune.com/hc/en-us/articles/1500005236742-Customizing-a-Conversion-URL",
		"http://demo.go2cloud.org/aff_lsr?transaction_id=1&amount=99.90&adv_sub=o1&adv_unique2=x&goal_id=3&security_token=s", Custom{Params: map[string]string{"adv_sub": "txid"}},
		said{clickID: "1", event: "3", sale: "99.90", txid: "o1", token: "s", status: approved}, "", 0},

	{&Affise, "https://help-center.affise.com/en/articles/6838705-affise-affise", "https://rocketcompany.affise.com/postback?clickid={sub1}", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&Affise, "https://docs-5yl.pages.dev/postbacks/index.html", "https://offers-uniads.affise.com/postback?clickid=c2&sum=49.95&action_id=m1&goal=1&status=1", Custom{},
		said{clickID: "c2", event: "1", payout: "49.95", txid: "m1", status: approved}, "", 0},
	{&Affise, "https://help-center.affise.com/en/articles/6475468-affise-postback-url-parameters", "https://offers.affise.com/postback?click_id=c2&status=5&secure=h&custom_field15=q", Custom{},
		said{clickID: "c2", token: "h", status: pending}, "", 0},
	{&Affise, "https://help-center.affise.com/en/articles/6475468-affise-postback-url-parameters", "https://offers.affise.com/postback?clickid=c2&status=3&goal=Install", Custom{},
		said{clickID: "c2", event: "install", status: rejected}, "", 0},
	{&Affise, "https://help-center.affise.com/en/articles/6475468-affise-postback-url-parameters", "https://offers.affise.com/postback?clickid=c2&status=4", Custom{},
		said{}, schemas.RejectUnknownStatus, Status},

	{&Prosper202, "https://github.com/tracking202/prosper202/blob/master/tracking202/static/gpb.php", "http://mytracking.com/tracking202/static/gpb.php?amount=4.5&subid=123", Custom{},
		said{clickID: "123", payout: "4.5", status: approved}, "", 0},
	{&Prosper202, "https://prosper202.readme.io/docs/subids", "http://mytracking.com/tracking202/static/gpb.php?amount=&subid=[[subid]]", Custom{}, said{}, schemas.RejectUnexpandedMacro, ClickID},
	{&Prosper202, "https://github.com/tracking202/prosper202/blob/master/tracking202/static/upx.php", "http://mytracking.com/tracking202/static/upx.php?subid=123&oid=o9", Custom{},
		said{clickID: "123", txid: "o9", status: approved}, "", 0},
}

func TestDocumentedPostbacks(t *testing.T) {
	seen := map[*Dialect]bool{}
	for _, c := range documentedPostbacks {
		seen[c.dialect] = true
		path, query := split(t, c.url)
		router, err := NewRouter(nil, []*Dialect{c.dialect})
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := router.Match(path, query); !ok || m.Kind != KindPostback || strings.Contains(c.url, "/key/") && string(m.Key) != "key" {
			t.Errorf("%s is not matched as a postback (%s)", c.url, c.source)
		}
		_, _, v, problem := readPostback(t, c.dialect, c.custom, string(query))
		switch {
		case problem != nil && (problem.Reason != c.reason || problem.Param != c.param || problem.Name == ""):
			t.Errorf("%s: %v, want %q (%s)", c.url, problem, c.reason, c.source)
		case problem == nil && c.reason != "":
			t.Errorf("%s is taken, want %s (%s)", c.url, c.reason, c.source)
		case problem == nil && of(v) != c.want:
			t.Errorf("%s says %+v, want %+v (%s)", c.url, of(v), c.want, c.source)
		}
	}
	for _, d := range All {
		if d.HasPostbacks() && !seen[d] {
			t.Errorf("no documented postback of %s is tested", d.Name)
		}
	}
}

// No spelling of a macro reaches the money or the identity of a conversion, in any dialect.
func TestMacrosAreNeverBooked(t *testing.T) {
	macros := []string{
		"{payout}", "%7Bpayout%7D", "%257Bpayout%257D", "{{payout}}", "${payout}", "$%7BPAYOUT%7D", "[BID]", "[bid]", "%5Bbid%5D", "%255Bbid%255D", "[[payout]]",
		"%5B%5Bpayout%5D%5D", "#price#", "%23price%23", "##PRICE##", "%25payout%25", "%%PAYOUT%%", "__PAYOUT__", "<payout>", "%3Cpayout%3E", "!payout!", "+{payout}+",
		"{sub4}", "10{currency}",
	}
	for _, d := range All {
		if !d.HasPostbacks() {
			continue
		}
		for _, n := range []Param{ClickID, Payout, TxID, PayoutCurrency, Status} {
			name := paramNameOf(d, n, nil)
			if name == "" {
				continue
			}
			for _, macro := range append(macros, d.Placeholders...) {
				query := name + "=" + macro
				if n != ClickID {
					query = paramNameOf(d, ClickID, nil) + "=abc&" + query
				}
				if _, _, v, problem := readPostback(t, d, Custom{}, query); problem == nil || problem.Reason != schemas.RejectUnexpandedMacro || problem.Param != n || problem.Name != name {
					t.Errorf("%s: %s is taken as %+v, %v", d.Name, query, of(v), problem)
				}
			}
		}
	}
	for _, query := range []string{"click_id=abc-DEF_1.2", "click_id=1027c887059b47bc69c699f45466b9", "click_id=a&txid=[12]", "click_id=a&txid=order%231", "click_id=a&payout=12.50",
		"click_id=a&event=a_b", "click_id=a&txid=50%25", "click_id=a&txid=<1>"} {
		if _, _, _, problem := readPostback(t, &Native, Custom{}, query); problem != nil {
			t.Errorf("%s: %v", query, problem)
		}
	}
}

func TestStatuses(t *testing.T) {
	custom := Custom{Statuses: map[string]string{" Trash ": "rejected", "lead": "registered"}, DefaultStatus: "pending"}
	for _, c := range []struct {
		dialect *Dialect
		custom  Custom
		query   string
		want    events.Status
	}{
		{&Keitaro, custom, "subid=a", pending},
		{&Keitaro, custom, "subid=a&status=TRASH", rejected},
		{&Keitaro, custom, "subid=a&status=Lead", registered},
		{&Keitaro, custom, "subid=a&status=lead&sale_status=x,+LEAD+,y", approved},
		{&Keitaro, custom, "subid=a&status=chargeback", chargeback},
		{&Keitaro, custom, "subid=a&status=", pending},
		{&Keitaro, custom, "subid=a&status=mystery", 0},
		{&Keitaro, custom, "subid=a&status=mystery&sale_status=", 0},
		{&Keitaro, Custom{UnknownStatus: "pending"}, "subid=a&status=mystery", pending},
		{&Voluum, Custom{}, "cid=a", approved},
		{&Voluum, Custom{Params: map[string]string{"st": "status"}}, "cid=a&st=registered", registered},
		{&Everflow, Custom{}, "transaction_id=a&fraud=0", approved},
		{&FunnelFlux, Custom{}, "hit=a&rev=-1.00", approved},
	} {
		_, _, v, problem := readPostback(t, c.dialect, c.custom, c.query)
		if c.want == 0 {
			if problem == nil || problem.Reason != schemas.RejectUnknownStatus {
				t.Errorf("%s: %v, want an unknown status", c.query, problem)
			}
		} else if problem != nil || v.Status != c.want {
			t.Errorf("%s: %v, %v, want %v", c.query, v.Status, problem, c.want)
		}
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		dialect *Dialect
		query   string
		want    string
	}{
		{&Voluum, "cid=a&et=First+Deposit", "first_deposit"},
		{&RedTrack, "clickid=a&type=AddToCart", "addtocart"},
		{&Affise, "clickid=a&goal=2", "ftd"},
		{&Native, "click_id=a&event=First+Deposit", "first deposit"},
		{&Everflow, "transaction_id=a&event_id=0", ""},
		{&Keitaro, "subid=a", ""},
	} {
		_, _, v, problem := readPostback(t, c.dialect, Custom{Events: map[string]string{"2": "FTD"}}, c.query)
		if problem != nil || v.Event != c.want {
			t.Errorf("%s: event %q, %v, want %q", c.query, v.Event, problem, c.want)
		}
	}
	p, err := NewPostback(&Affise, Custom{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Param([]byte("goal")) != Event || p.Param([]byte("ip")) != ParamIgnored || p.Param([]byte("x")) != ParamUnknown || ParamUnknown.String() != "unknown" || ParamIgnored.String() != "ignored" {
		t.Error("parameters are not told apart by name")
	}
}

func TestAmountsWithCommas(t *testing.T) {
	for text, want := range map[string]string{"12,34": "12.34", "12,3": "12.3", "1,234": "1,234", "1,234.5": "1,234.5", "12,": "12,", ",": ",", "1,2,34": "1,2,34", "7": "7", ",5": ".5"} {
		if _, _, v, _ := readPostback(t, &Everflow, Custom{}, "transaction_id=a&amount="+text); string(v.SaleAmount) != want {
			t.Errorf("the amount %s is read as %s, want %s", text, v.SaleAmount, want)
		}
	}
}

func TestCustomIsChecked(t *testing.T) {
	many := map[string]string{}
	for i := range 101 {
		many[strings.Repeat("x", i+1)] = "approved"
	}
	for name, c := range map[string]struct {
		custom Custom
		want   string
	}{
		"param":   {Custom{Params: map[string]string{"a": "money"}}, "params.a: money is not a part of a postback"},
		"status":  {Custom{Statuses: map[string]string{"a": "paid"}}, "statuses.a: paid is not a status"},
		"default": {Custom{DefaultStatus: "sale"}, "default_status: sale is not a status"},
		"unknown": {Custom{UnknownStatus: "maybe"}, "unknown_status: maybe is not a status"},
		"many":    {Custom{Statuses: many}, "more than 100"},
	} {
		if _, err := NewPostback(&Keitaro, c.custom); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	_, err := NewPostback(&Keitaro, Custom{DefaultStatus: "a", UnknownStatus: "b"})
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not every problem is told: %v", err)
	}
}

func TestReplies(t *testing.T) {
	for _, c := range []struct {
		dialect       *Dialect
		query, detail string
		status        int
		contentType   string
		body          string
	}{
		{&Native, "click_id=a", "", 0, "", ""},
		{&Native, "click_id=a", "bad", 0, "", ""},
		// https://support.tune.com/hc/en-us/articles/4413247665431-Receiving-Conversions-via-Postback-URL
		{&TUNE, "transaction_id=a", "", 200, "text/plain; charset=utf-8", "success=true;"},
		{&TUNE, "transaction_id=a", "Invalid Trans. ID #1027;\r\nx", 200, "text/plain; charset=utf-8", "success=false; err_msg=Invalid Trans. ID #1027,x;"},
		// https://github.com/tracking202/prosper202/blob/master/tracking202/static/gpb.php
		{&Prosper202, "subid=a", "", 202, "application/json", `{"error":false,"code":202,"msg":"Postback successful"}`},
		{&Prosper202, "subid=a", "SubID not found", 404, "application/json", `{"error":true,"code":404,"msg":"SubID not found"}`},
		// https://docs.keitaro.io/en/conversions/postback.html
		{&Keitaro, "subid=a&return=OK", "", 200, "text/plain; charset=utf-8", "OK"},
		{&Keitaro, "subid=a", "", 0, "", ""},
		{&Keitaro, "subid=a&return=%0d%0a", "", 0, "", ""},
		{&Keitaro, "subid=a&return={x}", "", 0, "", ""},
		{&Keitaro, "subid=a&return=" + strings.Repeat("x", 65), "", 0, "", ""},
		{&Keitaro, "subid=a&return=OK", "bad", 0, "", ""},
		// https://help-center.affise.com/en/articles/7241212-postback-and-conversion-processing-on-affise
		{&Affise, "clickid=a", "bad", 200, "", ""},
	} {
		p, r, _, _ := readPostback(t, c.dialect, Custom{}, c.query)
		status, contentType, body := p.AppendReply(nil, r, "RECEIPT", c.detail)
		if status != c.status || contentType != c.contentType || string(body) != c.body {
			t.Errorf("%s %s answers %d %q %q, want %d %q %q", c.dialect.Name, c.query, status, contentType, body, c.status, c.contentType, c.body)
		}
	}
	p, r, _, _ := readPostback(t, &Prosper202, Custom{}, "subid=a")
	if _, _, body := p.AppendReply(nil, r, "", "a \"quote\" \\ ü \x00 \xff 😀"); !json.Valid(body) {
		t.Errorf("%s is not JSON", body)
	}
}

func TestRouter(t *testing.T) {
	router := everyRouter(t)
	for target, want := range map[string]string{
		"https://t.example/c/shoes":                                          "native link shoes",
		"https://t.example/postback?click_id=1":                              "native postback ",
		"https://t.example/postback?cid=1":                                   "voluum postback ",
		"https://t.example/postback?clickid=1":                               "redtrack postback ",
		"https://t.example/abc123/postback?subid=1":                          "keitaro postback ",
		"https://t.example/aff_lsr?offer_id=1&amp;transaction_id=2":          "tune postback ",
		"https://t.example/pb?hit=1":                                         "funnelflux postback ",
		"https://t.example/?nid=1&transaction_id=2":                          "everflow postback ",
		"https://t.example/click.php?cnv_id=1":                               "binom postback ",
		"https://t.example/click.php?key=a":                                  "binom link a",
		"https://t.example/click.php?camp_id=7":                              "binom link 7",
		"https://t.example/click.php?key=&camp_id=7":                         "binom link 7",
		"https://t.example/click?offer_id=3&pid=4":                           "affise link 3",
		"https://t.example/abc":                                              "keitaro link abc guess",
		"https://t.example/abc/":                                             "keitaro link abc guess",
		"https://t.example/5dad7416a0e11e000128870e":                         "redtrack link 5dad7416a0e11e000128870e",
		"https://t.example/0F6F8A04-1b7c-4a57-9d1c-2f1b5a3e7c90":             "voluum link 0F6F8A04-1b7c-4a57-9d1c-2f1b5a3e7c90",
		"https://t.example/go/0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90":          "bemob link 0f6f8a04-1b7c-4a57-9d1c-2f1b5a3e7c90",
		"https://t.example/go/abc":                                           "",
		"https://t.example/":                                                 "",
		"https://t.example/favicon.ico":                                      "",
		"https://t.example/a/b/c":                                            "",
		"https://t.example/../etc":                                           "",
		"https://t.example/click.php":                                        "",
		"https://t.example/click.php?upd_clickid=1234&upd_key=7777&event1=5": "",
		"https://t.example//postback?subid=1":                                "",
		"https://t.example/" + strings.Repeat("a", 65):                       "",
		"https://t.example/aff_c?offer_id=":                                  "keitaro link aff_c guess",
	} {
		path, query := split(t, target)
		got := ""
		if m, ok := router.Match(path, query); ok {
			got = m.Dialect.Name + map[Kind]string{KindLink: " link ", KindPostback: " postback "}[m.Kind] + string(m.AppendCampaign(nil))
			if m.Guess {
				got += " guess"
			}
		}
		if got != want {
			t.Errorf("%s is %q, want %q", target, got, want)
		}
	}
	if _, err := NewRouter([]*Dialect{&Everflow}, nil); err == nil {
		t.Error("a router takes links of a dialect that has none")
	}
	if _, err := NewRouter(nil, []*Dialect{{Name: "x"}}); err == nil {
		t.Error("a router takes postbacks of a dialect that has none")
	}
}

// A template names our postback in a dialect with the macros of the network that will call it.
func TestBuildPostbackTemplate(t *testing.T) {
	for _, c := range []struct {
		dialect *Dialect
		options PostbackOptions
		want    string
	}{
		{&Native, PostbackOptions{Base: "https://t.example/", Network: "acme", Sender: &Affise},
			"https://t.example/postback/acme?click_id={sub1}&event={goal}&status={status}&payout={sum}&currency={currency}&txid={transactionid}&ts={timestamp}"},
		{&Native, PostbackOptions{Base: "https://t.example", Network: "acme", Sender: &TUNE, Macros: map[Param]string{ClickID: "{aff_sub3}", Status: "approved"}},
			"https://t.example/postback/acme?click_id={aff_sub3}&status=approved&payout={payout}&txid={transaction_id}"},
		// https://docs.bemob.com/en/monetizer-settings
		{&BeMob, PostbackOptions{Base: "http://yourdomain.com", Macros: map[Param]string{ClickID: "{clickID}", Payout: "{amount}", TxID: "{transactionID}"}},
			"http://yourdomain.com/postback?cid={clickID}&payout={amount}&txid={transactionID}"},
		// https://help.funnelflux.pro/en/article/30-tracking-conversions
		{&FunnelFlux, PostbackOptions{Base: "https://DOMAIN", Macros: map[Param]string{ClickID: "{{clickid}}", Payout: "{{payout}}", TxID: "{{transaction}}"}},
			"https://DOMAIN/pb?hit={{clickid}}&rev={{payout}}&tx={{transaction}}"},
		// https://pastebin.com/VHj5ZKAW
		{&Voluum, PostbackOptions{Base: "http://track.rimrket.com", Macros: map[Param]string{ClickID: "#s2#", Payout: "#price#", TxID: "#tid#"}},
			"http://track.rimrket.com/postback?cid=#s2#&payout=#price#&txid=#tid#"},
		{&Keitaro, PostbackOptions{Base: "https://t.example", Key: "e89bcbe", Macros: map[Param]string{ClickID: "{subacc4}", Status: "{status}"}},
			"https://t.example/e89bcbe/postback?subid={subacc4}&status={status}"},
		// https://affise.zendesk.com/hc/en-us/articles/115002004069-Affise-Tune-HasOffers-
		{&TUNE, PostbackOptions{Base: "http://rocketcompany.go2cloud.org", Macros: map[Param]string{ClickID: "{sub1}"}},
			"http://rocketcompany.go2cloud.org/aff_lsr?transaction_id={sub1}"},
		{&Prosper202, PostbackOptions{Base: "https://t.example", Sender: &Everflow}, "https://t.example/tracking202/static/gpb.php?subid={sub1}&amount={revenue}&txid={transaction_id}"},
	} {
		got, err := BuildPostbackTemplate(c.dialect, c.options)
		if err != nil || got != c.want {
			t.Errorf("a template of %s is %q, %v; want %q", c.dialect.Name, got, err, c.want)
			continue
		}
		// As it is, it is refused for what it is.
		_, query, _ := strings.Cut(got, "?")
		if _, _, _, problem := readPostback(t, c.dialect, Custom{}, query); problem == nil || problem.Reason != schemas.RejectUnexpandedMacro || problem.Param != ClickID {
			t.Errorf("%s: %v", got, problem)
		}
	}
	for name, c := range map[string]struct {
		dialect *Dialect
		options PostbackOptions
		want    string
	}{
		"no click ID": {&Native, PostbackOptions{Base: "https://t.example", Network: "a"}, "macro for the click ID"},
		"no key":      {&Keitaro, PostbackOptions{Base: "https://t.example", Macros: map[Param]string{ClickID: "{a}"}}, "none is given"},
		"no base":     {&Native, PostbackOptions{Network: "a", Macros: map[Param]string{ClickID: "{a}"}}, "not an address"},
		"no status":   {&Voluum, PostbackOptions{Base: "https://t.example", Macros: map[Param]string{ClickID: "{a}", Status: "{s}"}}, "no parameter for status"},
		"bad params":  {&Voluum, PostbackOptions{Base: "https://t.example", Params: map[string]string{"a": "b"}}, "not a part of a postback"},
	} {
		if _, err := BuildPostbackTemplate(c.dialect, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A buffer for what is decoded, and the event type.
func TestReadingPostbacksAllocatesLittle(t *testing.T) {
	for _, c := range documentedPostbacks {
		p, err := NewPostback(c.dialect, c.custom)
		if err != nil {
			t.Fatal(err)
		}
		_, query := split(t, c.url)
		r := &Reading{}
		if n := testing.AllocsPerRun(20, func() {
			*r = Reading{}
			p.ReadQuery(r, query)
			p.Interpret(r)
		}); n > 4 {
			t.Errorf("%s makes %v allocations", c.url, n)
		}
	}
}

func BenchmarkPostback(b *testing.B) {
	p, err := NewPostback(&Keitaro, Custom{})
	if err != nil {
		b.Fatal(err)
	}
	query := []byte("subid=51ts6sgr1cbkdhljnrv&payout=21.0&status=lead&tid=52949935&from=adcombo.com&lead_status=hold&sale_status=lead&rejected_status=reject,trash,cancelled")
	b.ReportAllocs()
	for b.Loop() {
		r := &Reading{}
		p.ReadQuery(r, query)
		if _, problem := p.Interpret(r); problem != nil {
			b.Fatal(problem)
		}
	}
}
