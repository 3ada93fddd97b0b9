package jupyter

import (
	"os"
	"path/filepath"
	"runtime"
)

// UserDir is the user's own data folder of Jupyter: JUPYTER_DATA_DIR when it is set.
func UserDir() (string, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Jupyter"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

// EnvironmentDir is the data folder of a virtual environment.
func EnvironmentDir(venv string) string { return filepath.Join(venv, "share", "jupyter") }

// Dirs lists the data folders in which Jupyter looks for kernels: those of JUPYTER_PATH, the user's, those of virtual
// environments, the system's.
func Dirs(venvs ...string) []string {
	dirs := filepath.SplitList(os.Getenv("JUPYTER_PATH"))
	if dir, err := UserDir(); err == nil {
		dirs = append(dirs, dir)
	}
	for _, venv := range venvs {
		dirs = append(dirs, EnvironmentDir(venv))
	}
	return append(dirs, "/usr/local/share/jupyter", "/usr/share/jupyter")
}
