package train

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/task"
)

// devices runs a step on one device or on several: with several, XLA splits the computation by itself (AutoSharding) as
// the split of the inputs suggests. On a CPU the devices are virtual, and still faster than one, for XLA runs the parts
// side by side.
type devices struct {
	count           int
	replicated, cut *distributed.ShardingSpec // nil for one device
}

// chooseDevices takes `asked` devices, or with 0 as many as the backend has and the batch divides into.
func chooseDevices(b compute.Backend, asked, batch int) (devices, error) {
	n := asked
	if n == 0 {
		for n = b.NumDevices(); batch%n != 0; n-- {
		}
	}
	if n > b.NumDevices() {
		return devices{}, fmt.Errorf("train: training.devices is %d and the backend has %d: set it to 0 for all", n, b.NumDevices())
	}
	if batch%n != 0 {
		return devices{}, fmt.Errorf("train: training.batch_size %d is not a multiple of training.devices %d", batch, n)
	}
	d := devices{count: n}
	if n == 1 {
		return d, nil
	}
	mesh, err := distributed.NewDeviceMesh([]int{n}, []string{"data"})
	if err != nil {
		return devices{}, fmt.Errorf("train: %d devices: %w", n, err)
	}
	d.replicated = distributed.NewReplicatedShardingSpec(mesh)
	d.cut, err = distributed.BuildSpec(mesh).S("data").Done()
	return d, err
}

// configure prepares exec for inputs that are shared or cut as given.
func (d devices) configure(exec *model.Exec, shared []bool) {
	if d.count == 1 {
		return
	}
	specs := make([]*distributed.ShardingSpec, len(shared))
	for i, s := range shared {
		specs[i] = d.spec(s)
	}
	exec.AutoSharding(d.replicated.Mesh).WithInputShardingSpecs(specs...).WithOutputShardingSpecs(d.replicated)
}

func (d devices) spec(shared bool) *distributed.ShardingSpec {
	if shared {
		return d.replicated
	}
	return d.cut
}

// distribute prepares a batch for exec: as it is for one device, in shards for several.
func (d devices) distribute(b task.Batch) ([]any, error) {
	out := make([]any, len(b.Inputs))
	for i, t := range b.Inputs {
		if d.count == 1 {
			out[i] = t
			continue
		}
		sharded, err := dtensor.ShardTensor(d.spec(b.Shared[i]), t)
		if err != nil {
			return nil, fmt.Errorf("train: input %d of the batch: %w", i, err)
		}
		out[i] = sharded
	}
	return out, nil
}

// call runs one step, frees its inputs and returns the result that all devices agree on.
func (d devices) call(exec *model.Exec, inputs []any) ([]float32, error) {
	defer finalize(inputs)
	out, err := exec.Call(inputs...)
	if err != nil {
		return nil, err
	}
	result, err := tensors.CopyFlatData[float32](out[0])
	for _, t := range out {
		if e := t.FinalizeAll(); err == nil {
			err = e
		}
	}
	return result, err
}

func finalize(inputs []any) {
	for _, in := range inputs {
		if t, ok := in.(interface{ FinalizeAll() error }); ok {
			_ = t.FinalizeAll()
		}
	}
}

// parameters makes stand-ins for a batch's inputs, to build a graph without running it.
func parameters(g *graph.Graph, of []shapes.Shape) []*graph.Node {
	nodes := make([]*graph.Node, len(of))
	for i, s := range of {
		nodes[i] = graph.Parameter(g, fmt.Sprintf("input%d", i), s)
	}
	return nodes
}
