package infer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/task"
)

// Loop is a decoder compiled whole: one execution reads prompts of one length and writes sequences of one length, with no call for each
// token. It chooses tokens as [Generate] does, greedily or at a temperature, with the same random numbers; top-k, top-p and beams are
// for Generate.
//
// A sequence that ends is written on: what stands behind its end means nothing. So a Loop is for what has no end but its length, as the
// codes of a picture.
type Loop struct {
	decoder       task.Decoder
	step          task.Func
	memory        *Session // which makes it
	exec          *model.Exec
	rows, in, out int // rows at a time, tokens of a prompt, tokens behind it
}

// below1 is the largest float32 below 1, to which a random number may be rounded.
const below1 = 1 - 1.0/(1<<24)

// ErrNoLoop is the error of [NewLoop] on the Go backend: that of compute v0.1.5 compiles the loop and fails when it runs it ("not computed
// yet"). [Generate] writes the same there, token by token.
var ErrNoLoop = errors.New("the Go backend runs no loops of this kind: write token by token")

// goBackend is what the Go backend calls itself.
const goBackend = "Go Backend"

// NewLoop compiles a decoder of the session's model, for so many rows at a time, for prompts of the given length and so many tokens
// behind them. The session has the function that d calls its Memory, if there is one.
func NewLoop(s *Session, d task.Decoder, rows, prompt, tokens int) (*Loop, error) {
	i := slices.IndexFunc(s.predictor.Funcs(), func(f task.Func) bool { return f.Name == d.Step })
	switch {
	case i < 0:
		return nil, fmt.Errorf("infer: the model has no function %q, which writes text", d.Step)
	case rows < 1 || prompt < 1 || tokens < 1:
		return nil, fmt.Errorf("infer: a loop of %d rows, prompts of %d tokens and %d behind them: each must be at least 1", rows, prompt,
			tokens)
	case s.backend.Name() == goBackend:
		return nil, fmt.Errorf("infer: %q as a loop: %w", d.Step, ErrNoLoop)
	case prompt+tokens-1 > d.Length:
		return nil, fmt.Errorf("infer: prompts of %d tokens and %d behind them do not fit: the model reads at most %d", prompt, tokens, d.Length)
	}
	l := &Loop{decoder: d, memory: s, rows: rows, in: prompt, out: tokens, step: s.predictor.Funcs()[i]}
	err := task.Try(func() (err error) {
		weights, err := l.weights(s)
		if err != nil {
			return err
		}
		l.exec, err = model.NewExec(s.backend, s.predictor.Store(), func(scope *model.Scope, in []*Node) []*Node {
			return l.graph(scope, in, weights)
		})
		if err != nil {
			return err
		}
		number := shapes.Make(dtypes.Int32)
		in := []shapes.Shape{
			number, number, number, shapes.Make(dtypes.Int32, rows, prompt+tokens), shapes.Make(dtypes.Float32, rows, tokens),
			shapes.Make(dtypes.Float32),
		}
		for _, shape := range l.step.In[2:] {
			in = append(in, withBatch(shape, rows))
		}
		_, err = l.exec.Compile(in...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("infer: compiling %q as a loop: %w", d.Step, err)
	}
	return l, nil
}

// weights finds those that a step uses, by building one and throwing it away.
func (l *Loop) weights(s *Session) (list []*model.Variable, err error) {
	g := NewGraph(s.backend, "step")
	defer g.Finalize()
	store := s.predictor.Store()
	model.SetStore(g, store)
	in := make([]*Node, len(l.step.In))
	for i, shape := range l.step.In {
		in[i] = Parameter(g, fmt.Sprint(i), withBatch(shape, l.rows))
	}
	l.step.Graph(store.RootScope(), in)
	for v := range store.IterVariables() {
		if v.InUseByGraph(g) {
			list = append(list, v)
		}
	}
	return list, nil
}

// The state of the loop: the place whose token is read next and the last one, [] Int32; how many logits were NaN, [] Int32; tokens [B,
// in+out] Int32; random numbers [B, out]; the temperature []; then what is kept, the memory, and the weights, which a body cannot see
// otherwise.
const fixedState = 6

// graph is the program: the state at first, without the weights → what is written [B, out], and how many logits were NaN. It has no
// constant outside of the body: go-xla v0.4.1 has each constant once in a program, and a body cannot use one from outside.
func (l *Loop) graph(s *model.Scope, in []*Node, weights []*model.Variable) []*Node {
	g, kept, first := in[0].Graph(), len(l.decoder.Kept), len(in) // first of the weights
	before := make([]*Node, len(weights))
	for i, w := range weights {
		before[i] = w.NodeValue(g)
	}
	state := slices.Concat(in, before)
	parameters := func(g *Graph) []*Node {
		list := make([]*Node, len(state))
		for i, x := range state {
			list[i] = Parameter(g, fmt.Sprintf("state%d", i), x.Shape())
		}
		return list
	}
	cond := NewClosure(g, func(g *Graph) []*Node {
		now := parameters(g)
		return []*Node{LessThan(now[0], now[1])}
	})
	body := NewClosure(g, func(g *Graph) []*Node {
		now := parameters(g)
		for i, w := range weights {
			w.SetNodeValue(now[first+i])
		}
		at, tokens := now[0], now[3]
		inputs := slices.Concat([]*Node{pick(tokens, at), BroadcastToDims(at, l.rows)}, now[fixedState:first])
		out := l.step.Graph(s, inputs)
		chosen := l.choose(out[0], pick(now[4], AddScalar(at, float64(1-l.in))), now[5])
		next := slices.Clone(now)
		next[0], next[3] = AddScalar(at, 1), l.put(tokens, chosen, AddScalar(at, 1))
		next[2] = Add(now[2], ReduceAllSum(ConvertDType(NotEqual(out[0], out[0]), dtypes.Int32)))
		copy(next[fixedState:fixedState+kept], out[1:])
		return next
	})
	for i, w := range weights {
		w.SetNodeValue(before[i])
	}
	end := While(cond, body, state...)
	return []*Node{Slice(end[3], AxisRange(), AxisRange(l.in)), end[2]}
}

// pick takes the column at, a scalar, of x [B, n]: [B], 0 where there is no such column.
func pick(x, at *Node) *Node {
	here := Equal(Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), 1), at)
	return ReduceSum(Where(here, x, ZerosLike(x)), 1)
}

