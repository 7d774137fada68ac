package dialect

import (
	"strings"
	"testing"

	"tributary/schemas"
)

// TestTwoValues: which of two values is right nobody can tell; what says the same twice is one.
func TestTwoValues(t *testing.T) {
	for _, c := range []struct {
		dialect *Dialect
		query   string
		refused Param // Params: not refused
	}{
		{&Native, "click_id=a&payout=1&payout=2", Payout}, {&Native, "click_id=a&click_id=b", ClickID}, {&Native, "click_id=a&txid=1&txid=2", TxID},
		{&Native, "click_id=a&status=approved&status=rejected", Status}, {&Native, "click_id=a&currency=EUR&payout=1&currency=USD", PayoutCurrency},
		{&Native, "click_id=a&event=reg&event=sale", Event}, {&Native, "click_id=a&ts=1&ts=2", Timestamp}, {&Native, "click_id=a&network=x&network=y", Network},
		{&Native, "click_id=a&amp;payout=1;payout=2", Payout}, {&Native, "click_id=a&payout=1&payout=1.5&payout=1", Payout}, {&Native, "click_id=a&txid=A%2B1&txid=A 1", TxID},
		{&Keitaro, "subid=a&payout=1&revenue=2", Payout}, {&Keitaro, "subid=a&sub_id=b", ClickID}, {&Affise, "clickid=a&click_id=b", ClickID}, {&Everflow, "transaction_id=a&fraud=0&fraud=1", Fraud},
		{&TUNE, "transaction_id=a&payout=1&payout=2", Payout}, {&TUNE, "transaction_id=a&goal_ref=x&goal_ref=y", Event},

		{&Native, "click_id=a&click_id=a&payout=1&payout=1.00&currency=eur&currency=EUR&status=Approved&status=approved&event=A&event=a&txid=t&txid=t", Params},
		{&Native, "click_id=a&txid=&txid=t&payout=&payout=2", Params}, {&Native, "click_id=a&sub1=x&sub1=y", Params}, {&Keitaro, "subid=a&payout=10&revenue=10.0", Params},
		// The documentation says which name counts.
		{&TUNE, "transaction_id=a&payout=7&revenue=10", Params}, {&TUNE, "transaction_id=a&goal_id=1&goal_ref=x", Params}, {&Everflow, "transaction_id=a&adv_event_id=9&event_id=2", Params},
		{&Prosper202, "subid=a&order_id=2&txid=1", Params}, {&Prosper202, "subid=a&oid=3&order_id=2&transaction_id=1",
			Params}, {&Everflow, "transaction_id=a&adv_event_id=9&event_name=x", Params},
		{&TUNE, "transaction_id=a&goal_name=n&goal_ref=x", Params}, {&Prosper202, "subid=a&oid=3&oid=2", TxID},
	} {
		_, _, _, problem := readPostback(t, c.dialect, Custom{}, c.query)
		switch {
		case c.refused == Params && problem != nil:
			t.Errorf("%s %s is %v", c.dialect.Name, c.query, problem)
		case c.refused != Params && (problem == nil || problem.Reason != schemas.RejectTwoValues || problem.Param != c.refused):
			t.Errorf("%s %s is %v", c.dialect.Name, c.query, problem)
		}
	}
}

// TestSecondNames: of two names of one meaning the documented one counts, in either order, and the other is named.
func TestSecondNames(t *testing.T) {
	for query, want := range map[string]string{
		"revenue=10&payout=7": "10  payout", "payout=7&revenue=10": "10  payout", "payout=7": "7  ",
		"goal_id=3&goal_ref=ftd": " 3 goal_ref", "goal_ref=ftd&goal_id=3": " 3 goal_ref", "goal_ref=FTD": " ftd ",
		"goal_name=n&goal_ref=r": " r goal_name", "goal_ref=r&goal_name=n": " r goal_name", "goal_name=N": " n ",
		"status=rejected": "  ", "payout=7&revenue=7": "7  ",
	} {
		_, r, v, problem := readPostback(t, &TUNE, Custom{}, "transaction_id=c1&"+query)
		got := string(v.Payout) + " " + v.Event + " " + strings.Join(r.AppendNotTaken(nil, 16, 64), ",")
		if problem != nil || got != want {
			t.Errorf("%s reads as %q, %v; want %q", query, got, problem, want)
		}
		if wantStatus := map[bool]string{true: "STATUS_REJECTED", false: "STATUS_APPROVED"}[query == "status=rejected"]; v.Status.String() != wantStatus {
			t.Errorf("%s is %s", query, v.Status)
		}
	}
}

