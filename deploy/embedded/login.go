package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Login is the one user of the embedded broker, who may do everything. Clients show it by SCRAM-SHA-256 or
// SCRAM-SHA-512.
type Login struct{ User, Password string }

// WithLogin has the broker serve only clients that show the login. Without it the broker serves whoever reaches it.
func WithLogin(l Login) KafkaOption { return func(o *kafkaOptions) { o.login = l } }

// scrams are the mechanisms that the broker takes.
var scrams = []string{"SCRAM-SHA-256", "SCRAM-SHA-512"}

// options are the broker's, none for no login.
func (l Login) options() []kfake.Opt {
	if l == (Login{}) {
		return nil
	}
	opts := []kfake.Opt{kfake.EnableSASL()}
	for _, mechanism := range scrams {
		opts = append(opts, kfake.Superuser(mechanism, l.User, l.Password))
	}
	return opts
}

// forgetUsers removes the users that kfake kept at its last end: it would take them in place of the login, which may
// have changed since.
func forgetUsers(dir string) error {
	if err := os.Remove(filepath.Join(dir, "sasl.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("starting the embedded Kafka: removing the users of its last run: %w", err)
	}
	return nil
}

// loginSteps is how many responses to SaslAuthenticate a login takes.
const loginSteps = 2

// A loginState is how far a connection has come with its login.
type loginState struct {
	shown atomic.Bool
	tried atomic.Bool // the broker has a step of it, which it has not taken
	taken int         // steps; owned like conn.current
	timer *time.Timer // nil: none is expected
}

// expectLogin ends the connection unless it shows the login in time.
func (c *conn) expectLogin() {
	if !c.gate.login {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed() {
		return
	}
	c.login.timer = time.AfterFunc(StrangerLimit, func() {
		if !c.login.shown.Load() && !c.isClosed() {
			c.gate.refuse(c, refusedLogin, fmt.Errorf("no login was shown within %s", StrangerLimit))
			_ = c.Close()
		}
	})
}

// isStranger tells whether the connection has yet to show the login.
func (c *conn) isStranger() bool { return c.gate.login && !c.login.shown.Load() }

// stepped notes the response to a step of the login.
func (c *conn) stepped(answer *kmsg.SASLAuthenticateResponse) {
	c.login.tried.Store(false)
	if answer.ErrorCode != 0 || !c.isStranger() {
		return
	}
	if c.login.taken++; c.login.taken < loginSteps {
		return
	}
	c.login.shown.Store(true)
	c.mu.Lock()
	if c.login.timer != nil {
		c.login.timer.Stop()
	}
	c.mu.Unlock()
	c.gate.loggedIn(c)
}

// leaveLogin counts a login that the broker refused: it then ends the connection and says no more.
func (c *conn) leaveLogin() {
	c.mu.Lock()
	if c.login.timer != nil {
		c.login.timer.Stop()
	}
	c.mu.Unlock()
	if c.isStranger() && c.login.tried.Load() && !c.hungUp.Load() && c.gate.failure.get() == nil && !c.gate.isClosed() {
		c.gate.refuse(c, refusedLogin, errors.New("the user or the password is wrong"))
	}
}

const configHead = "# Written at each start of `tributary up`; it has a password.\n"

// JavaConfig is the properties with which Apache Kafka's tools (--command-config) and Java clients get in. The login's
// texts have no quotes or backslashes. mechanism is SCRAM-SHA-256 or SCRAM-SHA-512.
func JavaConfig(address, mechanism string, l Login) []byte {
	return fmt.Appendf(nil, configHead+"bootstrap.servers=%s\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=%s\n"+
		"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";\n",
		address, mechanism, l.User, l.Password)
}

// KcatConfig is the same for kcat (-F) and other programs on librdkafka, which refuses a file that has Java's keys.
func KcatConfig(address, mechanism string, l Login) []byte {
	return fmt.Appendf(nil, configHead+"bootstrap.servers=%s\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanisms=%s\nsasl.username=%s\nsasl.password=%s\n",
		address, mechanism, l.User, l.Password)
}
