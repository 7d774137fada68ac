package block

import (
	"fmt"
	"net/netip"
	"strconv"

	"tributary/schemas/events"
)

// Answer is what a blocked visitor gets.
type Answer = events.Block_Answer

// The answers.
const (
	// Fallback is the campaign's fallback offer; a listed bot gets 204, and a person of a campaign without one the page.
	Fallback = events.Block_ANSWER_FALLBACK
	// Empty is 204 to everybody.
	Empty = events.Block_ANSWER_EMPTY
	// Page is a page that says that nothing is here, to everybody.
	Page = events.Block_ANSWER_PAGE
)

// answerNames are the words of people.
var answerNames = map[Answer]string{Fallback: "fallback", Empty: "empty", Page: "page"}

// AnswerName is the word for an answer.
func AnswerName(a Answer) string { return answerNames[a] }

// ParseAnswer reads the word for an answer, or says which there are.
func ParseAnswer(text string) (Answer, error) {
	for a, name := range answerNames {
		if name == text {
			return a, nil
		}
	}
	return 0, fmt.Errorf("%q is no answer: want fallback (the campaign's fallback offer, 204 for listed bots), "+
		"empty (204) or page", text)
}

// Block is one block, checked and ready to be compiled.
type Block struct {
	ID string
	// Campaign that it is for; 0 for all.
	Campaign uint32
	// SourceID is the number of a declared source, Source the name of another one; of both at most one is set.
	SourceID uint32
	Source   string
	// Sub of the source, 1 to 20, and its value; 0 for all of the source.
	Sub   int
	Value string
	// Network is a network of addresses, masked, IPv4 as such; not valid for none.
	Network netip.Prefix
	ASN     uint32
	// Agent is one of Agents, empty for none.
	Agent string

	Answer Answer
	// Shadow: it marks clicks and is not applied.
	Shadow bool
	// UntilMS is when it ends, Unix ms; 0 for never.
	UntilMS int64
	// Order is a number that grows with each block that is written: of two the smaller one was first.
	Order int64
}

// Decode reads the value of an entry that Check has accepted. removed tells of one that blocks no more.
func Decode(id string, order int64, value []byte) (b Block, removed bool, err error) {
	var v events.Block
	if err := read(id, value, &v); err != nil {
		return Block{}, false, err
	}
	b = Block{ID: id, Campaign: v.CampaignId, SourceID: v.SourceId, Sub: int(v.Sub), Value: v.SubValue, ASN: v.Asn,
		Agent: v.Agent, Answer: v.Answer, Shadow: v.Shadow, UntilMS: v.UntilMs, Order: order}
	if v.SourceId == 0 {
		b.Source = v.Source
	}
	if v.Network != "" {
		b.Network = netip.MustParsePrefix(v.Network) // read has checked it
	}
	return b, v.Removed, nil
}

// On says in words what a block is on, for people: "source pushads sub1=123", "network 203.0.113.0/24".
func On(v *events.Block) string {
	source := "source " + v.Source
	if v.Source == "" {
		source = "source number " + strconv.FormatUint(uint64(v.SourceId), 10)
	}
	switch {
	case v.Sub != 0:
		return source + " sub" + strconv.Itoa(int(v.Sub)) + "=" + v.SubValue
	case v.SourceId != 0 || v.Source != "":
		return source
	case v.Network != "":
		return "network " + v.Network
	case v.Asn != 0:
		return "asn " + strconv.FormatUint(uint64(v.Asn), 10)
	}
	return "agent " + v.Agent
}

// In says in words which campaigns a block is for.
func In(v *events.Block) string {
	switch {
	case v.CampaignId == 0:
		return "all"
	case v.Campaign == "":
		return strconv.FormatUint(uint64(v.CampaignId), 10)
	}
	return v.Campaign
}
