package plugin_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"gomm/kernels/xla/plugin"
)

func ExampleKindOf() {
	fmt.Println(plugin.KindOf("/usr/local/lib/go-xla/pjrt_c_api_cpu_plugin.so"))
	fmt.Println(plugin.KindOf("/usr/local/lib/go-xla/nvidia/pjrt_c_api_cuda_plugin.so"))
	fmt.Println(plugin.KindOf("/usr/lib/libm.so"))
	// Output:
	// cpu true
	// cuda true
	//  false
}

// With PJRT_PLUGIN_LIBRARY_PATH the user decides.
func ExampleFind() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(dir+"/pjrt_c_api_cpu_plugin.so", []byte("a plugin"), 0o755); err != nil {
		fmt.Println(err)
		return
	}
	defer os.Setenv("PJRT_PLUGIN_LIBRARY_PATH", os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
	os.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)

	path, kind, ok := plugin.Find()
	fmt.Println(path == dir+"/pjrt_c_api_cpu_plugin.so", kind, ok)
	// Output: true cpu true
}

// Fetch can be stopped, here before it begins; the next call goes on.
func ExampleFetch() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	_, err = plugin.Fetch(ctx, plugin.Options{Dir: dir, Progress: io.Discard})
	fmt.Println(err != nil)
	// Output: true
}
