package store

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a password: RFC 9106's argon2id with 19 MiB and two passes, as OWASP's cheat sheet for password storage has it.
const (
	hashMemoryKiB = 19 << 10
	hashPasses    = 2
	hashBytes     = 32
	saltBytes     = 16
)

// Bounds of a password.
const (
	MinPasswordRunes = 12
	MaxPasswordBytes = 256
)

// CheckPassword returns what is wrong with a new password.
func CheckPassword(password, login string) error {
	switch {
	case !utf8.ValidString(password) || utf8.RuneCountInString(password) < MinPasswordRunes:
		return fmt.Errorf("the password has fewer than %d characters; a sentence of four words would be right", MinPasswordRunes)
	case len(password) > MaxPasswordBytes:
		return fmt.Errorf("the password has more than %d bytes", MaxPasswordBytes)
	case login != "" && strings.Contains(strings.ToLower(password), strings.ToLower(login)) && len(password) < 2*len(login)+4:
		return errors.New("the password is hardly more than the name to sign in with")
	case strings.Count(password, password[:1]) == len(password):
		return errors.New("the password is one character again and again")
	}
	return nil
}

// slots bounds how many hashes are made at the same time: each takes 19 MiB.
var slots = make(chan struct{}, 4)

func derive(password string, salt []byte, passes, memoryKiB uint32) []byte {
	slots <- struct{}{}
	defer func() { <-slots }()
	return argon2.IDKey([]byte(password), salt, passes, memoryKiB, 1, hashBytes)
}

// hashPassword returns what is kept of a password, in the PHC string format.
func hashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, hashMemoryKiB, hashPasses, encode(salt),
		encode(derive(password, salt, hashPasses, hashMemoryKiB)))
}

// nobody is the hash of no password: a sign-in with an unknown name takes as long as one with a known.
var nobody = sync.OnceValue(func() string { return hashPassword(rand.Text()) })

// passwordFits tells whether a password is the one that was kept. It takes the same time for a kept text of "".
func passwordFits(kept, password string) bool {
	if len(password) > MaxPasswordBytes {
		return false
	}
	known := kept != ""
	if !known {
		kept = nobody()
	}
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var memory, passes uint32
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=1", &memory, &passes); err != nil || memory > 1<<20 || passes > 64 || passes == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare(derive(password, salt, passes, memory), want) == 1 && known
}
