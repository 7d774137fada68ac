package ingest

import "testing"

// TestSlashAtTheEnd holds that a slash that a page or a traffic source puts behind a link costs no visit.
func TestSlashAtTheEnd(t *testing.T) {
	b := newBench(t, nil)
	clicked := b.get("/c/summer/?sub1=a")
	id := clicked.header.Get("X-Click-Id")
	if clicked.status != 302 || id == "" {
		t.Fatalf("%+v", clicked)
	}
	for _, c := range []struct {
		path   string
		status int
	}{{"/l/" + id + "/", 302}, {"/l/" + id + "/1/", 302}, {"/l/" + id + "//", 302}, {"/i/summer/", 200}, {"/c/",
		404}, {"/c//", 404}, {"/c/summer//", 302}} {
		if got := b.get(c.path); got.status != c.status {
			t.Errorf("%s is answered %d %s, want %d", c.path, got.status, got.body, c.status)
		}
	}
	if n, m := len(b.clicks()), len(b.presses()); n != 2 || m != 3 {
		t.Errorf("%d clicks, %d presses", n, m)
	}
}