// TestUnread: what names the payout, the status or the like, and is not read, is no parameter to leave out where nothing else is it.
func TestUnread(t *testing.T) {
	for _, c := range []struct {
		query  string
		custom Custom
		want   Param // Params: taken
	}{
		{"amount=12.5", Custom{}, Payout}, {"payout_usd=10", Custom{}, Payout}, {"revenue=3", Custom{}, Payout}, {"Commission=1,5", Custom{}, Payout}, {"sum=3", Custom{}, Payout},
		{"amppayout=5", Custom{}, Payout}, {"conversion_status=rejected", Custom{}, Status}, {"cnv_status=x", Custom{}, Status}, {"fraud=1", Custom{}, Status}, {"rejected=1", Custom{}, Status},
		{"payout=10&cur=EUR", Custom{}, PayoutCurrency}, {"payout=10&payout_currency=EUR", Custom{}, PayoutCurrency}, {"transaction_id=T1", Custom{}, TxID}, {"orderId=7", Custom{}, TxID},
		{"order_id=7&payout=1", Custom{}, TxID}, {"goal_id=3", Custom{}, Event}, {"cet=install", Custom{}, Event}, {"event_name=ftd", Custom{}, Event},

		{"payout=8&payout_usd=10&amount=3", Custom{}, Params}, {"status=approved&sub_status=x", Custom{}, Params}, {"txid=1&order_id=7", Custom{}, Params}, {"event=a&goal_id=3", Custom{}, Params},
		{"my_status=rejected", Custom{}, Status}, {"statusCode=2", Custom{}, Status}, {"vip_status=On%20hold", Custom{},
			Status}, {"approved=0", Custom{}, Status}, {"chargeback=yes", Custom{}, Status},
		{"payout=10&currency_code=USDT", Custom{Currency: "USD"}, PayoutCurrency}, {"payout=10&currency_id=978",
			Custom{Currency: "USD"}, PayoutCurrency},
		{"payout=10&transactionCurrency=EUR", Custom{Currency: "USD"}, PayoutCurrency},

		{"data[txid]=7", Custom{}, TxID}, {"data[0][order_id]=7", Custom{}, TxID}, {"a.b.event=x", Custom{}, Event}, {"lead.sum=7", Custom{}, Payout}, {"data[payout][]=7", Custom{}, Payout},
		{"order.id=7", Custom{}, TxID}, {"a.http_status=200&v1.0=2&x[]=1&tags[0]=b&data.customer.id=7&a.marital_status=single", Custom{}, Params},

		{"state=reversed", Custom{}, Status}, {"conversion_state=rejected", Custom{}, Status}, {"order[state]=Charged%20back", Custom{}, Status}, {"type=chargeback", Custom{}, Status},
		{"transaction_type=REFUND", Custom{}, Status}, {"action=reversal", Custom{}, Status}, {"payout_type=chargeback", Custom{}, Status},
		{"state=NY&type=lead&action=sale&result=ok&device_type=mobile&statement=x&estate=sold&order_type=web&real_state=CA", Custom{}, Params}, {"status=approved&type=chargeback&state=reversed", Custom{}, Params},

		// What honest senders send beside it, and says nothing of what the postback lacks.
		{"payout=10&order_currency=EUR&currency_rate=1.08&sale_currency=GBP&currency_symbol=%E2%82%AC",
			Custom{Currency: "USD"}, Params}, {"payout=10&oid=17", Custom{}, Params},
		{"payout=10&currency_code=usd", Custom{Currency: "USD"}, Params}, {"fraud=0&is_refund=false&rejected=no&approved=1",
			Custom{}, Params},
		{"marital_status=single&employment_status=employed&http_status=200&status_date=2026-01-01", Custom{}, Params},
		{"payout_id=7&commission_rate=5&revenue_share=70", Custom{}, Params},
		{"sale_amount=100", Custom{}, Params}, {"price=5&total=7&value=9", Custom{}, Params}, {"cur=EUR", Custom{}, Params}, {"payout_type=CPA", Custom{}, Params}, {"amount=cheap", Custom{}, Params},
		{"payment_method=card&type=x&state=CA&id=5&offer_id=3&user_id=4&timestamp=5", Custom{}, Params}, {"amount=", Custom{}, Params},
		{"amount=12.5", Custom{Params: map[string]string{"amount": "ignored"}}, Params}, {"amount=12.5", Custom{Params: map[string]string{"amount": "payout"}}, Params},
		{"conversion_status=rejected", Custom{Params: map[string]string{"conversion_status": "status"}}, Params},
	} {
		_, r, _, problem := readPostback(t, &Native, c.custom, "click_id=c1&"+c.query)
		switch {
		case c.want == Params && problem != nil, c.want != Params && (problem == nil || problem.Reason != schemas.RejectUnread || problem.Param != c.want):
			t.Errorf("%s is %v", c.query, problem)
		case c.want != Params && !strings.Contains(problem.WouldBeRight, "params: {"+problem.Name+": "+c.want.String()+"}"):
			t.Errorf("%s: right would be %s", c.query, problem.WouldBeRight)
		}
		if problem == nil && c.custom.Params["amount"] == "ignored" && (len(r.Dropped) != 1 || r.Dropped[0].Why != DropDeclared || r.AppendNotTaken(nil, 16, 64) != nil) {
			t.Errorf("%s: dropped %v", c.query, r.Dropped)
		}
	}
	// What the dialect has and a conversion has no place for is its own affair.
	if _, r, _, problem := readPostback(t, &Keitaro, Custom{}, "subid=c1&cost=3&from=x&foo=1"); problem != nil || len(r.Dropped) != 3 || r.Dropped[2].Why != DropUnknown || r.Dropped[0].Why != DropNoPlace {
		t.Errorf("dropped %v, %v", r.Dropped, problem)
	}
	p, err := NewPostback(&Native, Custom{})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]int{"click_id,amount": 1, "click_id,payout,amount": -1,
		"click_id,conversion_status,payout": 1, "click_id,currency_code": -1, "click_id,payout,currency_code": 2,
		"click_id,note":                      -1,
		"click_id,payout,order_currency,oid": -1, "click_id,fraud": -1, "click_id,marital_status": -1} {
		var names [][]byte
		for _, name := range strings.Split(header, ",") {
			names = append(names, []byte(name))
		}
		if at, _ := p.UnreadNames(names); at != want {
			t.Errorf("of %s, %d is unread", header, at)
		}
	}
}

