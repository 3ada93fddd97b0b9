package xla

// The settings of glibc's malloc under which XLA is fastest on a CPU: keep what was freed, take it from one place, and back
// it with huge pages. [TuneMemory] sets them for a program; where a process is started for XLA, set them in its environment.
const (
	TunablesVar = "GLIBC_TUNABLES"
	Tunables    = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592:glibc.malloc.hugetlb=1"
)
