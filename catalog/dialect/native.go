package dialect

import "tributary/schemas/events"

// Native is Tributary's own dialect.
var Native = Dialect{
	Name: "native",
	Link: LinkTable{
		Paths: []Path{{Pattern: "/c/{campaign}"}},
		Names: join([]FieldName{
			{"source", Source, Plain}, {"external_id", ExternalID, Plain}, {"keyword", Keyword, Plain}, {"creative", Creative, Plain},
			{"cost", Cost, Plain}, {"currency", Currency, Plain},
		}, subs("sub", 20)),
	},
	Postback: PostbackTable{
		Paths: []Path{{Pattern: "/postback", Has: []string{"click_id"}}},
		Names: []ParamName{
			{"network", Network, Plain}, {"click_id", ClickID, Plain}, {"event", Event, Plain}, {"status", Status, Plain}, {"payout", Payout, Plain},
			{"currency", PayoutCurrency, Plain}, {"txid", TxID, Plain}, {"ts", Timestamp, Plain},
		},
		Default: events.Status_STATUS_APPROVED,
	},
	Sends: []Macro{{ClickID, "{external_id}"}, {Payout, "{payout}"}, {Status, "{status}"}, {TxID, "{txid}"}, {Event, "{event}"}, {PayoutCurrency, "{currency}"}},
}

var _ = add(0, &Native)
