package main

import (
	. "github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/loss"
	"gomm/mmlib/nn/attention"
)

// build makes the graph of a job: its inputs to its outputs, each in the case's order.
func build(j job, in []*Node) []*Node {
	choice := lean.Never
	if j.Impl == leanly {
		choice = lean.Always
	}
	if j.Op == attentionOp {
		q, k, v := in[0], in[1], in[2]
		z := attention.Attend(q, k, v, attention.Mask{Causal: j.Causal}, attention.Options{Kernel: choice}).Z
		if j.Pass == forward {
			return []*Node{z}
		}
		dz := in[3]
		return append([]*Node{z}, Gradient(ReduceAllSum(Mul(z, dz)), q, k, v)...)
	}

	x, y := in[0], in[1]
	scale := Scalar(x.Graph(), x.DType(), j.Scale)
	var l *Node
	if choice == lean.Always {
		l = loss.Pairs(x, y, nil, scale, choice)
	} else {
		l = plainPairs(x, y, scale)
	}
	if j.Pass == forward {
		return []*Node{l}
	}
	return append([]*Node{l}, Gradient(l, x, y)...)
}

// plainPairs is CLIP's loss with the matrix S = scale·x·yᵀ [N, N], with XLA's own gradient:
//
//	L = ½ · ( 1/N Σᵢ log Σⱼ exp S[i,j]  +  1/N Σⱼ log Σᵢ exp S[i,j] )  −  1/N Σᵢ S[i,i]
//
// [loss.Pairs] with lean.Never takes a second matrix besides, for the targets, which here are the identity; a comparison with
// that would flatter the lean kernel.
func plainPairs(x, y, scale *Node) *Node {
	x = Mul(x, scale)
	s := loss.Similarity(x, y)
	lse := func(axis int) *Node {
		m := StopGradient(ReduceAndKeep(s, ReduceMax, axis))
		return Add(m, Log(ReduceAndKeep(Exp(Sub(s, m)), ReduceSum, axis)))
	}
	positives := ReduceSum(Mul(x, y), 1) // [N], S[i,i]
	return Sub(MulScalar(Add(ReduceAllMean(lse(1)), ReduceAllMean(lse(0))), 0.5), ReduceAllMean(positives))
}