// put writes chosen [B] into the column at of tokens [B, n], unless that belongs to the prompt.
func (l *Loop) put(tokens, chosen, at *Node) *Node {
	i := Iota(tokens.Graph(), tokens.Shape(), 1)
	here := LogicalAnd(Equal(i, at), GreaterOrEqual(i, Scalar(tokens.Graph(), dtypes.Int32, l.in)))
	return Where(here, BroadcastToDims(ExpandAxes(chosen, -1), tokens.Shape().Dimensions...), tokens)
}

// choose draws tokens [B] by logits [B, V] and random numbers u [B]: the first i for which p₀ + … + pᵢ > u, or without a temperature the
// most probable one.
func (l *Loop) choose(logits, u, temperature *Node) *Node {
	zero := ScalarZero(logits.Graph(), dtypes.Float32)
	hot := GreaterThan(temperature, zero)
	p := Softmax(Div(logits, Where(hot, temperature, OnesLike(temperature))), -1)
	sums := CumSum(p, -1)
	last := Slice(sums, AxisRange(), AxisRange(-1))
	below := LessOrEqual(Div(sums, last), BroadcastToDims(ExpandAxes(u, -1), sums.Shape().Dimensions...))
	drawn := ReduceSum(ConvertDType(below, dtypes.Int32), -1)
	return Where(BroadcastToDims(hot, l.rows), drawn, ArgMax(logits, -1, dtypes.Int32))
}

