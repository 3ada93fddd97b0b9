// Package report draws what a training and an evaluation have measured, and writes it as one HTML file that opens
// offline: no script, no font, no picture is fetched from anywhere.
//
// A [Page] is a list of sections, and a [Section] is a heading, a text that says what one sees and what is normal, and
// blocks. There are seven kinds of block, all plain data:
//
//   - [Chart]: curves over a common axis, with dashed reference lines such as the floor of a loss;
//   - [Matrix]: a heat map with its numbers, such as the similarity of pictures and captions;
//   - [Confusion]: how often one class was taken for another;
//   - [Gallery]: small pictures with captions, also under attention weights (see [Overlay]);
//   - [Scatter]: points in a plane, such as embeddings in two dimensions;
//   - [Diagram]: boxes and arrows, how the parts of a model hang together;
//   - [Table]: rows of text, each with an optional picture.
//
// [Results], [Curves], [Similarity], [Attention], [Neighbours], [Confused] and [Mistakes] make the usual sections of such
// blocks and explain them. A section without blocks stays in the page and says so, so a report may be written from
// whatever a run has.
//
// Charts and matrices are drawn with gonum/plot as SVG inside the page, which has two consequences. Their text stays text:
// the browser has the fonts for Chinese that gonum lacks, and only the widths are ours to estimate. And their colours stay
// names: the style sheet exchanges them on a dark screen. The SVG method of each gives the picture alone.
//
// Nothing is drawn from data that is empty, ragged, NaN or infinite: the error names the block and the value.
package report
