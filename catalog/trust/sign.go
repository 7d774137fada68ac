package trust

import (
	"encoding/hex"
	"net/url"
	"strconv"
	"time"
)

// Sign is the sender's side: it answers rawQuery with the parameters of a signature at its end. rawQuery is the query as it
// will be sent, which names the network or not; body is the one that will be sent, nil for none. Each call needs another
// nonce of 8 to 64 characters a-z A-Z 0-9 _ -
func Sign(network, rawQuery string, body []byte, keyID string, secret []byte, at time.Time, nonce string) string {
	if rawQuery != "" {
		rawQuery += "&"
	}
	rawQuery += ParamKey + "=" + url.QueryEscape(keyID) + "&" + ParamTime + "=" + strconv.FormatInt(at.Unix(), 10) + "&" + ParamNonce + "=" + nonce
	var s scratch
	s.canonical(network, []byte(rawQuery), body)
	newKey(keyID, secret).sign(s.message, &s.sum)
	return rawQuery + "&" + ParamSignature + "=" + hex.EncodeToString(s.sum[:])
}
