package accept

import "syscall"

// Files returns how many files this process may have open, sockets included, after raising its own limit to the
// highest that it may set itself; 0 when that is not known.
func Files() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	if limit.Cur < limit.Max {
		raised := limit
		raised.Cur = raised.Max
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			limit = raised
		}
	}
	const most = 1 << 30
	if uint64(limit.Cur) > most {
		return most
	}
	return int(limit.Cur)
}

// Connections returns how many of want may be served when a process may open files, of which reserve are for other
// things than connections. A quarter of the files is for connections in any case.
func Connections(want, files, reserve int) int {
	if files <= 0 {
		return want
	}
	return min(want, max(files-reserve, files/4, 1))
}
