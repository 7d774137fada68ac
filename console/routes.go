package console

import (
	"net/http"

	"tributary/console/access"
)

// api is where the REST API begins.
const api = "/api/v1"

// A Route is one thing that can be asked of the console. Whatever is not in Routes is not there.
type Route struct {
	// ID names it, in OpenAPI too.
	ID, Method, Path string
	// Right is what a request needs; "" for none: then Public says that this is meant.
	Right  access.Right
	Public bool
	// Scoped: the answer depends on the scope of who asks.
	Scoped bool
	// Session: a token will not do, for it would make more of itself.
	Session bool
	// Secret: the answer has something that is shown once, and is not kept for a repetition.
	Secret bool
	// Summary is what it does, for OpenAPI; "" of a page.
	Summary string
}

// Routes are all that the console answers.
var Routes = []Route{
	{ID: "page-report", Method: http.MethodGet, Path: "/{$}", Right: access.ReadReports, Scoped: true},
	{ID: "page-account", Method: http.MethodGet, Path: "/account", Right: access.Self},
	{ID: "page-account-password", Method: http.MethodPost, Path: "/account/password", Right: access.Self, Session: true},
	{ID: "page-account-factor", Method: http.MethodPost, Path: "/account/factor", Right: access.Self, Session: true},
	{ID: "page-token-make", Method: http.MethodPost, Path: "/account/tokens", Right: access.WriteTokens, Session: true},
	{ID: "page-token-end", Method: http.MethodPost, Path: "/account/tokens/{id}/end", Right: access.WriteTokens, Session: true},
	{ID: "page-users", Method: http.MethodGet, Path: "/users", Right: access.ManageUsers},
	{ID: "page-user-invite", Method: http.MethodPost, Path: "/users", Right: access.ManageUsers, Session: true},
	{ID: "page-signin", Method: http.MethodGet, Path: "/signin", Public: true},
	{ID: "page-signin-post", Method: http.MethodPost, Path: "/signin", Public: true},
	{ID: "page-signout", Method: http.MethodPost, Path: "/signout", Right: access.Self, Session: true},
	{ID: "page-link", Method: http.MethodGet, Path: "/link/{secret}", Public: true},
	{ID: "page-link-post", Method: http.MethodPost, Path: "/link/{secret}", Public: true},
	{ID: "page-style", Method: http.MethodGet, Path: "/style.css", Public: true},

	{ID: "openapi", Method: http.MethodGet, Path: api + "/openapi.json", Right: access.Self},
	{ID: "me", Method: http.MethodGet, Path: api + "/me", Right: access.Self, Summary: "Who asks, and what he may"},
	{ID: "names", Method: http.MethodGet, Path: api + "/reports/names", Right: access.ReadReports, Summary: "Dimensions and figures, with their meaning"},
	{ID: "query", Method: http.MethodPost, Path: api + "/reports/query", Right: access.ReadReports, Scoped: true,
		Summary: "Answer a question about counts and money, as JSON, NDJSON, CSV or SQL"},

	{ID: "sessions", Method: http.MethodGet, Path: api + "/sessions", Right: access.Self, Summary: "Your sessions"},
	{ID: "session-end", Method: http.MethodDelete, Path: api + "/sessions/{id}", Right: access.Self, Summary: "End a session of yours"},

	{ID: "users", Method: http.MethodGet, Path: api + "/users", Right: access.ManageUsers, Summary: "Everybody who can sign in"},
	{ID: "user-invite", Method: http.MethodPost, Path: api + "/users", Right: access.ManageUsers, Secret: true, Session: true,
		Summary: "Invite somebody, with fewer rights than yours: the answer has a link for him"},
	{ID: "user", Method: http.MethodGet, Path: api + "/users/{id}", Right: access.ManageUsers, Summary: "One user"},
	{ID: "user-change", Method: http.MethodPut, Path: api + "/users/{id}", Right: access.ManageUsers, Session: true,
		Summary: "Change name, role, scope, zone, or whether he may sign in; If-Match is needed"},
	{ID: "user-reset", Method: http.MethodPost, Path: api + "/users/{id}/reset", Right: access.ManageUsers, Secret: true, Session: true,
		Summary: "Make a link with which he sets a new password; he sets up his second factor again"},

	{ID: "tokens", Method: http.MethodGet, Path: api + "/tokens", Right: access.WriteTokens, Summary: "Your tokens; everybody's, for who manages users"},
	{ID: "token-make", Method: http.MethodPost, Path: api + "/tokens", Right: access.WriteTokens, Secret: true, Session: true,
		Summary: "Make a token, with at most your rights and scope: it is shown once"},
	{ID: "token-end", Method: http.MethodDelete, Path: api + "/tokens/{id}", Right: access.WriteTokens, Summary: "End a token"},

	{ID: "views", Method: http.MethodGet, Path: api + "/views", Right: access.ReadReports, Summary: "Saved questions: yours, and those that are shared"},
	{ID: "view-make", Method: http.MethodPost, Path: api + "/views", Right: access.WriteViews, Summary: "Save a question"},
	{ID: "view", Method: http.MethodGet, Path: api + "/views/{id}", Right: access.ReadReports, Summary: "One saved question"},
	{ID: "view-change", Method: http.MethodPut, Path: api + "/views/{id}", Right: access.WriteViews, Summary: "Change one of yours; If-Match is needed"},
	{ID: "view-delete", Method: http.MethodDelete, Path: api + "/views/{id}", Right: access.WriteViews, Summary: "Delete one of yours"},

	{ID: "shares", Method: http.MethodGet, Path: api + "/shares", Right: access.WriteShares, Summary: "Your shares; everybody's, for who manages users"},
	{ID: "share-make", Method: http.MethodPost, Path: api + "/shares", Right: access.WriteShares, Secret: true, Session: true, Scoped: true,
		Summary: "Make a link that shows the answer to one question to whoever has it: it is shown once"},
	{ID: "share-end", Method: http.MethodDelete, Path: api + "/shares/{id}", Right: access.WriteShares, Summary: "End a share"},
	{ID: "page-shared", Method: http.MethodGet, Path: "/shared/{secret}", Public: true},

	{ID: "audit", Method: http.MethodGet, Path: api + "/audit", Right: access.ReadAudit, Summary: "What everybody did, the newest first"},
	{ID: "health", Method: http.MethodGet, Path: api + "/health", Right: access.ReadHealth, Summary: "How the parts of this process are"},

	{ID: "logs", Method: http.MethodGet, Path: api + "/logs/{kind}", Right: access.ReadLogs, Scoped: true,
		Summary: "Single rows, the newest first: clicks, conversions, impressions, landing_clicks, postbacks, dead_letters, anomalies"},
	{ID: "timeline", Method: http.MethodGet, Path: api + "/timeline/{id}", Right: access.ReadLogs, Scoped: true,
		Summary: "What happened to a click, by its ID, or to a receipt or transaction"},
	{ID: "live", Method: http.MethodGet, Path: api + "/live", Right: access.ReadReports, Scoped: true,
		Summary: "Figures since midnight of tz, each second (server-sent events)"},
	{ID: "catalog", Method: http.MethodGet, Path: api + "/catalog/{kind}", Right: access.ReadCatalog, Scoped: true,
		Summary: "What is declared: campaigns, sources, landings, offers, networks"},
	{ID: "catalog-one", Method: http.MethodGet, Path: api + "/catalog/{kind}/{id}", Right: access.ReadCatalog, Scoped: true, Summary: "One of them, by name"},

	{ID: "blocks", Method: http.MethodGet, Path: api + "/blocks", Right: access.ReadBlocks, Scoped: true, Summary: "Blocks in force"},
	{ID: "block-add", Method: http.MethodPost, Path: api + "/blocks", Right: access.WriteBlocks, Scoped: true, Summary: "Keep clicks away; every edge has it within a second"},
	{ID: "block-undo", Method: http.MethodDelete, Path: api + "/blocks/{id}", Right: access.WriteBlocks, Scoped: true, Summary: "Take a block back"},
}

// route returns the row of an ID. A handler without one is a mistake of the program.
func route(id string) Route {
	for _, r := range Routes {
		if r.ID == id {
			return r
		}
	}
	panic("console: " + id + " is no route")
}

// writes tells whether a request changes something. A question is asked with POST, and changes nothing.
func (r *Route) writes() bool { return r.Method != http.MethodGet && r.ID != "query" }
