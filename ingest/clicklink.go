package ingest

import (
	"bytes"

	"tributary/catalog/dialect"
	"tributary/catalog/query"
	"tributary/schemas"
)

// readLink reads the parameters of a click link. A paid click is never lost for a bad one: what cannot be kept is cut,
// cleaned or blanked, and counted. The first of several parameters of one name counts.
func (e *Edge) readLink(v *visit, raw []byte) {
	scan := query.ScanFor(raw, isLinkName)
	for {
		key, value, ok := scan.Next()
		if !ok {
			return
		}
		if query.Encoded(key) {
			start := len(v.text)
			v.text = query.Decode(v.text, key)
			key = v.text[start:]
		}
		if len(value) == 0 {
			if _, _, ok := query.Unequal(key); ok {
				v.dropped++
			}
			continue
		}
		switch string(key) {
		case "source":
			e.keep(v, &v.source, value, schemas.MaxNameBytes, fieldSource)
		case "external_id":
			e.keep(v, &v.externalID, value, schemas.MaxExternalID, fieldExternalID)
		case "keyword":
			e.keep(v, &v.keyword, value, schemas.MaxKeywordBytes, fieldKeyword)
		case "creative":
			e.keep(v, &v.creative, value, schemas.MaxKeywordBytes, fieldCreative)
		case "cost":
			e.keep(v, &v.cost, value, schemas.MaxNameBytes, fieldCost)
		case "currency":
			e.keep(v, &v.currency, value, schemas.MaxNameBytes, fieldCurrency)
		default:
			if n := subNumber(key); n > 0 {
				e.keep(v, &v.subs[n-1], value, schemas.MaxSubBytes, fieldSub)
			} else {
				v.dropped++
			}
		}
	}
}

// isLinkName tells the names that readLink reads.
func isLinkName(name []byte) bool {
	switch string(name) {
	case "source", "external_id", "keyword", "creative", "cost", "currency":
		return true
	}
	return subNumber(name) > 0
}

// subNumber reads "sub1" to "sub20"; 0 for anything else.
func subNumber(key []byte) int {
	if len(key) < 4 || len(key) > 5 || key[0] != 's' || key[1] != 'u' || key[2] != 'b' || key[3] < '1' || key[3] > '9' {
		return 0
	}
	n := int(key[3] - '0')
	if len(key) == 5 {
		if key[4] < '0' || key[4] > '9' {
			return 0
		}
		n = n*10 + int(key[4]-'0')
	}
	if n > schemas.MaxSubs {
		return 0
	}
	return n
}

// keep decodes raw into *dst unless an earlier parameter did. Plain text stays where it is.
func (e *Edge) keep(v *visit, dst *[]byte, raw []byte, limit int, f field) {
	if *dst != nil && (len(*dst) == 0 || !oneValue[f]) {
		return
	}
	value := raw
	plain := query.IsPlain(raw)
	if plain && *dst == nil && len(raw) <= limit && f != fieldExternalID && f != fieldCurrency {
		*dst = raw
		return
	}
	if !plain && query.Encoded(raw) {
		start := len(v.text)
		if f == fieldExternalID {
			v.text = query.DecodeID(v.text, raw)
		} else {
			v.text = query.Decode(v.text, raw)
		}
		value = v.text[start:len(v.text):len(v.text)]
	}
	switch unfilled := !plain && query.IsMacro(raw, value) || (f == fieldExternalID || f == fieldCurrency) && dialect.StandsForNone(raw, value); {
	case *dst != nil:
		// Which of two values is right nobody can tell.
		if !unfilled && !bytes.Equal(*dst, value) {
			*dst = []byte{}
			e.metrics.sanitized[f].Inc()
		}
		return
	case unfilled:
		*dst = []byte{}
		v.unfilled = true
		e.metrics.sanitized[f].Inc()
		return
	case f == fieldExternalID && (dialect.IsRounded(value) || !plain && query.Joined(value, isLinkName)):
		*dst = []byte{}
		e.metrics.sanitized[f].Inc()
		return
	}
	*dst = e.clean(v, value, limit, f)
}

// clean makes value text of at most limit bytes, or a name where the field is one, on a copy when it is not already. An ID that is too
// long is dropped: a part of one is another.
func (e *Edge) clean(v *visit, value []byte, limit int, f field) []byte {
	name := isName[f]
	if len(value) <= limit && (name && query.IsName(value) || !name && query.IsText(value)) {
		return value
	}
	e.metrics.sanitized[f].Inc()
	start := len(v.text)
	v.text = append(v.text, value...)
	copied := v.text[start:len(v.text):len(v.text)]
	if neverCut[f] {
		if text, _ := query.CleanName(copied, len(copied)); len(text) <= limit {
			return text
		}
		return []byte{}
	}
	if name {
		text, _ := query.CleanName(copied, limit)
		return text
	}
	text, _ := query.Clean(copied, limit)
	return text
}
