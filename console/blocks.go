package console

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"tributary/catalog"
	"tributary/catalog/block"
	"tributary/console/store"
	"tributary/schemas/events"
)

// Blocks changes which clicks are kept away. Its errors wrap ErrAsked where who asks can put it right.
type Blocks interface {
	Add(ctx context.Context, author, reason string, v *events.Block) (id string, revision int64, err error)
	Remove(ctx context.Context, author, reason, id string) (revision int64, err error)
}

// ErrAsked is wrapped by what is wrong with what was asked.
var ErrAsked = errors.New("it cannot be done")

// A Block is one that is in force.
type Block struct {
	ID       string `json:"id"`
	On       string `json:"on" doc:"What is blocked, in words"`
	Campaign string `json:"campaign" doc:"all, or the one that it is for"`
	Answer   string `json:"answer" doc:"fallback, empty or page"`
	Shadow   bool   `json:"shadow" doc:"It only marks clicks"`
	UntilMS  int64  `json:"until_ms,omitempty" doc:"0: for ever"`
	AtMS     int64  `json:"at_ms"`
	Author   string `json:"author"`
	Reason   string `json:"reason"`
	Revision int64  `json:"revision"`
}

// A NewBlock says what to keep away: exactly one of source, network, asn and agent.
type NewBlock struct {
	Source   string `json:"source,omitempty" maxLength:"64"`
	Sub      int    `json:"sub,omitempty" minimum:"1" maximum:"20" doc:"Of the source only this value of a sub"`
	SubValue string `json:"sub_value,omitempty" maxLength:"512"`
	Network  string `json:"network,omitempty" maxLength:"64" doc:"An address or a network" example:"203.0.113.0/24"`
	ASN      uint32 `json:"asn,omitempty"`
	Agent    string `json:"agent,omitempty" maxLength:"64" doc:"A class of user agents"`
	Campaign string `json:"campaign,omitempty" maxLength:"64" doc:"Only in this campaign; none: in all, for who sees everything"`
	Answer   string `json:"answer,omitempty" enum:"fallback,empty,page" default:"fallback"`
	Shadow   bool   `json:"shadow,omitempty"`
	Seconds  int64  `json:"seconds,omitempty" minimum:"1" maximum:"315360000" doc:"How long; none: for ever"`
	Reason   string `json:"reason" minLength:"1" maxLength:"512" doc:"For whoever finds the block later"`
}

// inForce lists the blocks that somebody sees: of his campaigns, and of all of them.
func (s *Server) inForce(p *Principal) ([]Block, error) {
	if s.deps.Control == nil || s.deps.Control() == nil {
		return nil, huma.Error503ServiceUnavailable("what is in force of the topic control is not known yet; /readyz says why")
	}
	campaigns := map[uint32]bool{}
	for _, c := range s.deps.Catalog().Campaigns {
		campaigns[uint32(c.ID)] = p.Scope.Sees(&c)
	}
	list := []Block{}
	for e := range s.deps.Control().At(s.deps.Now()).Each(block.Kind) {
		v := &events.Block{}
		if block.Check(e.ID, e.Value) != nil || v.UnmarshalVT(e.Value) != nil || v.Removed {
			continue
		}
		if v.CampaignId != 0 && !p.Scope.All && !campaigns[v.CampaignId] {
			continue
		}
		list = append(list, Block{ID: e.ID, On: block.On(v), Campaign: cmp.Or(v.Campaign, "all"), Answer: block.AnswerName(v.Answer), Shadow: v.Shadow,
			UntilMS: v.UntilMs, AtMS: e.At.UnixMilli(), Author: e.Author, Reason: e.Reason, Revision: e.Revision})
	}
	return list, nil
}

