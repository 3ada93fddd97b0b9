package attention

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// UsesLean is Options.lean, for the tests.
var UsesLean = Options.lean

// Project is Config.project without positions, for the tests.
func Project(c Config, s *model.Scope, x *Node) (q, k, v *Node) { return c.project(s, x, nil) }
