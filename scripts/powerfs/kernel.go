//go:build linux

package powerfs

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// kernel carries out what the Linux kernel asks for, in FUSE's words.
type kernel struct {
	fuse.RawFileSystem
	fs *FS

	// Guarded by FS.mu.
	listings map[uint64][]fuse.DirEntry // of open folders
	lastList uint64
}

// cacheFor is how long the kernel may go by what it was told: for ever.
const cacheFor = 24 * time.Hour

const maxName = 255

func status(err error) fuse.Status {
	var errno syscall.Errno
	switch {
	case err == nil:
		return fuse.OK
	case errors.As(err, &errno):
		return fuse.Status(errno)
	}
	return fuse.EIO
}

// begin enters a call and finds its inode; FS.mu is held unless it fails.
func (k *kernel) begin(id uint64) (*inode, fuse.Status) {
	if !k.fs.enter() {
		return nil, fuse.EIO
	}
	k.fs.mu.Lock()
	n := k.fs.inodes[id]
	if n == nil {
		k.end()
		return nil, fuse.Status(syscall.ESTALE)
	}
	return n, fuse.OK
}

func (k *kernel) end() {
	k.fs.mu.Unlock()
	k.fs.leave()
}

// with runs do with an inode and FS.mu.
func (k *kernel) with(id uint64, do func(*inode) fuse.Status) fuse.Status {
	n, code := k.begin(id)
	if !code.Ok() {
		return code
	}
	defer k.end()
	return do(n)
}

// opened runs do with an inode that is open, and without FS.mu, so that reading and writing go side by side.
func (k *kernel) opened(id uint64, do func(*inode) error) fuse.Status {
	n, code := k.begin(id)
	if !code.Ok() {
		return code
	}
	defer k.fs.leave()
	err := k.fs.open(n)
	k.fs.mu.Unlock()
	if err != nil {
		return status(err)
	}
	err = do(n)
	k.fs.mu.Lock()
	k.fs.close(n)
	k.fs.mu.Unlock()
	return status(err)
}

func (n *inode) attributes(a *fuse.Attr) {
	n.data.Lock()
	size := n.size
	n.data.Unlock()
	if n.folder() {
		size = pageBytes
	} else if n.target != "" {
		size = int64(len(n.target))
	}
	a.Ino, a.Size, a.Blocks, a.Blksize = n.id, uint64(size), uint64(size+511)/512, pageBytes
	a.Mode, a.Nlink, a.Uid, a.Gid = n.mode, uint32(n.links), n.uid, n.gid
	a.SetTimes(&n.atime, &n.mtime, &n.ctime)
}

func entry(n *inode, out *fuse.EntryOut) {
	out.NodeId, out.Generation = n.id, 1
	out.SetEntryTimeout(cacheFor)
	out.SetAttrTimeout(cacheFor)
	n.attributes(&out.Attr)
}

func (k *kernel) String() string { return "powerfs" }

func (k *kernel) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	return k.with(in.NodeId, func(folder *inode) fuse.Status {
		if n := folder.names[name]; n != nil {
			entry(n, out)
		} else {
			out.NodeId = 0
			out.SetEntryTimeout(cacheFor)
		}
		return fuse.OK
	})
}

func (k *kernel) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return k.with(in.NodeId, func(n *inode) fuse.Status {
		out.SetTimeout(cacheFor)
		n.attributes(&out.Attr)
		return fuse.OK
	})
}

func (k *kernel) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if size, ok := in.GetSize(); ok {
		if code := k.opened(in.NodeId, func(n *inode) error { return k.fs.resize(n, int64(size)) }); !code.Ok() {
			return code
		}
	}
	return k.with(in.NodeId, func(n *inode) fuse.Status {
		now := time.Now()
		n.ctime = now
		if mode, ok := in.GetMode(); ok {
			n.mode = n.mode&syscall.S_IFMT | mode&0o7777
		}
		if uid, ok := in.GetUID(); ok {
			n.uid = uid
		}
		if gid, ok := in.GetGID(); ok {
			n.gid = gid
		}
		if _, ok := in.GetSize(); ok {
			n.mtime = now
		}
		if t, ok := in.GetMTime(); ok {
			n.mtime = t
		}
		if t, ok := in.GetATime(); ok {
			n.atime = t
		}
		out.SetTimeout(cacheFor)
		n.attributes(&out.Attr)
		return fuse.OK
	})
}

