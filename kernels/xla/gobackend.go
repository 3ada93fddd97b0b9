package xla

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

// unlimited parallelism: the Go backend starts a worker whenever there is work. With its default, a limited pool,
// training can come to a stop in which all workers wait for one another.
const unlimited = -1

// newGo makes the Go backend, with unlimited parallelism unless the options have another.
func newGo(options string) (compute.Backend, error) {
	parallelism := unlimited
	var rest []string
	for option := range strings.SplitSeq(options, ",") {
		value, ok := strings.CutPrefix(option, "parallelism=")
		if !ok {
			rest = append(rest, option)
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("backend go: parallelism=%q is not a whole number; -1 means no limit", value)
		}
		parallelism = n
	}
	b, err := gobackend.New(strings.Join(rest, ","))
	if err != nil {
		return nil, err
	}
	if setParallelism(b, parallelism) {
		return b, nil
	}
	return gobackend.New(strings.Join(append(rest, fmt.Sprintf("parallelism=%d", parallelism)), ","))
}

// setParallelism calls b.Workers.SetMaxParallelism(n), whose types are internal to GoMLX. The option parallelism=n
// does the same, but it also prints a line to the standard output, where the results of our commands go.
func setParallelism(b compute.Backend, n int) bool {
	v := reflect.Indirect(reflect.ValueOf(b))
	if v.Kind() != reflect.Struct {
		return false
	}
	workers := v.FieldByName("Workers")
	if !workers.IsValid() || workers.Kind() != reflect.Pointer || workers.IsNil() {
		return false
	}
	set, ok := workers.Interface().(interface{ SetMaxParallelism(int) })
	if ok {
		set.SetMaxParallelism(n)
	}
	return ok
}
