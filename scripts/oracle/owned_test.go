package oracle

import (
	"fmt"
	"strings"
	"testing"

	"tributary/schemas/events"
)

// TestModelOwned: what an entry has of its click, of the offer's goal, and of what its network's owner chose.
func TestModelOwned(t *testing.T) {
	const day = 86_400_000
	var ids []string
	for counter := range uint16(3) {
		ids = append(ids, nativeID(epoch.UnixMilli(), 7, 3, 1, counter+1))
	}
	offset := int64(0)
	record := func(topic string, value []byte, _ error) Accepted {
		offset++
		return Accepted{topic, 0, offset, value}
	}
	click := func(id string, goals ...string) Accepted {
		value, err := (&events.Click{ClickId: id, EventMs: epoch.UnixMilli(), Goals: goals, Buyer: "ann",
			Tags: []string{"a", "b"}, Zone: "z1", AdName: "old"}).MarshalVT()
		return record("clicks", value, err)
	}
	post := func(id, event string, status events.Status, confirmedOnly bool) Accepted {
		value, err := (&events.Postback{ReceiptId: fmt.Sprint(offset), ClickId: id, Event: event,
			EventMs: epoch.UnixMilli() + 1000, Status: status, ConfirmedOnly: confirmedOnly}).MarshalVT()
		return record("postbacks", value, err)
	}
	x := model([]Accepted{
		click(ids[0], "ftd"), click(ids[1]),
		post(ids[0], "reg", pending, false), post(ids[0], "ftd", pending, true), post(ids[0], "rebill", pending, false),
		post(ids[0], "reg", approved, true), post(ids[0], "ftd", approved, false),
		post(ids[1], "reg", pending, false),
		post(ids[2], "reg", pending, true), // its click never comes
	}, day)
	for key, want := range map[string]string{
		identity(ids[0], "reg", "", "", "", "") + "/1":    "true false ann a|b z1 old",
		identity(ids[0], "reg", "", "", "", "") + "/2":    "true false ann a|b z1 old",
		identity(ids[0], "ftd", "", "", "", "") + "/1":    "false true ann a|b z1 old",
		identity(ids[0], "ftd", "", "", "", "") + "/2":    "false true ann a|b z1 old",
		identity(ids[0], "rebill", "", "", "", "") + "/1": "true false ann a|b z1 old",
		identity(ids[1], "reg", "", "", "", "") + "/1":    "false false ann a|b z1 old",
		identity(ids[2], "reg", "", "", "", "") + "/1":    "false true    ",
	} {
		row := x.conversions[key]
		if got := strings.Join([]string{row["beside_goal"], row["confirmed_only"], row["buyer"], row["tags"],
			row["zone"], row["ad_name"]}, " "); got != want {
			t.Errorf("%s: %q, %q would be right", row["event"], got, want)
		}
	}
	if len(x.conversions) != 7 {
		t.Errorf("%d entries", len(x.conversions))
	}
}

// TestCompareRescored: an entry that changes the score alone has its click's columns too.
func TestCompareRescored(t *testing.T) {
	row := func(kind, buyer string) Row {
		return described(&events.Click{Buyer: buyer}).with(Row{"conversion_id": "v", "seq": "1", "kind": kind,
			"beside_goal": "true", "confirmed_only": "false"})
	}
	x := model(nil, 0)
	x.conversions["v/1"] = row("created", "ann")
	for buyer, want := range map[string]int{"ann": 0, "ben": 1} {
		d := &differences{}
		d.compareRescored(x, row("rescored", buyer))
		if len(d.list) != want {
			t.Errorf("buyer %s: %v", buyer, d.list)
		}
	}
}

// TestScenariosOwn: what is drawn meets each of the meanings, within the seeds that every `go test` plays.
func TestScenariosOwn(t *testing.T) {
	seen := map[string]int{}
	for seed := uint64(1); seed <= ciSeeds; seed++ {
		s := Generate(seed, Options{})
		clicks, kept := map[string]*events.Click{}, map[string]bool{}
		owners, zones := map[uint32]map[string]bool{}, map[string]map[string]bool{}
		for _, in := range s.Inputs {
			c := &events.Click{}
			if in.Topic != "clicks" || c.UnmarshalVT(in.Value) != nil || c.ClickId == "" {
				continue
			}
			clicks[c.ClickId] = c
			note(owners, c.CampaignId, c.Buyer)
			note(zones, c.AdCampaign, c.AdCampaignName)
			if len(c.Goals) > 0 {
				seen["clicks with a goal"]++
			} else {
				seen["clicks without a goal"]++
			}
		}
		for _, in := range s.Inputs {
			pb := &events.Postback{}
			if in.Topic != "postbacks" || pb.UnmarshalVT(in.Value) != nil || pb.ClickId == "" {
				continue
			}
			c := clicks[pb.ClickId]
			switch {
			case c == nil:
				seen["postbacks without a click"]++
			case beside(c, pb.Event):
				seen["postbacks beside the goal"]++
			case len(c.Goals) > 0:
				seen["postbacks of the goal"]++
			}
			if pb.Event == "rebill" {
				seen["rebills"]++
			}
			key := strings.Join([]string{pb.ClickId, pb.Network, pb.Event, pb.Txid}, " ")
			if before, known := kept[key]; known && before != pb.ConfirmedOnly {
				seen["conversions whose network changed its mind"]++
			}
			kept[key] = pb.ConfirmedOnly
			if c != nil && c.Buyer != "" && strings.HasPrefix(c.Buyer, "renamed") != (in.At > s.Active/2) {
				seen["postbacks after another buyer took over"]++
			}
		}
		for _, buyers := range owners {
			if len(buyers) > 1 {
				seen["campaigns of two buyers"]++
			}
		}
		for id, names := range zones {
			if id != "" && len(names) > 1 {
				seen["names that changed beside their ID"]++
			}
		}
	}
	for _, what := range []string{"clicks with a goal", "clicks without a goal", "postbacks without a click",
		"postbacks beside the goal",
		"postbacks of the goal", "rebills", "conversions whose network changed its mind",
		"postbacks after another buyer took over",
		"campaigns of two buyers", "names that changed beside their ID"} {
		if seen[what] < 5 {
			t.Errorf("%s: %d in %d scenarios; draw more", what, seen[what], ciSeeds)
		}
	}
	t.Log(seen)
}

func note[K comparable](of map[K]map[string]bool, key K, value string) {
	if of[key] == nil {
		of[key] = map[string]bool{}
	}
	of[key][value] = true
}
