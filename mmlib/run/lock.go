package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// takeLock makes this process the folder's only trainer. The file is never removed, because another process might hold it open.
func (f *Folder) takeLock() error {
	path := f.Path(lockFile)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("run: locking the run folder: %w", err)
	}
	if !ok {
		holder := ""
		if pid, err := os.ReadFile(path); err == nil && len(pid) > 0 {
			holder = " (" + strings.TrimSpace(string(pid)) + ")"
		}
		return fmt.Errorf("run: another process is training in %s%s: wait for its end, or name another folder", f.dir, holder)
	}
	f.lock = lock
	_ = os.WriteFile(path, fmt.Appendf(nil, "process %d\n", os.Getpid()), 0o666) // a help for the message above, no more
	return nil
}

// sweep removes what a killed process did not finish, and finishes what it had begun to replace.
func (f *Folder) sweep() error {
	if err := f.disk.mkdir(f.Path("checkpoints")); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	for _, dir := range []string{f.dir, f.Path("checkpoints")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("run: %w", err)
		}
		for _, name := range names(entries) {
			if err := f.sweepOne(dir, name); err != nil {
				return fmt.Errorf("run: sweeping leftovers: %w", err)
			}
		}
	}
	return nil
}

func (f *Folder) sweepOne(dir, name string) error {
	path := filepath.Join(dir, name)
	if strings.HasPrefix(name, temporary) {
		return f.disk.remove(path)
	}
	plain, aside := strings.CutSuffix(path, replaced)
	if !aside || dir != f.Path("checkpoints") {
		return nil
	}
	there, err := exists(plain)
	if err != nil {
		return err
	}
	if there {
		return f.disk.remove(path)
	}
	return f.disk.rename(path, plain)
}
