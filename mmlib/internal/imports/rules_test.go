package imports

// The order of the house:
//
//	data → nn (+ kernels/xla/lean), loss → task, run → models → train, infer → eval → report → experiment, notebook, serve → cmd

// rule says what the packages that a pattern matches may import besides the standard library. Patterns are as in
// "mmlib/data/...": a package, and with "/..." everything below it too. Paths without a dot in the first part are ours;
// others stands for all those of other modules.
type rule struct {
	packages string
	may      []string
}

// Modules of others.
const (
	gomlx    = "github.com/gomlx/gomlx/..."
	compute  = "github.com/gomlx/compute/..."
	goxla    = "github.com/gomlx/go-xla/..."
	ximage   = "golang.org/x/image/..."
	xsync    = "golang.org/x/sync/..."
	xsys     = "golang.org/x/sys/..."
	flock    = "github.com/gofrs/flock"
	gonb     = "github.com/janpfeifer/gonb/..."
	plot     = "gonum.org/v1/plot/..."
	others   = "*.*/..."
	anything = "..."
)

// rules: the first row that matches a package is its rule.
var rules = []rule{
	// The map of the library; no code.
	{"mmlib", nil},

	// Where examples come from: plain Go, never a graph.
	{"mmlib/data/...", []string{"mmlib/data/...", ximage}},

	// The files of trained weights: plain Go as well.
	{"mmlib/weights", nil},

	// The parts of models: graph code only, each built of those above it.
	{"mmlib/nn", []string{gomlx, compute, "kernels/xla/lean/...", "mmlib/weights"}},
	{"mmlib/nn/attention", []string{gomlx, compute, "kernels/xla/lean/...", "mmlib/nn"}},
	{"mmlib/nn/transformer", []string{gomlx, compute, "kernels/xla/lean/...", "mmlib/nn", "mmlib/nn/attention"}},
	{"mmlib/nn/vision", []string{gomlx, compute, "kernels/xla/lean/...", "mmlib/nn", "mmlib/nn/attention", "mmlib/nn/transformer"}},
	{"mmlib/nn/regions", []string{gomlx, compute, "mmlib/nn", "mmlib/loss"}},
	{"mmlib/nn/codebook", []string{gomlx, compute, "kernels/xla/lean/...", "mmlib/nn", "mmlib/nn/attention", "mmlib/nn/transformer",
		"mmlib/nn/vision"}},
	{"mmlib/loss", []string{gomlx, compute, "kernels/xla/lean/..."}},

	// What the trainer and the predictor know of a model, and where a training run is kept.
	{"mmlib/task", []string{gomlx, compute}},
	{"mmlib/run", []string{gomlx, compute, flock, xsys}},

	// The table of presets joins data to papers. Papers never import one another; what a paper needs of its examples it
	// declares as an interface, and what many need, mmlib/task does.
	{"mmlib/models", []string{gomlx, compute, "mmlib/models/...", "mmlib/data/...", "mmlib/task", "mmlib/run", "mmlib/weights"}},
	{"mmlib/models/...", []string{gomlx, compute, "mmlib/nn/...", "mmlib/loss", "mmlib/task", "mmlib/data/text", "mmlib/weights"}},

	// One trainer, one inference session, one evaluation for all models: they know the task alone, and the trainer how weights begin.
	{"mmlib/train", []string{gomlx, compute, xsync, "mmlib/task", "mmlib/run", "mmlib/nn"}},
	{"mmlib/infer", []string{gomlx, compute, xsync, "mmlib/task", "mmlib/run"}},
	{"mmlib/eval", []string{gomlx, compute, xsync, "mmlib/task", "mmlib/run", "mmlib/infer"}},
	{"mmlib/report", []string{plot, ximage, "mmlib/run", "mmlib/eval"}},

	// All of it in a row, for any model and any data: the table knows them, experiment does not.
	{"mmlib/experiment", []string{
		gomlx, compute, "mmlib/data", "mmlib/data/captions", "mmlib/data/picture", "mmlib/data/questions", "mmlib/data/text",
		"mmlib/task", "mmlib/run", "mmlib/models",
		"mmlib/train", "mmlib/infer", "mmlib/eval", "mmlib/report",
	}},
	{"mmlib/notebook", []string{gonb}},
	{"mmlib/notebook/trial", []string{gomlx, compute, "mmlib/task", "mmlib/run", "mmlib/train"}},
	{"mmlib/serve", []string{xsync, "mmlib/task", "mmlib/run", "mmlib/models", "mmlib/infer", "mmlib/data/..."}},

	// Help for tests.
	{"mmlib/internal/nntest", []string{gomlx, compute}},
	{"mmlib/internal/golden", []string{"mmlib/weights"}},
	{"mmlib/internal/...", nil},

	// Everything that knows about XLA. It could leave as a library of its own.
	{"kernels/xla/lean/...", []string{gomlx, compute, "kernels/xla/lean/..."}},
	{"kernels/xla/...", []string{goxla, gomlx, compute, flock, xsys, "golang.org/x/term", "github.com/schollz/progressbar/v3",
		"github.com/bluekeyes/go-gitdiff/...", "kernels/xla/..."}},

	// The command knows models and sources from the table alone. Other programs import what they like.
	{"cmd/gomm", []string{
		others, "cmd/gomm/ui", "kernels/...", "mmlib/data", "mmlib/data/captions", "mmlib/data/picture", "mmlib/run", "mmlib/models",
		"mmlib/train", "mmlib/infer", "mmlib/eval", "mmlib/experiment", "mmlib/report", "mmlib/serve", "recipes",
	}},
	{"cmd/...", []string{anything}},
	{"bench/...", []string{anything}},
	{"tutorials/...", nil},
	{"recipes", nil},
}

// ban forbids to reach a package even through others. Standard packages are not looked into: net has cgo in it.
type ban struct{ from, never, because string }

var bans = []ban{
	{"mmlib/...", "C", "mmlib needs no C compiler; the program chooses the backend"},
	{"mmlib/...", goxla, "the program chooses the backend"},
	{"kernels/xla/lean/...", "C", "it is graph code only"},
	{"kernels/xla/lean/...", "net/http", "it is graph code only"},
	{"mmlib/data/...", "github.com/gomlx/...", "data is plain Go"},
	{"mmlib/infer", "mmlib/train", "a service carries no trainer"},
	{"mmlib/serve", "mmlib/train", "a service carries no trainer"},
	{"mmlib/train", "mmlib/models/...", "the trainer knows no model"},
	{"mmlib/eval", "mmlib/models/...", "evaluation knows no model"},
	{"mmlib/infer", "mmlib/models/...", "inference knows no model"},
	{"kernels/xla/...", "mmlib/...", "it could leave as a library of its own"},
}