// TestUnequal: what is written with something else for the equals sign is not taken, and named; where the postback lacks
// what it would be, it is refused.
func TestUnequal(t *testing.T) {
	for text, want := range map[string]struct {
		part    Param // Params: named only
		dropped string
	}{
		"payout:5": {Payout, ""}, "payout%3D5": {Payout, ""}, "payout%3A+5": {Payout, ""}, "payout|5": {Payout, ""}, "payout;5": {Payout, ""}, "payout>5": {Payout, ""},
		"amount:5": {Payout, ""}, "status:rejected": {Status, ""}, "txid:T1": {TxID, ""}, "payout=5&currency:EUR": {PayoutCurrency, ""},
		"conversion_status:rejected=": {Status, ""}, "payout:5&payout=7": {Params, "payout:5"}, "payout=7&payout%3D5": {Params, "payout=5"},
		"foo:1&debug&1700000000&empty=&sub1:a&:5&payout:": {Params, "foo:1 sub1:a"}, "amount:cheap": {Params, "amount:cheap"},
	} {
		_, r, _, problem := readPostback(t, &Native, Custom{}, "click_id=c1&"+text)
		if want.part == Params {
			if got := strings.Join(r.AppendNotTaken(nil, 16, 64), " "); problem != nil || got != want.dropped {
				t.Errorf("%s: %v, not taken are %s", text, problem, got)
			}
			continue
		}
		if problem == nil || problem.Reason != schemas.RejectUnread || problem.Param != want.part || !strings.HasSuffix(problem.WouldBeRight, "=VALUE, with an equals sign") {
			t.Errorf("%s is %+v", text, problem)
		}
	}
}

