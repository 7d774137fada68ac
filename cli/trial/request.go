package trial

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tributary/catalog"
	"tributary/catalog/dialect"
	"tributary/catalog/money"
	"tributary/catalog/trust"
	"tributary/cli/misuse"
	"tributary/schemas/id"
)

// Source is the name under which test clicks are kept. It is not to be declared: then it has no number either.
const Source = "tributary-test"

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 64 << 10

// sender makes the network's postbacks.
type sender struct {
	o       *Options
	network *catalog.NetworkConfig
	dialect *dialect.Dialect
	reader  *dialect.Postback
	txid    string
}

func newSender(o *Options) (*sender, error) {
	s := &sender{o: o, txid: Source + "-" + strings.ToLower(rand.Text()[:10])}
	for i := range o.Config.Networks {
		if o.Config.Networks[i].Name == o.Network {
			s.network = &o.Config.Networks[i]
		}
	}
	if s.network == nil {
		return nil, misuse.Errorf("there is no network %q; the networks are %s", o.Network, o.Catalog.NetworkNames())
	}
	s.reader = o.Catalog.Network([]byte(o.Network)).Postback
	s.dialect = s.reader.Dialect()
	if !o.Keep && !s.canReject() {
		return nil, misuse.Errorf("postbacks of network %s have no status, so that the test conversion could not be taken back; right would be --keep (with --payout 0 it brings no money), or a parameter for the status in the network's params", o.Network)
	}
	return s, nil
}

// has tells whether the network's postbacks can say something.
func (s *sender) has(p dialect.Param) bool {
	return slices.Contains(slices.Collect(maps.Values(s.network.Params)), p.String()) ||
		slices.ContainsFunc(s.dialect.Postback.Names, func(n dialect.ParamName) bool { return n.Param == p })
}

// canReject: a correction is taken back by a status beside its payout, never by a payout that says so.
func (s *sender) canReject() bool {
	return s.has(dialect.Status) || len(s.dialect.Postback.Deletes) > 0 && s.has(dialect.Payout) && !strings.HasPrefix(s.o.Payout, "-")
}

// payout is the amount as the network writes it: what is asked for with a point has a comma where that is its mark.
func (s *sender) payout() string {
	if _, err := money.ParseSigned([]byte(s.o.Payout)); err != nil {
		return s.o.Payout
	}
	return string(s.o.Catalog.Network([]byte(s.o.Network)).Decimal.Write([]byte(s.o.Payout)))
}

// url is the postback of a click; rejected takes it back.
func (s *sender) url(clickID string, rejected bool) (string, error) {
	values := map[dialect.Param]string{dialect.ClickID: clickID}
	set := func(p dialect.Param, value string) {
		if value != "" && s.has(p) {
			values[p] = value
		}
	}
	set(dialect.Event, s.o.Event)
	set(dialect.Status, s.o.Status)
	set(dialect.Payout, s.payout())
	set(dialect.TxID, s.txid)
	if s.o.Payout != "" {
		set(dialect.PayoutCurrency, s.o.Currency)
	}
	if rejected {
		if s.has(dialect.Status) {
			values[dialect.Status] = "rejected"
		} else {
			values[dialect.Payout] = s.dialect.Postback.Deletes[0]
		}
	}
	params := maps.Clone(s.network.Params)
	if names := slices.Sorted(maps.Keys(s.network.Trust.Tokens)); len(names) > 0 {
		if params == nil {
			params = map[string]string{}
		}
		params[s.tokenParameter()] = dialect.Token.String()
		values[dialect.Token] = string(s.network.Trust.Tokens[names[0]])
	}
	text, err := dialect.BuildPostbackTemplate(s.dialect, dialect.PostbackOptions{Base: s.o.Edge, Network: s.network.Name, Macros: values, Params: params})
	if err != nil {
		return "", fmt.Errorf("writing the postback: %w", err)
	}
	if ids := slices.Sorted(maps.Keys(s.network.Trust.HMACKeys)); len(ids) > 0 {
		path, rawQuery, _ := strings.Cut(text, "?")
		text = path + "?" + trust.Sign(s.network.Name, rawQuery, nil, ids[0], secret(s.network.Trust.HMACKeys[ids[0]]), time.Now(), rand.Text())
	}
	return text, nil
}

func (s *sender) tokenParameter() string {
	own := ""
	for _, n := range s.dialect.Postback.Names {
		if n.Param == dialect.Token {
			own = n.Name
		}
	}
	return cmp.Or(s.network.Trust.TokenParameter, own, dialect.Token.String())
}

// secret is a signing key as the catalog reads it: hexadecimal digits, or the text itself.
func secret(text catalog.Secret) []byte {
	if decoded, err := hex.DecodeString(string(text)); err == nil && len(decoded) >= id.MinKeyBytes {
		return decoded
	}
	return []byte(text)
}

// An answer is what the edge said to one request.
type answer struct {
	status  int
	clickID string
	receipt string
	// problem says what is wrong with a request that was not taken.
	problem string
	at      time.Time // when it was sent
	took    time.Duration
}

// get sends one request. The error is one of the connection.
func (o *Options) get(ctx context.Context, address string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("writing the request: %w", err)
	}
	request.Header.Set("User-Agent", "tributary-postback-test")
	a := &answer{at: time.Now()}
	response, err := o.Client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: asking the edge at %s: %w", ErrStuck, o.Edge, stripURL(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	a.took = time.Since(a.at)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the edge's answer: %w", ErrStuck, err)
	}
	a.status, a.clickID = response.StatusCode, response.Header.Get("X-Click-Id")
	var parsed struct {
		ReceiptID string `json:"receipt_id"`
		Error     *struct {
			Reason       string `json:"reason"`
			Detail       string `json:"detail"`
			WouldBeRight string `json:"would_be_right"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &parsed) // a dialect's own answer is none of ours
	a.receipt = parsed.ReceiptID
	if e := parsed.Error; e != nil {
		a.problem = e.Reason + ": " + e.Detail
		if e.WouldBeRight != "" {
			a.problem += "; right would be " + e.WouldBeRight
		}
	} else if a.status >= http.StatusBadRequest {
		a.problem = fmt.Sprintf("%d %.200s", a.status, body)
	}
	return a, nil
}

// stripURL leaves the address out of an error: a token may be in it.
func stripURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
