package importer

import "strconv"

// Field is what a column means to a click.
type Field uint8

// The fields that have a meaning of their own; Sub answers the sub-IDs.
const (
	ClickID Field = iota
	Time
	Campaign
	Source
	Cost
	Currency
	ExternalID
	Keyword
	Creative
	IP
	UserAgent
	Referrer
	Language
	Visitor
	// Sub1 is sub1.
	Sub1

	maxSubs = 20
	// Fields is how many there are.
	Fields = int(Sub1) + maxSubs
)

// Sub is the field sub<n>, n from 1 to 20.
func Sub(n int) Field { return Sub1 + Field(n-1) }

var fieldNames = [Sub1]string{"click_id", "time", "campaign", "source", "cost", "currency", "external_id", "keyword", "creative", "ip", "user_agent", "referrer",
	"language", "visitor"}

// String is the field's name in --columns.
func (f Field) String() string {
	if f < Sub1 {
		return fieldNames[f]
	}
	return "sub" + strconv.Itoa(int(f-Sub1)+1)
}

// FieldNames lists the fields for error texts.
const FieldNames = "click_id, time, campaign, source, cost, currency, external_id, keyword, creative, ip, user_agent, referrer, language, visitor, sub1 to sub20"

// ParseField reads a field's name.
func ParseField(name string) (Field, bool) {
	for f := Field(0); int(f) < Fields; f++ {
		if f.String() == name {
			return f, true
		}
	}
	return 0, false
}
