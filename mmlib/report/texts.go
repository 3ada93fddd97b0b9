package report

// What the sections say by default: what one sees, and what normal looks like.
const (
	resultsText = `The share of test examples that the model got right. The interval is Wilson's: over many tests on fresh ` +
		`examples, 19 of 20 such intervals hold the true accuracy. On 10,000 examples near 98 % it is about half a point wide, so two ` +
		`models that differ by less than that may well be equally good.`

	curvesText = `The pale line is the loss of each batch, the strong one its running mean. Normal is a steep fall in the first ` +
		`few per cent of the steps, then a long flat stretch in which accuracy still rises. A loss that stays where it began, or jumps ` +
		`up and does not come back, asks for a lower learning rate or a longer warm-up.`

	floorText = `The dashed line is the lowest value this loss can reach, and lying close above it is not being stuck. A ` +
		`contrastive loss asks which caption of the batch belongs to a picture. When n_c captions of the batch fit equally well, ` +
		`because they show the same class, even a perfect model can only spread its belief evenly over them, which costs ln n_c. The ` +
		`floor is the mean of that: with 10 classes and batches of 256 about 3.26, a little more than ln(256/10). A model that has ` +
		`learnt nothing starts near ln 256 = 5.55.`

	similarityText = `Each row is a class of pictures and each column a caption; the number is the mean cosine similarity of their ` +
		`embeddings, and the colour goes from dark (low) to yellow (high). The framed diagonal holds the pairs that belong together. ` +
		`Normal is a bright diagonal on a dark ground. The absolute values matter little, for the temperature rescales them: what ` +
		`counts is that each row is highest on the diagonal. A bright cell beside it shows which classes look or sound alike to the ` +
		`model, such as 4 and 9, or shirt and coat.`

	attentionText = `The picture is cut into patches; the brighter orange a patch glows, the more weight the model gave it. Each ` +
		`picture is scaled to its own largest weight. Normal is light on what sets one class apart from another, such as the strokes and ` +
		`the gaps of a digit, and heads that differ. A map that is even all over carries no information; one that glows in an empty corner ` +
		`is common too: models use blank patches to store what belongs to the whole picture.`

	neighboursText = `Pictures and texts live in one space, so each can be looked up by the other; the number is the cosine ` +
		`similarity. Normal is that all neighbours are of the class asked for, in either language. Watch the first wrong one: it shows ` +
		`what the model finds similar.`

	confusionText = `Each row is what the picture shows, each column what the model said. Right answers are blue, on the diagonal; ` +
		`errors are orange, stronger the more there are, on a logarithmic scale so that single ones stay visible. A dot is zero. Normal ` +
		`is a handful of orange cells, in pairs that people confuse as well (4 and 9, 3 and 5, 7 and 2). A whole orange column means ` +
		`that the model says one class too readily.`

	mistakesText = `The wrong answers of which the model was surest, with the probability that it gave them. Normal is that most ` +
		`of them make a person hesitate, and some are labelled wrongly. Clear pictures among them point to something that training ` +
		`lacks, for example a way of writing that the augmentation never makes.`
)
