package dialect

import (
	"bytes"
	"strings"
	"testing"

	"tributary/schemas"
	"tributary/schemas/fuzzbound"
)

// standIns are what senders' templates, programs and spreadsheets leave where an ID or an amount should be.
var standIns = []string{
	// Of the documentation of senders, in their own marks.
	"{transaction_id}", "(transaction_id)", "TRANSACTION_ID", "transaction_id", "[subid]", "[[c1]]", "{{clickid}}", "#s2#", "##CLICKID##", "%%CLICK_ID%%", "%click_id%",
	"[%TX%]", "[%USER:UID%]", "!!!awc!!!", "{AFF_SUB2}", "{aff_sub}", "<click_id>", "<YOUR CLICK ID>", "__CID__", "__click_id__", "$name", "${SUBID}", "$order->id", "$_GET['id']",
	"@x@", "@@TXID@@", "@click_id", "[x]", "{0}", "{1}", "${2}", "{{0}}", "order-{0}", "%s", "%1$s", "%@", "%(txid)s", "#{order.id}", "<%= id %>", "{% id %}", "*|ORDER_ID|*", "|txid|",
	"!clickid!", "«x»", ":click_id", "{click_id", "click_id}", "{!Order.Id}", "$(txid)", "$[orderId]", "^subid^", "~click_id~", "YOUR_CLICK_ID", "your-click-id", "INSERT_ORDER_ID_HERE",
	"REPLACE", "REPLACE_ME", "{replace_or_remove}", "OPTIONAL", "CLICK-ID", "clickID", "SUBID", "sub_id_5", "subid2", "aff_sub5", "ORDER_ID", "orderId", "EXTERNAL_ID", "TXID", "tid",
	"(click id)", "&txid;", "{$order}", "`id`", "xxxx", "*click*",
	// Of programs.
	"null", "NULL", "(null)", "undefined", "Undefined", "nil", "<nil>", "None", "NaN", "N/A", "n/a", "NA", "[object Object]", "false", "-", "--", "?", `""`, "{}", "[]", "()",
	"00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "%7B00000000-0000-0000-0000-000000000000%7D",
	// Of spreadsheets.
	"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "########",
	// Encoded once more than it is decoded.
	"%7Btransaction_id%7D", "%28transaction_id%29",
}

// honestIDs look alike, and are IDs.
var honestIDs = []string{
	"NULL-17", "null0", "nullable", "undefined1", "none-1", "NAN0", "NA12345", "N/A/17", "1E15", "1e5", "12E4", "123e45", "5E10ABC", "219E01BE", "0e0", "1.5", "1.50", "-1", "1-2", "E+15",
	"{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "{A3F504E0-4F89-11D3-9A0C-0305E82C3301}", "(a3f504e0-4f89-11d3-9a0c-0305e82c3301)", "3F2504E0-4F89-11D3-9A0C-0305E82C3301",
	"00000000-0000-0000-0000-000000000001", "00000000000000000000000000000000", "{00000000-0000-0000-0000-000000000001}",
	"#1001", "$12", "$1", "@john", "user@example.com", "x_y", "_abc_", "-abc-", "__8AAA", "A(1)", "[2024]-17", "100%", "50%25", "(A)-1(B)", "SIGNUP", "PURCHASE", "main", "special", "NEWSLETTER", "t1", "T1", "c2",
	"sub1", "abc+def==", "Q29va2ll", "TRANSACTION_ID_17", "transactionid9", "order-17", "ORDER17", "test", "0", "00", "1", "AB", "z", "1/2", "a&b", "a;b", "a=b", "<12>", "{17", "}", "Ω",
	"зай", strings.Repeat("n", 64), "null" + strings.Repeat(" ", 3) + "1", "CLICKID7F3A", "wm4f1bkotult5e0c2d", "51ts6sgr1cbkdhljnrv", "E_C_P_CtsBJpAaoVfUlxm3vbwyT7", "main.click_id.3",
}

