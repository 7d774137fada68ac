package ingest

import (
	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/schemas"
)

// linkField says how long a field of a dialect's link may be, and under which name it is counted when it had to be changed.
type linkField struct {
	limit int
	field field
}

var linkFields = func() (t [dialect.Fields]linkField) {
	for f := range t {
		t[f] = linkField{schemas.MaxSubBytes, fieldSub}
	}
	t[dialect.Source] = linkField{schemas.MaxNameBytes, fieldSource}
	t[dialect.ExternalID] = linkField{schemas.MaxExternalID, fieldExternalID}
	t[dialect.Keyword] = linkField{schemas.MaxKeywordBytes, fieldKeyword}
	t[dialect.Creative] = linkField{schemas.MaxKeywordBytes, fieldCreative}
	t[dialect.Cost] = linkField{schemas.MaxNameBytes, fieldCost}
	t[dialect.Currency] = linkField{schemas.MaxNameBytes, fieldCurrency}
	return t
}()

// place is where a visit keeps a field.
func (v *visit) place(f dialect.Field) *[]byte {
	switch f {
	case dialect.Source:
		return &v.source
	case dialect.ExternalID:
		return &v.externalID
	case dialect.Keyword:
		return &v.keyword
	case dialect.Creative:
		return &v.creative
	case dialect.Cost:
		return &v.cost
	case dialect.Currency:
		return &v.currency
	}
	return &v.subs[f-dialect.Sub1]
}

// readLinkOf reads a link of a dialect, nil for our own, with the parameters that the link's source names. Like readLink, it
// keeps the click whatever they are.
func (e *Edge) readLinkOf(d *dialect.Dialect, v *visit, cat *catalog.Catalog, campaign *catalog.Campaign, rawQuery []byte) {
	if d == nil {
		if !cat.AnyOwnParams() {
			e.readLink(v, rawQuery)
			return
		}
		d = &dialect.Native
	}
	reader := cat.Link(d, nil)
	v.text = reader.Read(&v.named, rawQuery, v.text)
	source := campaign.Source
	if name := v.named.Values[dialect.Source]; len(name) > 0 {
		source = cat.Source(name)
	}
	if own := cat.Link(d, source); own != reader {
		reader = own
		v.text = reader.Read(&v.named, rawQuery, v.text)
	}
	v.dropped = v.named.IgnoredParams + v.named.UnknownParams
	for i, value := range v.named.Values {
		f := dialect.Field(i)
		if f < dialect.Source || value == nil {
			continue
		}
		if v.named.Unfilled(f) {
			v.unfilled = true
			e.metrics.sanitized[linkFields[f].field].Inc()
		} else if v.named.Twice(f) || f == dialect.ExternalID && (dialect.IsRounded(value) || reader.Joined(value)) {
			value = value[:0]
			e.metrics.sanitized[linkFields[f].field].Inc()
		}
		*v.place(f) = e.clean(v, value, linkFields[f].limit, linkFields[f].field)
	}
}
