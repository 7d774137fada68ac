package chdb

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"

	"tributary/deploy/secret"
)

// User is somebody the server lets in.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	// Guest reads tables and nothing else: see the package's invariants.
	Guest bool `json:"guest,omitempty"`
}

// String leaves the password out, so that a User can be logged.
func (u User) String() string { return u.Name }

// MinPasswordBytes is the shortest password a user may have: whoever is on the machine may try passwords as fast as it
// can.
const MinPasswordBytes = 16

// checkUsers tells what is wrong with them.
func checkUsers(users []User) error {
	if len(users) == 0 {
		return errors.New("configuring the embedded ClickHouse: it has no users, so that nobody could ask it anything; name at least one with a password")
	}
	names := make(map[string]bool)
	for _, u := range users {
		if u.Name == "" || names[u.Name] {
			return fmt.Errorf("configuring the embedded ClickHouse: the user name %q is empty or there twice; give each user a name of its own", u.Name)
		}
		names[u.Name] = true
		if len(u.Password) < MinPasswordBytes {
			return fmt.Errorf("configuring the embedded ClickHouse: the password of user %s has %d bytes; at least %d are needed", u.Name, len(u.Password), MinPasswordBytes)
		}
	}
	return nil
}

// An installation's users: the roles', and a guest for people.
const (
	// RolesUser is the roles' user where none is configured.
	RolesUser = "default"
	// GuestUser reads.
	GuestUser = "analyst"
	// RolesPasswordFile and GuestPasswordFile are the files of their passwords in the installation's data_dir.
	RolesPasswordFile = "clickhouse_password"
	GuestPasswordFile = "analyst_password"
)

// KeptUsers are the users whose passwords are kept in dir; both files are made at the first call.
func KeptUsers(dir string) ([]User, error) {
	roles, _, err := secret.Keep(filepath.Join(dir, RolesPasswordFile))
	if err != nil {
		return nil, fmt.Errorf("a password of the embedded ClickHouse: %w", err)
	}
	guest, _, err := secret.Keep(filepath.Join(dir, GuestPasswordFile))
	if err != nil {
		return nil, fmt.Errorf("a password of the embedded ClickHouse: %w", err)
	}
	return []User{{Name: RolesUser, Password: roles}, {Name: GuestUser, Password: guest, Guest: true}}, nil
}

// doorman knows the users by their passwords' digests.
type doorman struct {
	users []admitted
}

type admitted struct {
	name   string
	tag    string // stands for the name in marks
	digest [sha256.Size]byte
	guest  bool
}

func newDoorman(users []User) *doorman {
	d := new(doorman)
	for _, u := range users {
		d.users = append(d.users, admitted{name: u.Name, tag: userTag(u.Name), digest: sha256.Sum256([]byte(u.Password)), guest: u.Guest})
	}
	return d
}

// errAnonymous is the refusal of a request without a user; clients that have one then ask for it.
var errAnonymous = refuse(codeRequiredPassword, "REQUIRED_PASSWORD", "Authentication is required: give user and password, as Authorization: Basic or X-ClickHouse-User and X-ClickHouse-Key. %s", whereThePasswords)

const whereThePasswords = "The passwords of an installation are in files of its data_dir (docs/sql.md); `tributary sql` uses them by itself"

// admit returns whose request it is.
func (d *doorman) admit(r *http.Request, params url.Values) (admitted, error) {
	name, password, given := credentials(r, params)
	if !given {
		return admitted{}, errAnonymous
	}
	digest := sha256.Sum256([]byte(password))
	for _, u := range d.users {
		if u.name == name && subtle.ConstantTimeCompare(u.digest[:], digest[:]) == 1 {
			return u, nil
		}
	}
	return admitted{}, refuse(codeAuthenticationFailed, "AUTHENTICATION_FAILED", "%s: Authentication failed: password is incorrect, or there is no user with such name. %s", name, whereThePasswords)
}

// credentials finds user and password where ClickHouse's HTTP interface takes them from. A user without a name is the
// server's default user, as there.
func credentials(r *http.Request, params url.Values) (name, password string, given bool) {
	if header := r.Header; header.Get("X-ClickHouse-User") != "" || header.Get("X-ClickHouse-Key") != "" {
		name, password, given = header.Get("X-ClickHouse-User"), header.Get("X-ClickHouse-Key"), true
	} else if name, password, given = r.BasicAuth(); !given {
		name, password, given = params.Get("user"), params.Get("password"), params.Has("user") || params.Has("password")
	}
	return firstOf(name, "default"), password, given
}

// encodeUsers is how the parent tells the child, over a pipe that nobody else can read: arguments and environment of a
// process are seen by others.
func encodeUsers(users []User) ([]byte, error) {
	line, err := json.Marshal(users)
	return append(line, '\n'), err
}
