package schemas

// RejectReason says why an input became neither a click nor a ledger entry. The list is closed: every drop has one of
// these codes, a counter, and a row in the ClickHouse table dead_letters.
type RejectReason string

// At the edge.
const (
	RejectMissingClickID   RejectReason = "missing_click_id"
	RejectMalformedClickID RejectReason = "malformed_click_id"
	RejectForgedClickID    RejectReason = "forged_click_id"
	RejectForeignClickID   RejectReason = "foreign_click_id"
	RejectUnknownNetwork   RejectReason = "unknown_network"
	RejectUnknownCampaign  RejectReason = "unknown_campaign"
	RejectUnknownStatus    RejectReason = "unknown_status"
	RejectBadEvent         RejectReason = "bad_event"
	RejectBadPayout        RejectReason = "bad_payout"
	RejectBadCost          RejectReason = "bad_cost"
	RejectBadCurrency      RejectReason = "bad_currency"
	RejectNoExchangeRate   RejectReason = "no_exchange_rate"
	RejectBadTimestamp     RejectReason = "bad_timestamp"
	RejectUnexpandedMacro  RejectReason = "unexpanded_macro"
	RejectTooLong          RejectReason = "too_long"
	RejectBadText          RejectReason = "bad_text"
	RejectBadBody          RejectReason = "bad_body"
	RejectIgnoredStatus    RejectReason = "ignored_status"
	RejectBadSignature     RejectReason = "bad_signature"
	RejectStaleRequest     RejectReason = "stale_request"
	RejectReplayedRequest  RejectReason = "replayed_request"
	RejectBadToken         RejectReason = "bad_token"
	RejectIPNotAllowed     RejectReason = "ip_not_allowed"
	RejectRateLimited      RejectReason = "rate_limited"
	RejectUnknownOffer     RejectReason = "unknown_offer"
	RejectExpiredClickID   RejectReason = "expired_click_id"
	RejectOverMaxPayout    RejectReason = "over_max_payout"
	RejectTwoValues        RejectReason = "two_values"
	RejectUnread           RejectReason = "unread_parameter"
	RejectRoundedID        RejectReason = "rounded_id"
	RejectJoined           RejectReason = "joined_parameters"
	RejectUnknownPath      RejectReason = "unknown_path"
)

// In the processor.
const (
	RejectDuplicateClick RejectReason = "duplicate_click"
	RejectDuplicate      RejectReason = "duplicate_postback"
	RejectStaleStatus    RejectReason = "stale_status"
	RejectOutsideWindow  RejectReason = "outside_window"
	RejectOrphan         RejectReason = "orphan"
	RejectParkingFull    RejectReason = "parking_full"
	RejectUndecodable    RejectReason = "undecodable_record"
	RejectStageFailed    RejectReason = "stage_failed"
	RejectTooMany        RejectReason = "too_many_conversions"
	RejectAmountRange    RejectReason = "amount_out_of_range"
)

// In the sink.
const (
	RejectRowRefused RejectReason = "row_refused"
)

// A RejectInfo explains a reject reason to the person who finds it.
type RejectInfo struct {
	Reason RejectReason
	Place  string // ingest, processor or sink
	Means  string
	Mend   string
}