// TestJoinedValues: an ID with another parameter in it, however it is escaped, is none.
func TestJoinedValues(t *testing.T) {
	for query, want := range map[string]said{
		"click_id=c1&amp;payout=12.5&amp;status=rejected&amp;txid=T2": {clickID: "c1", payout: "12.5", txid: "T2", status: rejected},
		"click_id=c1&comment=http://x.example/?payout=9":              {clickID: "c1", status: approved},
		"click_id=c1&comment=a%26payout=99":                           {clickID: "c1", status: approved},
		"click_id=c1&comment=a%26amp;status=rejected&payout=5":        {clickID: "c1", payout: "5", status: approved},
		"click_id=c1&comment=a%3Btxid=T2&txid=T1":                     {clickID: "c1", txid: "T1", status: approved},
		"click_id=c1&comment=a%26amp%3Bevent=x":                       {clickID: "c1", status: approved},
		"click_id=c1;payout=12.5;status=rejected":                     {clickID: "c1", payout: "12.5", status: rejected},
		"txid=T1¤cy=EUR&click_id=c1&payout=5":                         {clickID: "c1", payout: "5", currency: "EUR", txid: "T1", status: approved},
		"click_id=c1&txid=a+b":                                        {clickID: "c1", txid: "a+b", status: approved},
		"click_id=c1&txid=a+b%2Bc":                                    {clickID: "c1", txid: "a b+c", status: approved},
	} {
		if _, _, v, problem := readPostback(t, &Native, Custom{}, query); problem != nil || of(v) != want {
			t.Errorf("%s reads as %+v, %v", query, of(v), problem)
		}
	}
	for _, query := range []string{"click_id=c1%26payout%3D12.5", "click_id=c1&txid=T1%3Bpayout%3D5",
		"click_id=c1&txid=T1%26amp%3Bstatus%3Drejected", "click_id=c1&status=ok%26payout%3D1",
		"click_id=c1?payout=12.5", "click_id=c1&txid=T1?payout=12.5", "click_id=c1&txid=T1%3Fstatus%3Drejected", "click_id=c1%26payout=12.5", "click_id=c1%26amp;payout=12.5", "click_id=c1&txid=T1%3Bpayout=5",
		"click_id=c1&currency=EUR%26status=x&payout=1"} {
		if _, _, _, problem := readPostback(t, &Native, Custom{UnknownStatus: "approved"}, query); problem == nil || problem.Reason != schemas.RejectJoined {
			t.Errorf("%s is %v", query, problem)
		}
	}
	p, err := NewPostback(&Native, Custom{})
	if err != nil {
		t.Fatal(err)
	}
	// A signature covers the text, not what stands for an ampersand in it.
	for query, want := range map[string]bool{"click_id=c1&amp;payout=1": false, "click_id=c1&payout=1&note=a;b=c": false,
		"click_id=c1;payout=1": true, "click_id=c1&note=x%3Bpayout%3D1": false, "click_id=c1&note=x%3Bpayout=1": false,
		"click_id=c1&note=x;payout=1": true, "click_id=c1&note=x%26payout=1": false} {
		if problem := p.ReadSigned(&Reading{}, []byte(query)); (problem != nil) != want {
			t.Errorf("signed, %s is %v", query, problem)
		}
	}
}

// TestNotTakenNames: each once, the first ones, text only.
func TestNotTakenNames(t *testing.T) {
	_, r, _, _ := readPostback(t, &Native, Custom{}, "click_id=c1&b=1&a=2&b=3&"+strings.Repeat("x", 70)+"=1&%ff%00z=1&d=1&e=1&empty=")
	got := strings.Join(r.AppendNotTaken(nil, 4, 64), " ")
	if want := "b a " + strings.Repeat("x", 64) + " z and 2 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
