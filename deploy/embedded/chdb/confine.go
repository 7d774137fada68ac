package chdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// confinedVariable is set for the program that a child executes inside its sandbox: it holds usersByInput, or the number of
// the pipe that the users come by.
const confinedVariable = "TRIBUTARY_CHDB_CONFINED"

const usersByInput = "stdin"

// enterSandbox returns in a process that is confined, or that cannot be: cfg then says why. It may execute the program
// anew, and must be called before anything is opened, started or read.
func (c *ServerConfig) enterSandbox() error {
	if word := os.Getenv(confinedVariable); word != "" {
		if c.confined = isConfined(); !c.confined {
			c.whyNot = errors.New("it was started with " + confinedVariable + " in its environment")
		}
		return c.takeUsers(word)
	}
	if c.DataDir == "" {
		return nil // withDefaults says what is wrong
	}
	if err := makePrivate(c.DataDir); err != nil {
		return fmt.Errorf("creating the data directory: %w", err)
	}
	if c.LibPath == "" {
		var err error
		if c.LibPath, err = FindLibrary(); err != nil {
			return err
		}
	}
	word := usersByInput
	if c.Passwords != "" {
		var err error
		if c.Users, err = KeptUsers(c.Passwords); err != nil {
			return err
		}
		if word, err = handOver(c.Users); err != nil {
			return fmt.Errorf("handing the users over: %w", err)
		}
	}
	reason, err := confine(c.DataDir, c.LibPath, word)
	if err != nil {
		return fmt.Errorf("confining the engine: %w", err)
	}
	c.whyNot = reason
	if word != usersByInput {
		return c.takeUsers(word)
	}
	return nil
}

// handOver leaves the users in a pipe that stays open in the program executed next.
func handOver(users []User) (word string, err error) {
	line, err := encodeUsers(users)
	if err != nil {
		return "", err
	}
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return "", err
	}
	if _, err := unix.Write(ends[1], line); err != nil { // far less than a pipe holds
		return "", err
	}
	return strconv.Itoa(ends[0]), unix.Close(ends[1])
}

// takeUsers reads what handOver left.
func (c *ServerConfig) takeUsers(word string) error {
	if word == usersByInput {
		return nil
	}
	number, err := strconv.Atoi(word)
	if err != nil {
		return fmt.Errorf("taking the users over: %s is %q", confinedVariable, word)
	}
	pipe := os.NewFile(uintptr(number), "users")
	defer pipe.Close()
	if err := json.NewDecoder(pipe).Decode(&c.Users); err != nil {
		return fmt.Errorf("taking the users over: %w", err)
	}
	return nil
}