// RejectReasons is the closed list.
var RejectReasons = []RejectInfo{
	{RejectMissingClickID, "ingest", "the postback names no click ID", "put the click ID macro of the network into click_id"},
	{RejectMalformedClickID, "ingest", "the click ID is not one of ours and the network may not send foreign ones", "send back the click_id of the link unchanged, or set allow_foreign_click_ids for the network"},
	{RejectForgedClickID, "ingest", "the click ID's signature does not fit: altered, invented, or its key was retired", "look for a network that invents conversions; keep keys for the whole lookback window"},
	{RejectForeignClickID, "ingest", "a click ID of another tracker where it is not allowed", "set allow_foreign_click_ids where it is meant"},
	{RejectUnknownNetwork, "ingest", "the postback names a network that the catalog lacks", "declare the network, or correct the URL"},
	{RejectUnknownCampaign, "ingest", "the click names a campaign that the catalog lacks", "declare the campaign, or correct the link"},
	{RejectUnknownStatus, "ingest", "the status word maps to no status", "add the word to the network's statuses"},
	{RejectBadEvent, "ingest", "the event type has characters other than a-z, 0-9, _ - .", "correct the event in the postback URL"},
	{RejectBadPayout, "ingest", "the payout is not a decimal number from 0 to 1,000,000,000, nor one below 0 of a network that may correct what it paid", "send digits with a point, such as 12.50; for corrections set negative_payout: correct for the network"},
	{RejectBadCost, "ingest", "the cost is not a decimal number from 0 to 1,000,000,000", "send digits with a point, such as 0.0125"},
	{RejectBadCurrency, "ingest", "the currency is not three letters of ISO 4217", "send a code such as USD"},
	{RejectNoExchangeRate, "ingest", "no exchange rate is declared for the currency at that date", "declare the rate, then replay the dead letter"},
	{RejectBadTimestamp, "ingest", "the time is neither Unix seconds, Unix milliseconds nor RFC 3339, or lies in the future", "send Unix seconds"},
	{RejectUnexpandedMacro, "ingest", "a parameter is still the macro, such as {payout}, or stands for no value, such as null: the network did not fill it in", "correct the macro in the network's postback settings"},
	{RejectTooLong, "ingest", "a parameter is longer than its limit", "shorten it; the data dictionary lists the limits"},
	{RejectBadText, "ingest", "a parameter is not valid UTF-8 or has control characters", "percent-encode the text as UTF-8"},
	{RejectBadBody, "ingest", "the body cannot be read as the content type says", "send application/json or a form"},
	{RejectIgnoredStatus, "ingest", "the postback's own URL says that its status is to be ignored", "nothing, or take the word out of ignore_status in the network's postback URL"},
	{RejectBadSignature, "ingest", "the network signs its postbacks, and this one is not signed or its signature does not fit", "compare key and canonical query with the network; look for somebody who invents conversions"},
	{RejectStaleRequest, "ingest", "the postback is signed, but its timestamp lies further from the edge's clock than hmac_max_age", "set the sender's clock; a retry has to be signed again"},
	{RejectReplayedRequest, "ingest", "a signed postback with this nonce was taken before", "nothing: a retry or a replay was recognised; each request needs a nonce of its own"},
	{RejectBadToken, "ingest", "the postback lacks the network's shared token, or has another one", "correct the token in the network's postback URL, or declare it in the network's trust.tokens and replay"},
	{RejectIPNotAllowed, "ingest", "the client's address is not in the network's trust.allow", "add the network's address, or declare the proxy in front in ingest.trusted_proxies"},
	{RejectRateLimited, "ingest", "the network or the client's address sent more postbacks than it may; a sample of them has rows", "nothing: the sender was told when to come again; raise postbacks_per_second if the rate is right"},
	{RejectUnknownOffer, "ingest", "a landing page's button has a number that its campaign has no offer for", "correct the button's link, or add the offer to the campaign"},
	{RejectExpiredClickID, "ingest", "a landing page's button was pressed longer after its click than ingest.landing_window allows", "nothing: the click is old; widen ingest.landing_window if such visitors are to go on"},
	{RejectOverMaxPayout, "ingest", "the payout is worth more than the network's max_payout", "ask the network; raise max_payout and replay if the payout is right, else look for somebody who invents conversions"},
	{RejectTwoValues, "ingest", "a parameter of money, status or identity is there twice, with two values", "have the network send one; both are in the dead letter's request"},
	{RejectUnread, "ingest", "a parameter's name says that it is the payout, its currency, the status, the event type or the transaction ID, and the network has no such parameter", "map it in the network's params, or leave it out there with ignored, then replay"},
	{RejectRoundedID, "ingest", "an ID is a number in scientific notation, such as 1.23457E+15: a spreadsheet took it for a number and lost its last digits", "format the column as text and upload what the network wrote; the digits are in the network's own file"},
	{RejectJoined, "ingest", "a value has another parameter in it: the ampersand between them was escaped or is missing", "send each parameter of its own, with & between them"},
	{RejectUnknownPath, "ingest",
		"a request with a click ID of ours came to a path, or with a method, that nothing takes", "read the raw request; correct the URL in the network's postback settings, and book what is missing with a postback of your own"},
	{RejectDuplicateClick, "processor", "a click with this ID was counted before", "nothing: a retry was recognised"},
	{RejectDuplicate, "processor", "the same conversion with the same status and payout was booked before", "nothing: a retry was recognised; send a txid when repeat conversions are meant"},
	{RejectStaleStatus, "processor", "the conversion is decided already; it cannot go back to registered or pending", "nothing, or ask the network why it sends an older status"},
	{RejectOutsideWindow, "processor", "the conversion happened later after its click than the lookback window allows", "widen processor.window if such conversions are to be paid"},
	{RejectOrphan, "processor", "no click with this foreign ID came within the grace time", "import the other tracker's clicks, or look for the click at the network"},
	{RejectParkingFull, "processor", "too many postbacks wait for their click", "look for a network sending unknown click IDs; raise processor.max_parked"},
	{RejectUndecodable, "processor", "a record in a topic is not the event it should be", "look for a foreign producer on the topic"},
	{RejectStageFailed, "processor", "a stage failed at a record or a timer; of a stage of your own: its outputs lack it, clicks and conversions do not", "read stage and detail, which has the panic's place; correct the stage, restart, then replay the record"},
	{RejectTooMany, "processor", "the click has as many conversions as one click may have, or as many of its network as max_conversions_per_click allows; a correction, also when its conversion was refused so", "look for a network that invents transaction IDs; raise max_conversions_per_click for the network if its clicks convert so often"},
	{RejectAmountRange, "processor", "an amount is beyond 1,000,000,000 or its network's max_payout, which the edge never writes", "look for who else produces to the topics clicks and postbacks"},
	{RejectRowRefused, "sink", "ClickHouse refused this row for good", "read detail; correct the schema, then replay"},
}
