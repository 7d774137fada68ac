package chdb

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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
	roles, err := KeptPassword(filepath.Join(dir, RolesPasswordFile))
	if err != nil {
		return nil, err
	}
	guest, err := KeptPassword(filepath.Join(dir, GuestPasswordFile))
	if err != nil {
		return nil, err
	}
	return []User{{Name: RolesUser, Password: roles}, {Name: GuestUser, Password: guest, Guest: true}}, nil
}

// KeptPassword returns the password kept in the file at path, making both at the first call. The file is readable to its
// owner only, from its first moment on.
func KeptPassword(path string) (string, error) {
	password, err := ReadPassword(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return password, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("keeping a password of the embedded ClickHouse: %w", err)
	}
	// Written whole and synced or not at all: a crash must not leave half a password. CreateTemp makes it 0600.
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return "", fmt.Errorf("keeping a password of the embedded ClickHouse: %w", err)
	}
	defer os.Remove(file.Name()) // gone after the renaming
	_, err = file.WriteString(strings.ToLower(rand.Text()) + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", fmt.Errorf("keeping a password of the embedded ClickHouse: %w", err)
	}
	// Linked, not renamed: of two processes that make it at once, the second takes the first one's.
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("keeping a password of the embedded ClickHouse: %w", err)
	}
	return ReadPassword(path)
}

// maxPasswordFileBytes bounds what is read of a file that may be something else.
const maxPasswordFileBytes = 4 << 10

// ReadPassword returns the password kept in the file at path. The error wraps fs.ErrNotExist where there is no file.
func ReadPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading a password of the embedded ClickHouse: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return "", fmt.Errorf("reading a password of the embedded ClickHouse: %s has mode %s, so that others may read or change it; right would be a file of mode 0600 (chmod 600 %s; delete it to have a new one made)", path, mode, path)
	}
	if info.Size() > maxPasswordFileBytes {
		return "", fmt.Errorf("reading a password of the embedded ClickHouse: %s has %d bytes, more than a password; delete it to have a new one made", path, info.Size())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading a password of the embedded ClickHouse: %w", err)
	}
	password := strings.TrimSpace(string(content))
	if len(password) < MinPasswordBytes {
		return "", fmt.Errorf("reading a password of the embedded ClickHouse: %s holds %d bytes, at least %d are needed; restore it from a copy, or delete it and start again to have a new one made", path, len(password), MinPasswordBytes)
	}
	return password, nil
}

// doorman knows the users by their passwords' digests.
type doorman struct {
	users []admitted
}

type admitted struct {
	name   string
	digest [sha256.Size]byte
	guest  bool
}

func newDoorman(users []User) *doorman {
	d := new(doorman)
	for _, u := range users {
		d.users = append(d.users, admitted{name: u.Name, digest: sha256.Sum256([]byte(u.Password)), guest: u.Guest})
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
