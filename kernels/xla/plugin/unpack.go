package plugin

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// unpack takes the library out of a verified wheel. It is written beside its place, verified, synced and renamed: under its final name
// it is either absent or complete.
func (in *installation) unpack(ctx context.Context, archive, library string) error {
	if err := in.room(in.wheel.librarySize); err != nil {
		return err
	}
	temporary := library + ".tmp"
	if err := in.extract(ctx, archive, temporary); err != nil {
		return errors.Join(err, in.remove(temporary))
	}
	if err := in.disk.Rename(temporary, library); err != nil {
		return errors.Join(in.diskError(err), in.remove(temporary))
	}
	return nil
}

func (in *installation) extract(ctx context.Context, archive, to string) (err error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%s is not a wheel: %w; remove it and run %s again", archive, err, Command)
	}
	defer z.Close()
	member, err := z.Open(in.wheel.member)
	if err != nil {
		return fmt.Errorf("%s holds no %s: %w", archive, in.wheel.member, err)
	}
	defer member.Close()
	out, err := in.disk.Open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return in.diskError(err)
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, hash), &cancellable{ctx, member})
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return in.diskError(fmt.Errorf("unpacking %s: %w", in.wheel.member, err))
	}
	return compare(archive+": "+in.wheel.member, n, in.wheel.librarySize, hex.EncodeToString(hash.Sum(nil)), in.wheel.librarySum)
}

// cancellable is a reader that ends with its context.
type cancellable struct {
	ctx context.Context
	io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(p)
}

// verify compares a file with its size and SHA-256 sum.
func verify(name string, size int64, sum string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size { // no need to read it
		return compare(name, info.Size(), size, sum, sum)
	}
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	if err != nil {
		return err
	}
	return compare(name, n, size, hex.EncodeToString(hash.Sum(nil)), sum)
}

// errDamaged is wrapped by the errors about files that are not what they should be.
var errDamaged = errors.New("damaged")

func compare(name string, size, wantSize int64, sum, wantSum string) error {
	if size != wantSize {
		return fmt.Errorf("%s is %w: %d bytes, not %d", name, errDamaged, size, wantSize)
	}
	if sum != wantSum {
		return fmt.Errorf("%s is %w: its SHA-256 sum is %s, not %s", name, errDamaged, sum, wantSum)
	}
	return nil
}
