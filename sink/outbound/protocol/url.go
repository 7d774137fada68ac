package protocol

import (
	"fmt"
	"net/http"
	"time"

	"tributary/catalog/destination"
	"tributary/schemas/events"
)

// byURL is all that is a URL with macros, with a body or without: free templates and those of traffic sources. It tells one request a call;
// the template's rules read the answer.
type byURL struct{}

func (byURL) Group(_ *destination.Destination, req *events.OutboundRequest) string {
	return req.GetRequestId()
}

func (byURL) Call(d *destination.Destination, reqs []*events.OutboundRequest, _ time.Time) (*Call, error) {
	if err := single(d, reqs); err != nil {
		return nil, err
	}
	req := reqs[0]
	outline := map[events.OutboundRequest_Told]*destination.Outline{
		events.OutboundRequest_TOLD_CREATED: d.Created, events.OutboundRequest_TOLD_RESTATED: d.Restated,
		events.OutboundRequest_TOLD_RETRACTED: d.Retracted,
	}[req.GetTold()]
	if outline == nil {
		return nil, fmt.Errorf("request %s: %s has no URL for a %s", req.GetRequestId(), d.Name, toldWord(req.GetTold()))
	}
	call := &Call{Method: outline.Method, Header: http.Header{"User-Agent": {userAgent}}}
	call.URL, call.Masked = outline.URL(req.GetValues())
	body, kind := outline.Body(req.GetValues())
	if call.Body = body; kind != "" {
		call.Header.Set("Content-Type", kind)
	}
	outline.Headers(call.Header, req.GetValues())
	return call, nil
}

// single is the error of more requests than one.
func single(d *destination.Destination, reqs []*events.OutboundRequest) error {
	if len(reqs) != 1 {
		return fmt.Errorf("%s is told one conversion a call, not %d", d.Name, len(reqs))
	}
	return nil
}

func (byURL) Judge(d *destination.Destination, reqs []*events.OutboundRequest, answer *Answer) []Verdict {
	return all(len(reqs), byRules(&d.Success, answer))
}
