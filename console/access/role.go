package access

import "slices"

// A Role is a set of rights.
type Role string

// Roles, each with its own rights.
const (
	Owner   Role = "owner"
	Admin   Role = "admin"
	Buyer   Role = "buyer"
	Analyst Role = "analyst"
	Viewer  Role = "viewer"
)

// Roles lists them, the one with most rights first.
var Roles = []Role{Owner, Admin, Buyer, Analyst, Viewer}

// A Right is one thing that a role may do.
type Right string

// Rights.
const (
	// Self is what everybody who is signed in may do: see who he is, change his password, end his sessions.
	Self Right = "self"
	// ReadReports is to ask for figures, ReadLogs for single rows, both within the scope.
	ReadReports Right = "reports:read"
	ReadLogs    Right = "logs:read"
	// ReadIPs is to see visitors' addresses in logs.
	ReadIPs Right = "ips:read"
	// ReadCatalog is to see campaigns, offers and the like, within the scope; WriteCatalog to change them.
	ReadCatalog  Right = "catalog:read"
	WriteCatalog Right = "catalog:write"
	// ReadBlocks and WriteBlocks are of blocks; one who has a scope blocks within his campaigns only.
	ReadBlocks  Right = "blocks:read"
	WriteBlocks Right = "blocks:write"
	// WriteViews is to save views, WriteShares to hand out links that show figures without a sign-in, WriteTokens to make tokens.
	WriteViews  Right = "views:write"
	WriteShares Right = "shares:write"
	WriteTokens Right = "tokens:write"
	// ReplayLetters is to see and replay dead letters.
	ReplayLetters Right = "letters:replay"
	// ManageUsers is to invite, change and end users with fewer rights; ReadAudit to see what everybody did.
	ManageUsers Right = "users:manage"
	ReadAudit   Right = "audit:read"
	// ReadHealth is to see how the installation is.
	ReadHealth Right = "health:read"
)

var (
	viewerRights  = []Right{Self, ReadReports, ReadCatalog, WriteViews}
	analystRights = append(slices.Clone(viewerRights), ReadLogs, ReadBlocks, WriteTokens, ReadHealth)
	buyerRights   = append(slices.Clone(analystRights), WriteBlocks, WriteShares)
	adminRights   = append(slices.Clone(buyerRights), ReadIPs, WriteCatalog, ReplayLetters, ManageUsers, ReadAudit)

	rights = map[Role][]Right{Viewer: viewerRights, Analyst: analystRights, Buyer: buyerRights, Admin: adminRights, Owner: adminRights}
)

// Known tells whether there is such a role.
func (r Role) Known() bool { return rights[r] != nil }

// May tells whether the role has a right.
func (r Role) May(right Right) bool { return slices.Contains(rights[r], right) }

// Within tells whether the role has no right that other lacks. An owner alone is within an owner.
func (r Role) Within(other Role) bool {
	if !r.Known() || r == Owner && other != Owner {
		return false
	}
	return !slices.ContainsFunc(rights[r], func(right Right) bool { return !other.May(right) })
}

// Manages tells whether one of the role may change what another is: an owner everybody, an admin whoever is neither admin nor owner.
func (r Role) Manages(other Role) bool {
	switch r {
	case Owner:
		return other.Known()
	case Admin:
		return other.Known() && other != Owner && other != Admin
	}
	return false
}

// Rights lists every right.
func Rights() []Right { return slices.Clone(adminRights) }
