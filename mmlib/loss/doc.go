// Package loss holds the losses of chapter 4.1 and the task losses, as pure functions of graph nodes: numbers in, one
// scalar out, no weights and no state.
//
// A contrastive loss compares N pairs, say pictures and their captions: the two of a pair should be alike, everything else
// apart. The kinds differ in what stands in the denominator:
//
//	[Contrastive]   4.1.1  all 2N representations but the anchor itself, of both modalities (SimCLR's NT-Xent)
//	[InfoNCE]       4.1.2  the positive and K negatives from anywhere; [MutualInformation] reads it as a bound
//	[CLIP], [Pairs]        the N representations of the other modality, in both directions
//	[SigLIP]               none: every pair is a yes-or-no question of its own
//
// The task losses (3.1, 3.2) are cross-entropies: [Classification] for one label, [MaskedTokens] for the hidden words of
// a text, [Sequence] for a text to be generated.
//
// The matrix of similarities takes N² numbers. Above a certain size, [Contrastive] and [Pairs] use the kernels of
// gomm/kernels/xla/lean instead, which give the same numbers and gradients and never hold the matrix.
//
// # What goes in, and what comes out
//
// These rules hold for every function here, on every backend:
//
//   - Float32 and Float64 give results of their own type. Floats of 16 bits are converted to Float32 first, and so are
//     sums, counts, means and results: 70,000 positions do not fit into 16 bits. (A learned scale keeps its type.)
//   - Labels and lengths are integers of any type and size; Int8 works for 300 classes as well as for 10.
//   - A label outside of the classes is a mistake in the data. It makes the result NaN, so that it shows; only a label
//     that is named as one to ignore, such as [IgnoreIndex], leaves its row out. The mean is over the rows that count; if
//     none does it is 0, and so are the gradients.
//   - A logit of −Inf masks its class: that has the probability 0, adds nothing to a loss whose target has no mass on it,
//     and its gradient is 0. Where the target does have mass on it the loss is +Inf, as −log 0 is; label smoothing puts mass
//     on every class. A row with nothing but −Inf is NaN.
//   - Logits of any finite size give finite losses, unless the loss itself is too large for its type.
//   - A NaN in a row that counts makes the result NaN, an accuracy too. What stands in a row that does not count has no
//     effect, be it NaN.
//
// Functions panic on shapes, types and options that do not fit, as all graph code does.
package loss
