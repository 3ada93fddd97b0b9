// Package outside holds only a test: that a module outside this one can import mmlib.
//
// The module's name, gomm, has no domain, so the go command cannot fetch it. A workspace says where it lies instead; this
// is all that a program of one's own needs, in the folder that holds both:
//
//	git clone … gomm
//	mkdir mine && (cd mine && go mod init mine)
//	go work init ./gomm ./mine
package outside
