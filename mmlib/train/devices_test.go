package train

import (
	"context"
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// deviceCounts are one device and, where the backend has more, all of them.
func deviceCounts(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{"one device": 1}
	if n := backend(t).NumDevices(); n > 1 {
		counts[fmt.Sprint(n, " devices")] = n
	}
	return counts
}

// TestDevicesAgree trains the same on one device and on all. Only the order of sums differs.
func TestDevicesAgree(t *testing.T) {
	n := backend(t).NumDevices()
	if n == 1 {
		t.Skip("the backend has one device: there is nothing to compare")
	}
	var ends []map[string][]float32
	for _, count := range []int{1, n} {
		c := settings()
		c.BatchSize, c.Devices, c.Epsilon = 2*n, count, 1e-3
		tr := trainer(t, &fit{examples: 20, model: linear}, newFolder(t, 1, c), Hooks{Init: newReference().start})
		if tr.Devices() != count {
			t.Errorf("it runs on %d devices, want %d", tr.Devices(), count)
		}
		check.Must(t, tr.Run(context.Background()))
		ends = append(ends, weights(t, tr.Store()))
	}
	compare(t, ends[1], ends[0], 1e-5)
}

func TestChooseDevices(t *testing.T) {
	b := backend(t)
	n := b.NumDevices()
	for _, test := range []struct{ asked, batch, want int }{{0, 4 * n, n}, {1, 7, 1}, {n, 3 * n, n}, {0, 1, 1}} {
		d, err := chooseDevices(b, test.asked, test.batch)
		if err != nil || d.count != test.want {
			t.Errorf("%d devices for a batch of %d: %d (%v), want %d", test.asked, test.batch, d.count, err, test.want)
		}
	}
	if d, err := chooseDevices(b, 0, 6*n+1); err != nil || (6*n+1)%d.count != 0 {
		t.Errorf("a batch of %d is cut for %d devices (%v)", 6*n+1, d.count, err)
	}

	refused := func(devices, batch int, words ...string) {
		t.Helper()
		c := settings()
		c.Devices, c.BatchSize = devices, batch
		_, err := New(b, &fit{examples: 20, model: linear}, newFolder(t, 1, c), Hooks{})
		check.Error(t, err, words...)
	}
	refused(n+1, 2*(n+1), fmt.Sprintf("training.devices is %d", n+1), fmt.Sprintf("the backend has %d", n), "set it to 0")
	if n > 1 {
		_, err := chooseDevices(b, n, n+1)
		check.Error(t, err, fmt.Sprintf("training.batch_size %d", n+1), fmt.Sprintf("training.devices %d", n))
	}
	c := settings()
	c.Devices = -1
	_, err := run.Create(t.TempDir(), run.Config{Kind: "fit", Training: &c}, nil)
	check.Error(t, err, "training.devices is -1")
}

// TestDistributeRefuses: what cannot be cut is an error that names the input.
func TestDistributeRefuses(t *testing.T) {
	b := backend(t)
	n := b.NumDevices()
	if n == 1 {
		t.Skip("the backend has one device: nothing is cut")
	}
	d, err := chooseDevices(b, n, n)
	check.Must(t, err)
	odd := tensors.FromFlatDataAndDimensions(make([]float32, n+1), n+1)
	_, err = d.distribute(task.Batch{Inputs: []*tensors.Tensor{odd}, Shared: []bool{false}})
	check.Error(t, err, "train: input 0 of the batch")
}
