package trust

import (
	"bytes"
	"hash"
	"reflect"
	"testing"
)

// TestReusedScratch holds that neither a scratch nor a key's state shows what it was used for before.
func TestReusedScratch(t *testing.T) {
	requests := func() []*Request {
		form := request("payout=1", "2025", oldKey, testNow, nonceOf(3))
		form.Body, form.Form = []byte("a=1"), true
		return []*Request{
			request("payout=1", "2025", oldKey, testNow, nonceOf(1)),
			form,
			{Now: testNow},
			{Query: []byte("sig_key=2025&sig_nonce=12345678&sig_ts=1"), Now: testNow},
			{Query: []byte("sig=00"), Now: testNow},
		}
	}
	outcomes := func(poisoned bool) (all [][2]any) {
		g, p := gateOf(Defaults(), testRules())
		fresh := g.scratches.New
		g.scratches.New = func() any {
			s := fresh().(*scratch)
			if poisoned {
				s.plain, s.message = bytes.Repeat([]byte("sig_ts"), 2000), bytes.Repeat([]byte("canary"), 2000)
				for i := range s.sum {
					s.sum[i], s.given[i] = 77, 77
				}
			}
			return s
		}
		for _, k := range p.keys {
			fresh := k.pool.New
			k.pool.New = func() any {
				state := fresh().(hash.Hash)
				if poisoned {
					state.Write([]byte("canary"))
				}
				return state
			}
		}
		for _, r := range requests() {
			a, refused := g.Admit("acme", p, r)
			all = append(all, [2]any{a.Nonce, refused})
		}
		return all
	}
	want, got := outcomes(false), outcomes(true)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("a reused scratch says %+v, a new one %+v", got, want)
	}
	if want[0][1].(*Refusal) != nil || want[2][1].(*Refusal) == nil {
		t.Errorf("the outcomes are %+v", want)
	}
}
