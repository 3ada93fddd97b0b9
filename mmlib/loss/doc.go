// Package loss holds the losses of chapter 4.1 and the task losses, as pure functions of graph nodes: numbers in, one
// scalar out, no weights and no state.
//
// A contrastive loss compares N pairs, say pictures and their captions: what belongs together shall be alike, everything
// else apart. The kinds differ in what stands in the denominator:
//
//	[Contrastive]   4.1.1  all 2N representations but the anchor itself, of both modalities (SimCLR's NT-Xent)
//	[InfoNCE]       4.1.2  the positive and K negatives from wherever you like; [MutualInformation] reads it as a bound
//	[CLIP], [Pairs]        the N representations of the other modality, in both directions
//	[SigLIP]               none: every pair is a yes-or-no question of its own
//
// The task losses (3.1, 3.2) are cross-entropies: [Classification] for one label, [MaskedTokens] for the hidden words of
// a text, [Sequence] for a text to be generated.
//
// The matrix of similarities takes N² numbers. From a size on, [Contrastive] and [Pairs] use the kernels of
// gomm/kernels/xla/lean instead, which give the same numbers and gradients and never hold the matrix.
//
// Functions here panic on shapes and options that do not fit, as all graph code does. What the contrastive losses give is
// finite for logits of any finite size.
package loss