// make makes an inode with a name in a folder, and lets finish complete it.
func (k *kernel) make(in *fuse.InHeader, mode uint32, name string, out *fuse.EntryOut, finish func(*inode) error) fuse.Status {
	return k.with(in.NodeId, func(folder *inode) fuse.Status {
		switch {
		case len(name) > maxName:
			return fuse.Status(syscall.ENAMETOOLONG)
		case folder.names[name] != nil:
			return fuse.Status(syscall.EEXIST)
		}
		n := k.fs.add(mode, in.Uid, in.Gid)
		n.synced = folder.synced || folder.id == rootID && slices.Contains(k.fs.options.Synced, name)
		if finish != nil {
			if err := finish(n); err != nil {
				delete(k.fs.inodes, n.id)
				return status(err)
			}
		}
		k.fs.apply(binding{folder, name, nil, n})
		entry(n, out)
		return fuse.OK
	})
}

func (k *kernel) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	return k.make(&in.InHeader, in.Mode, name, out, nil)
}

func (k *kernel) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return k.make(&in.InHeader, syscall.S_IFDIR|in.Mode&0o7777, name, out, nil)
}

func (k *kernel) Symlink(_ <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	return k.make(in, syscall.S_IFLNK|0o777, name, out, func(n *inode) error { n.target = target; return nil })
}

func (k *kernel) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return k.make(&in.InHeader, syscall.S_IFREG|in.Mode&0o7777, name, &out.EntryOut, k.fs.open)
}

func (k *kernel) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	return k.with(in.NodeId, func(folder *inode) fuse.Status {
		n := k.fs.inodes[in.Oldnodeid]
		switch {
		case n == nil:
			return fuse.Status(syscall.ESTALE)
		case n.folder():
			return fuse.EPERM
		case len(name) > maxName:
			return fuse.Status(syscall.ENAMETOOLONG)
		case folder.names[name] != nil:
			return fuse.Status(syscall.EEXIST)
		}
		k.fs.apply(binding{folder, name, nil, n})
		entry(n, out)
		return fuse.OK
	})
}

func (k *kernel) Readlink(_ <-chan struct{}, in *fuse.InHeader) (target []byte, code fuse.Status) {
	code = k.with(in.NodeId, func(n *inode) fuse.Status {
		target = []byte(n.target)
		return fuse.OK
	})
	return target, code
}

func (k *kernel) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return k.remove(in, name, false)
}

func (k *kernel) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return k.remove(in, name, true)
}

func (k *kernel) remove(in *fuse.InHeader, name string, isFolder bool) fuse.Status {
	return k.with(in.NodeId, func(folder *inode) fuse.Status {
		n := folder.names[name]
		switch {
		case n == nil:
			return fuse.ENOENT
		case isFolder && !n.folder():
			return fuse.ENOTDIR
		case !isFolder && n.folder():
			return fuse.EISDIR
		case len(n.names) > 0:
			return fuse.Status(syscall.ENOTEMPTY)
		}
		k.fs.apply(binding{folder, name, n, nil})
		return fuse.OK
	})
}

func (k *kernel) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	return k.with(in.NodeId, func(from *inode) fuse.Status {
		to := k.fs.inodes[in.Newdir]
		if to == nil {
			return fuse.Status(syscall.ESTALE)
		}
		n, replaced := from.names[oldName], to.names[newName]
		exchange := in.Flags&unix.RENAME_EXCHANGE != 0
		switch {
		case in.Flags&^(unix.RENAME_EXCHANGE|unix.RENAME_NOREPLACE) != 0:
			return fuse.EINVAL
		case n == nil || exchange && replaced == nil:
			return fuse.ENOENT
		case len(newName) > maxName:
			return fuse.Status(syscall.ENAMETOOLONG)
		case in.Flags&unix.RENAME_NOREPLACE != 0 && replaced != nil:
			return fuse.Status(syscall.EEXIST)
		case n == replaced:
			return fuse.OK // two names of one file: nothing happens
		}
		if exchange {
			k.fs.apply(binding{from, oldName, n, replaced}, binding{to, newName, replaced, n})
			return fuse.OK
		}
		if replaced != nil {
			switch {
			case n.folder() && !replaced.folder():
				return fuse.ENOTDIR
			case !n.folder() && replaced.folder():
				return fuse.EISDIR
			case len(replaced.names) > 0:
				return fuse.Status(syscall.ENOTEMPTY)
			}
		}
		k.fs.apply(binding{from, oldName, n, nil}, binding{to, newName, replaced, n})
		return fuse.OK
	})
}

