package destination

import (
	"testing"
)

// TestADestination: a shipped template and one of one's own, from declaration to URL.
func TestADestination(t *testing.T) {
	built, problems := Build([]Config{
		{Name: "exo", Template: "exoclick", Params: map[string]string{"goal": "0123456789abcdef0123456789abcdef"}},
		{Name: "own", URL: "https://source.example/p?id={external_id}&sum={payout?}&key={key}&sub={sub1}", Params: map[string]string{"key": "a&b"}},
	}, Known{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	values := map[string]string{"external_id": "x/1&", "payout": "2.5"}
	for i, want := range []string{
		"https://s.magsrv.com/tag.php?goal=0123456789abcdef0123456789abcdef&tag=x%2F1%26&value=2.5",
		"https://source.example/p?id=x%2F1%26&sum=2.5&key=a%26b&sub=",
	} {
		if got, _ := built[i].Created.URL(values); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