// Run writes behind prompts, all of the loop's length, any number of them. about is as in [Generate], and so are the random numbers.
func (l *Loop) Run(about []*tensors.Tensor, prompts [][]int32, o Sampling) ([][]int32, error) {
	if err := checkPrompts(l.step, l.decoder, about, prompts, o); err != nil {
		return nil, err
	}
	if o.TopK > 0 || o.TopP > 0 && o.TopP < 1 || o.Beams > 1 || o.MaxTokens > 0 {
		return nil, errors.New("infer: a loop draws by a temperature alone: top-k, top-p, beams and a limit of tokens are for Generate")
	}
	for i, p := range prompts {
		if len(p) != l.in {
			return nil, fmt.Errorf("infer: prompt %d has %d tokens, and the loop was compiled for %d", i, len(p), l.in)
		}
	}
	var memory []*tensors.Tensor
	if l.decoder.Memory != "" {
		var err error
		if memory, err = l.memory.Call(l.decoder.Memory, about...); err != nil {
			return nil, err
		}
		defer func() { _ = finalize(memory) }()
	}
	var written [][]int32
	for start := 0; start < len(prompts); start += l.rows {
		rows, err := l.execute(memory, prompts, start, o)
		if err != nil {
			return nil, err
		}
		written = append(written, rows...)
	}
	return written, nil
}

// execute writes the rows from start on, as many as the loop takes at a time. Rows that are too few are filled up with the first.
func (l *Loop) execute(memory []*tensors.Tensor, prompts [][]int32, start int, o Sampling) ([][]int32, error) {
	count := min(l.rows, len(prompts)-start)
	ids, uniforms := make([]int32, 0, l.rows*(l.in+l.out)), make([]float32, 0, l.rows*l.out)
	for i := range l.rows {
		row := start + i
		if i >= count {
			row = start
		}
		ids = append(append(ids, prompts[row]...), make([]int32, l.out)...)
		random := NewSampler(o, row).random
		for range l.out {
			uniforms = append(uniforms, min(float32(random.Float64()), below1))
		}
	}
	in := []*tensors.Tensor{
		tensors.FromScalar(int32(0)), tensors.FromScalar(int32(l.in + l.out - 1)), tensors.FromScalar(int32(0)),
		tensors.FromFlatDataAndDimensions(ids, l.rows, l.in+l.out), tensors.FromFlatDataAndDimensions(uniforms, l.rows, l.out),
		tensors.FromScalar(float32(o.Temperature)),
	}
	for _, shape := range l.decoder.Kept {
		in = append(in, tensors.FromShape(withBatch(shape, l.rows)))
	}
	for _, m := range memory {
		shape := m.Shape().Clone()
		shape.Dimensions[0] = l.rows
		part := tensors.FromShape(shape)
		in = append(in, part)
		err := copyRows(part, 0, m, start, count)
		for row := count; row < l.rows; row++ {
			err = errors.Join(err, copyRows(part, row, m, start, 1))
		}
		if err != nil {
			return nil, errors.Join(err, finalize(in))
		}
	}
	arguments := make([]any, len(in))
	for i, t := range in {
		arguments[i] = t
	}
	out, err := l.exec.Call(arguments...)
	if err = errors.Join(err, finalize(in)); err != nil {
		return nil, fmt.Errorf("infer: %q as a loop: %w", l.decoder.Step, err)
	}
	flat, err := tensors.CopyFlatData[int32](out[0])
	broken := tensors.ToScalar[int32](out[1])
	if err = errors.Join(err, finalize(out)); err != nil {
		return nil, err
	}
	if broken > 0 {
		return nil, fmt.Errorf("infer: %d logits of %q are NaN: the model's weights are broken, or its training diverged", broken,
			l.decoder.Step)
	}
	return slices.Collect(slices.Chunk(flat, l.out))[:count], nil
}
