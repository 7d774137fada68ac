package attributor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"tributary/schemas"
	"tributary/schemas/events"
	"tributary/schemas/state"
)

// Booked tells whether the book has the conversion, or the correction, that a postback is about, by the rules of a
// version.
func Booked(book *state.Book, pb *events.Postback, decisions uint32) bool {
	return find(book, pb, decisions) != nil
}

// corrects tells a postback whose payout is below 0: it is about a correction. One without a payout is about the
// conversion, whatever corrections have its transaction ID: a network that decides on a correction names the amount
// again.
func corrects(pb *events.Postback) bool { return pb.HasPayout && pb.PayoutMicros < 0 }

// isCorrection tells what an item is from its first entry on: find gives a correction only payouts below 0, a
// conversion none.
func isCorrection(item *state.Item) bool {
	return item.PayoutMicros < 0 && item.PayoutSource == int32(events.Conversion_PAYOUT_SOURCE_POSTBACK)
}

func noun(item *state.Item) string {
	if isCorrection(item) {
		return "correction"
	}
	return "conversion"
}

// kindOf is the noun of what a postback would make.
func kindOf(pb *events.Postback) string {
	if corrects(pb) {
		return "correction"
	}
	return "conversion"
}

// find answers the item of the postback's identity: (click ID, network, event type, transaction ID, correction or
// not), where a blank transaction ID is an identity of its own, or none at all where the network's policy says so.
// Before schemas.DecisionsByNetwork the network was no part of it.
//
// There is one at most: what is nobody's was made when the network was no part of an identity, and its network
// takes it rather than making another.
func find(book *state.Book, pb *events.Postback, decisions uint32) *state.Item {
	receipt := ""
	if pb.Txid == "" && pb.BlankTxidIsNew {
		receipt = pb.ReceiptId
	}
	for _, item := range book.Items {
		if item.Event == pb.Event && item.Txid == pb.Txid && item.ReceiptId == receipt &&
			isCorrection(item) == corrects(pb) && (decisions < schemas.DecisionsByNetwork || isOf(item, pb.Network)) {
			return item
		}
	}
	return nil
}

// isOf tells whether an item is a network's. What was made under schemas.DecisionsByTransaction by a postback that
// carried no bound is nobody's: it counts for every network, and is the first one's that changes it.
func isOf(item *state.Item, network string) bool {
	return item.Network == network || item.Network == "" && item.Decisions < schemas.DecisionsByNetwork
}

// DecisionsOf returns the version of the rules that a conversion's ID was made by, from its first entry. Another entry,
// and an ID that no version makes, tells none.
func DecisionsOf(e *events.Conversion) (version uint32, told bool) {
	if e.Seq != 1 || e.Kind != events.Conversion_KIND_CREATED && e.Kind != events.Conversion_KIND_CORRECTION {
		return 0, false
	}
	item := state.Item{Event: e.Event, Txid: e.Txid, Network: e.Network, PayoutMicros: e.PayoutMicros, PayoutSource: int32(e.PayoutSource)}
	for _, item.ReceiptId = range [...]string{"", e.ReceiptId} {
		for item.Decisions = range schemas.Decisions + 1 {
			if conversionID(e.ClickId, &item) == e.ConversionId {
				return item.Decisions, true
			}
		}
	}
	return 0, false
}

// conversionID is the first 16 bytes of SHA-256 over the length-prefixed parts of the identity, in hex. That of an
// item which was made before the network was a part of it stays what it was: four parts, one more for a correction.
// No list of parts is another's beginning, and none has as many as those with a network, so that the two kinds
// never meet.
func conversionID(clickID string, item *state.Item) string {
	const correction = "correction"
	var list [6]string
	parts := append(list[:0], clickID, item.Event, item.Txid, item.ReceiptId)
	switch {
	case item.Decisions >= schemas.DecisionsByNetwork && isCorrection(item):
		parts = append(parts, correction, item.Network)
	case item.Decisions >= schemas.DecisionsByNetwork:
		parts = append(parts, "", item.Network)
	case isCorrection(item):
		parts = append(parts, correction)
	}
	buf := make([]byte, 0, 256)
	for _, part := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:16])
}
