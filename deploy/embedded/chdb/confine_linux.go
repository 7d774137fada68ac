package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock is called through x/sys/unix: the well-known module for it makes its calls on all threads at once, which
// Go's runtime refuses to a program that loads C libraries, as this one does.

// landlockNeeded is the first version that lets a file move from one folder to another below an open one, as a dropped
// table's does: Linux 5.19.
const landlockNeeded = 2

const (
	readFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	runFiles  = readFiles | unix.LANDLOCK_ACCESS_FS_EXECUTE
	// ofFiles are the rights that a rule for a file, not a folder, may have.
	ofFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	// neverMade are what the engine does with none of its files.
	neverMade = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// opened are what a C library and the engine read of a machine. Of /proc, which has every process's variables, it is
// this process's own and figures of the machine.
var opened = map[string]uint64{
	"/lib": runFiles, "/lib64": runFiles, "/usr/lib": runFiles, "/usr/lib64": runFiles,
	"/nix/store": runFiles, "/gnu/store": runFiles, "/etc/ld.so.cache": readFiles,
	"/usr/share/zoneinfo": readFiles, "/etc/localtime": readFiles, "/etc/timezone": readFiles,
	"/proc/self": readFiles, "/proc/sys": readFiles, "/proc/meminfo": readFiles, "/proc/cpuinfo": readFiles,
	"/proc/stat": readFiles, "/proc/loadavg": readFiles, "/proc/uptime": readFiles, "/proc/vmstat": readFiles,
	"/proc/filesystems": readFiles, "/sys": readFiles, "/dev/urandom": readFiles,
	"/dev/null": readFiles | unix.LANDLOCK_ACCESS_FS_WRITE_FILE,
}

// confine starts this program again inside a Landlock domain, in which it and the engine reach the tables' folder, the
// library and what opened names, and connect to nobody. Threads inherit a domain, but only from the one that took it:
// so one takes it and executes the program anew. It returns where the domain cannot be had, which reason says, or on an
// error.
func confine(dataDir, library, word string) (reason, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if reason := lacksLandlock(int(version), errno); reason != nil {
		return reason, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this executable: %w", err)
	}
	attributes, size := ruleset(int(version))
	set, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), size, 0)
	if errno != 0 {
		return fmt.Errorf("making a Landlock ruleset: %w", errno), nil
	}
	defer unix.Close(int(set))
	all := attributes.Handled_access_fs
	rules := map[string]uint64{dataDir: all &^ neverMade, self: runFiles, library: runFiles}
	for path, access := range opened {
		rules[path] = access
	}
	for path, access := range rules {
		if err := allow(int(set), path, access&all); err != nil {
			return nil, err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("giving up new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); errno != 0 {
		return fmt.Errorf("entering a Landlock domain: %w", errno), nil
	}
	environment := append(os.Environ(), libraryVariable+"="+library, confinedVariable+"="+word)
	return nil, &os.PathError{Op: "executing again", Path: self, Err: unix.Exec(self, os.Args, environment)}
}

// lacksLandlock says what of Landlock is missing, and where it would be had, by what the kernel answers about its version.
func lacksLandlock(version int, errno unix.Errno) error {
	const needed = "Linux 5.19 or later is needed"
	switch {
	case errno == unix.ENOSYS:
		return fmt.Errorf("this kernel has no Landlock; %s: %w", needed, errno)
	case errno == unix.EOPNOTSUPP:
		return fmt.Errorf("this kernel's Landlock is switched off; right would be landlock among the lsm= of its command line: %w", errno)
	case errno != 0: // EPERM of a seccomp profile, as a rule
		return fmt.Errorf("this process may not use Landlock, by a container's seccomp profile or a unit's SystemCallFilter: %w", errno)
	case version < landlockNeeded:
		return fmt.Errorf("this kernel's Landlock is too old (version %d, %d is needed); %s", version, landlockNeeded, needed)
	}
	return nil
}

// ruleset are all the rights that a version of Landlock knows to take away, and the size of what it knows of the
// structure.
func ruleset(version int) (attributes unix.LandlockRulesetAttr, size uintptr) {
	attributes.Handled_access_fs = unix.LANDLOCK_ACCESS_FS_REFER<<1 - 1
	size = unsafe.Offsetof(attributes.Handled_access_net)
	if version >= 3 {
		attributes.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		attributes.Handled_access_net = unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size = unsafe.Offsetof(attributes.Scoped)
	}
	if version >= 5 {
		attributes.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		attributes.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = unsafe.Offsetof(attributes.Quiet_access_fs)
	}
	return attributes, size
}

// allow adds a rule for what lies at a path, if anything does. The path stays open for the life of the process and of
// the program it executes: a rule is for an inode, and /proc makes another one once the kernel has forgotten the name.
func allow(set int, path string, access uint64) error {
	number, err := unix.Open(path, unix.O_PATH, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) {
		return nil // nobody reads it then
	}
	if err != nil {
		return &os.PathError{Op: "opening for Landlock", Path: path, Err: err}
	}
	var status unix.Stat_t
	if err := unix.Fstat(number, &status); err != nil {
		return &os.PathError{Op: "looking at", Path: path, Err: err}
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= ofFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(number)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return &os.PathError{Op: "adding a rule of Landlock for", Path: path, Err: errno}
	}
	return nil
}

// isConfined tells by trying: nothing that is opened lies above /proc.
func isConfined() bool {
	root, err := os.Open(string(filepath.Separator))
	if err == nil {
		_ = root.Close()
	}
	return errors.Is(err, unix.EACCES)
}