func (k *kernel) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return k.with(in.NodeId, func(n *inode) fuse.Status { return status(k.fs.open(n)) })
}

func (k *kernel) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	k.with(in.NodeId, func(n *inode) fuse.Status {
		k.fs.close(n)
		return fuse.OK
	})
}

func (k *kernel) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, code := k.begin(in.NodeId)
	if !code.Ok() {
		return nil, code
	}
	defer k.end()
	if n.file == nil {
		return nil, fuse.EBADF
	}
	return fuse.ReadResultFd(n.file.Fd(), int64(in.Offset), len(buf)), fuse.OK
}

func (k *kernel) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	k.fs.Stats.Writes.Add(1)
	code := k.opened(in.NodeId, func(n *inode) error {
		if err := k.fs.write(n, data, int64(in.Offset)); err != nil {
			return err
		}
		if in.Flags&(syscall.O_DSYNC|syscall.O_SYNC) != 0 && in.WriteFlags&fuse.WRITE_CACHE == 0 {
			return k.fs.sync(n)
		}
		return nil
	})
	if code.Ok() {
		k.with(in.NodeId, func(n *inode) fuse.Status {
			n.mtime = time.Now()
			n.ctime = n.mtime
			return fuse.OK
		})
	}
	return uint32(len(data)), code
}

func (k *kernel) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	const keepSize = unix.FALLOC_FL_KEEP_SIZE
	return k.opened(in.NodeId, func(n *inode) error {
		switch in.Mode {
		case keepSize:
			return nil // room is not what this is about
		case 0:
			n.data.Lock()
			size := n.size
			n.data.Unlock()
			return k.fs.resize(n, max(size, int64(in.Offset+in.Length)))
		}
		return syscall.EOPNOTSUPP
	})
}

func (k *kernel) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	k.fs.Stats.FileSyncs.Add(1)
	return k.opened(in.NodeId, k.fs.sync)
}

func (k *kernel) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	k.fs.Stats.FolderSyncs.Add(1)
	return k.opened(in.NodeId, k.fs.sync)
}

func (k *kernel) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, _ []byte) fuse.Status {
	if name != SyncAttribute {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	k.fs.Stats.WholeSyncs.Add(1)
	return k.opened(in.NodeId, func(*inode) error { return k.fs.syncAll() })
}

func (k *kernel) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return k.with(in.NodeId, func(folder *inode) fuse.Status {
		list := []fuse.DirEntry{{Name: ".", Mode: syscall.S_IFDIR, Ino: folder.id}, {Name: "..", Mode: syscall.S_IFDIR, Ino: rootID}}
		for name, n := range folder.names {
			list = append(list, fuse.DirEntry{Name: name, Mode: n.mode, Ino: n.id})
		}
		slices.SortFunc(list, func(a, b fuse.DirEntry) int { return strings.Compare(a.Name, b.Name) })
		k.lastList++
		k.listings[k.lastList] = list
		out.Fh = k.lastList
		return fuse.OK
	})
}

func (k *kernel) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return k.with(in.NodeId, func(*inode) fuse.Status {
		list := k.listings[in.Fh]
		for i := in.Offset; i < uint64(len(list)); i++ {
			e := list[i]
			e.Off = i + 1
			if !out.AddDirEntry(e) {
				break
			}
		}
		return fuse.OK
	})
}

func (k *kernel) ReleaseDir(in *fuse.ReleaseIn) {
	k.with(in.NodeId, func(*inode) fuse.Status {
		delete(k.listings, in.Fh)
		return fuse.OK
	})
}

func (k *kernel) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	var s syscall.Statfs_t
	if err := syscall.Statfs(k.fs.backing, &s); err != nil {
		return status(err)
	}
	out.FromStatfsT(&s)
	return fuse.OK
}