// blockOf reads what somebody wants to block, within his scope.
func (s *Server) blockOf(p *Principal, n *NewBlock) (*events.Block, error) {
	wrong := func(err error) error { return huma.Error422UnprocessableEntity(err.Error()) }
	c := s.deps.Catalog()
	v := &events.Block{Source: n.Source, Sub: uint32(n.Sub), SubValue: n.SubValue, Asn: n.ASN, Agent: n.Agent, Shadow: n.Shadow}
	var err error
	if v.Answer, err = block.ParseAnswer(cmp.Or(n.Answer, block.AnswerName(block.Fallback))); err != nil {
		return nil, wrong(err)
	}
	if i := slices.IndexFunc(c.Sources, func(s catalog.SourceConfig) bool { return s.Name == n.Source }); i >= 0 {
		v.SourceId = uint32(c.Sources[i].ID)
	}
	if n.Network != "" {
		network, err := block.ParseNetwork(n.Network)
		if err != nil {
			return nil, wrong(err)
		}
		v.Network = network.String()
	}
	if n.Campaign != "" {
		i := slices.IndexFunc(c.Campaigns, func(c catalog.CampaignConfig) bool { return c.Name == n.Campaign })
		if i < 0 || !p.Scope.Sees(&c.Campaigns[i]) {
			return nil, huma.Error404NotFound("there is no campaign of this name for you")
		}
		v.CampaignId, v.Campaign = uint32(c.Campaigns[i].ID), n.Campaign
	} else if !p.Scope.All {
		return nil, huma.Error404NotFound("name a campaign: only who sees everything blocks in all of them")
	}
	if n.Seconds > 0 {
		v.UntilMs = s.deps.Now().Add(time.Duration(n.Seconds) * time.Second).UnixMilli()
	}
	if err := block.CheckValue(v); err != nil {
		return nil, wrong(err)
	}
	return v, nil
}

// blocked makes an answer of an error of Blocks.
func (s *Server) blocked(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrAsked):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, store.ErrRepeated), errors.Is(err, store.ErrNone):
		return s.kept(err)
	}
	s.deps.Logger.Error("a block was not written", zap.Error(err))
	return huma.Error503ServiceUnavailable("Kafka did not take it, or it is not known whether it did: the list of blocks says")
}

func (s *Server) blocks(api huma.API) {
	huma.Register(api, operation("blocks"), func(ctx context.Context, _ *struct{}) (*listOf[Block], error) {
		return listed(s.inForce(principal(ctx)))
	})
	type added struct {
		ID       string `json:"id"`
		Revision int64  `json:"revision"`
	}
	huma.Register(api, operation("block-add"), func(ctx context.Context, in *bodyOf[NewBlock]) (*bodyOf[added], error) {
		p := principal(ctx)
		v, err := s.blockOf(p, &in.Body)
		if err != nil {
			return nil, err
		}
		if s.deps.Blocks == nil {
			return nil, huma.Error503ServiceUnavailable("this console does not reach the topic control; `tributary block add` does")
		}
		var out added
		err = s.store.Change(ctx, p.actor(), func(tx *store.Tx) (err error) {
			if out.ID, out.Revision, err = s.deps.Blocks.Add(ctx, p.User.Login, in.Body.Reason, v); err != nil {
				return err
			}
			return tx.Audit("make", "block", out.ID, nil, in.Body)
		})
		return &bodyOf[added]{out}, s.blocked(err)
	})
	huma.Register(api, operation("block-undo"), func(ctx context.Context, in *ByID) (*struct{}, error) {
		p := principal(ctx)
		list, err := s.inForce(p)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(b Block) bool { return b.ID == in.ID })
		if i < 0 || list[i].Campaign == "all" && !p.Scope.All { // what is for all campaigns is not one's own to end
			return nil, s.kept(store.ErrNone)
		}
		if s.deps.Blocks == nil {
			return nil, huma.Error503ServiceUnavailable("this console does not reach the topic control; `tributary block remove` does")
		}
		return nil, s.blocked(s.store.Change(ctx, p.actor(), func(tx *store.Tx) error {
			if _, err := s.deps.Blocks.Remove(ctx, p.User.Login, "taken back in the console", in.ID); err != nil {
				return err
			}
			return tx.Audit("end", "block", in.ID, list[i], nil)
		}))
	})
}