// TestStandIns: no ID and no amount is one of them, in whatever dialect and field, and what only looks alike is taken.
func TestStandIns(t *testing.T) {
	for _, d := range All {
		p, err := NewPostback(d, Custom{})
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range standIns {
			for _, n := range []Param{ClickID, TxID, Payout, PayoutCurrency} {
				r := &Reading{}
				r.Values[n] = Value{Name: "x", Raw: []byte(value), Text: []byte(value)}
				if problem := p.Unfilled(r); problem == nil || problem.Reason != schemas.RejectUnexpandedMacro || problem.Param != n {
					t.Errorf("%s: %s %q is %v", d.Name, n, value, problem)
				}
			}
		}
		for _, value := range honestIDs {
			for _, n := range []Param{ClickID, TxID} {
				r := &Reading{}
				r.Values[n] = Value{Name: "x", Raw: []byte(value), Text: []byte(value)}
				if problem := p.Unfilled(r); problem != nil {
					t.Errorf("%s: the honest %s %q is %v", d.Name, n, value, problem)
				}
			}
		}
	}
}

// TestWordsThatStandForNone: an event type and a status are words; what a configuration knows is one, whatever it looks like.
func TestWordsThatStandForNone(t *testing.T) {
	custom := Custom{UnknownStatus: "approved", Statuses: map[string]string{"none": "pending", "true": "approved"}, Events: map[string]string{"null": "lead"}}
	p, err := NewPostback(&Native, custom)
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]schemas.RejectReason{
		"event=undefined": schemas.RejectUnexpandedMacro, "event=N/A": schemas.RejectUnexpandedMacro, "event=EVENT_NAME": schemas.RejectUnexpandedMacro, "event=GOAL": schemas.RejectUnexpandedMacro,
		"event=(goal)": schemas.RejectUnexpandedMacro, "event=$goal": schemas.RejectUnexpandedMacro, "event={0}": schemas.RejectUnexpandedMacro, "event=event_name": schemas.RejectUnexpandedMacro,
		"status=null": schemas.RejectUnexpandedMacro, "status=undefined": schemas.RejectUnexpandedMacro, "status=@status@": schemas.RejectUnexpandedMacro, "status=STATUS": schemas.RejectUnexpandedMacro,
		"event=goal": "", "event=sale": "", "event=none_paid": "", "event=null": "", "status=none": "", "status=TRUE": "", "status=whatever": "", "event=lead": "", "status=approved": "",
	} {
		r := &Reading{}
		p.ReadQuery(r, []byte("click_id=c1&"+query))
		_, problem := p.Interpret(r)
		got := schemas.RejectReason("")
		if problem != nil {
			got = problem.Reason
		}
		if got != want {
			t.Errorf("%s is %q, want %q", query, got, want)
		}
	}
}

// TestRounded: two orders that a spreadsheet gave one number are none.
func TestRounded(t *testing.T) {
	for value, want := range map[string]bool{
		"1.23457E+15": true, "1.23457E 15": true, "1,23457E+15": true, "1E+15": true, "8.96529E+19": true, "2.19E+26": true, "1.2345678901234567e+21": true, "1.23457E15": true, "-1.5E+10": true,
		"1.2e-7": true, " 4.892E+092 ": true,
		"1E15": false, "12e4": false, "219E01BE": false, "1.5": false, "5e-7": false, "E+15": false, "1.E+15": false, "1.2E+": false, "1.2E+15x": false, "1.2E+1234": false, "": false, "-": false,
		"1.2.3E+15": false, "abc": false,
	} {
		if got := isRounded([]byte(value)); got != want {
			t.Errorf("isRounded(%q) = %v", value, got)
		}
	}
	for _, query := range []string{"click_id=1.23457E%2B15", "click_id=1.23457E+15", "click_id=c1&txid=1.23457E%2b15", "click_id=c1&txid=1.23457E+15&payout=3"} {
		if _, _, _, problem := readPostback(t, &Native, Custom{}, query); problem == nil || problem.Reason != schemas.RejectRoundedID {
			t.Errorf("%s is %v", query, problem)
		}
	}
}

// FuzzStandIns holds that the look at a value ends, writes nothing, and finds none in digits.
func FuzzStandIns(f *testing.F) {
	for _, value := range append(append([]string{}, standIns...), honestIDs...) {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		none := false
		fuzzbound.Hold(t, 8*len(value), func() {
			none = StandsForNone(value, value)
			standInWord(value)
			isRounded(value)
			IsNothing(value)
		})
		if !bytes.Equal(value, before) {
			t.Fatal("the value was written to")
		}
		if trimmed := bytes.TrimSpace(value); none && len(trimmed) > 0 && len(bytes.Trim(trimmed, "0123456789")) == 0 {
			t.Fatalf("%q stands for no value", value)
		}
		if none && isRounded(value) && bytes.IndexByte(value, '{') < 0 {
			t.Fatalf("%q is both", value)
		}
	})
}
