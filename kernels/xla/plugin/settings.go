package plugin

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// publicIndex is where wheels come from unless the user has an index of their own.
const publicIndex = "https://pypi.org/simple"

// indexes lists the package indexes to ask, as pip and uv are told: by the environment, else by pip's configuration files, else
// the public one. Additional indexes follow it.
func indexes() []index {
	pip := pipConfig()
	main := index{address: publicIndex}
	for _, setting := range []string{"PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"} {
		if value := named(os.Getenv(setting)); value != "" && main.from == "" {
			main = index{value, setting}
		}
	}
	if value := pip["index-url"]; value.text != "" && main.from == "" {
		main = index{value.text, value.file}
	}
	list := []index{main}
	for _, setting := range []string{"PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"} {
		for _, value := range strings.Fields(os.Getenv(setting)) {
			list = append(list, index{named(value), setting})
		}
	}
	if value := pip["extra-index-url"]; os.Getenv("PIP_EXTRA_INDEX_URL") == "" {
		for _, address := range strings.Fields(value.text) {
			list = append(list, index{address, value.file})
		}
	}
	return list
}

// named removes the name that uv allows before an address: NAME=https://…
func named(value string) string {
	value = strings.TrimSpace(value)
	if name, address, ok := strings.Cut(value, "="); ok && !strings.ContainsAny(name, ":/") {
		return address
	}
	return value
}

// setting is a value of a configuration file.
type setting struct{ text, file string }

// pipConfig reads pip's configuration files; a later one prevails. Files that cannot be read count as empty, as for pip.
func pipConfig() map[string]setting {
	values := map[string]setting{}
	if os.Getenv("PIP_CONFIG_FILE") == os.DevNull { // pip's way to say: none
		return values
	}
	for _, file := range pipFiles() {
		for key, text := range readINI(file, "global", "download", "install") {
			values[key] = setting{text, file}
		}
	}
	return values
}

// pipFiles lists where pip's configuration may lie: the system's, the user's, the virtual environment's, and the one that
// PIP_CONFIG_FILE names.
func pipFiles() []string {
	var files []string
	home, _ := os.UserHomeDir()
	base, _ := os.UserConfigDir()
	switch runtime.GOOS {
	case "windows":
		files = append(files, filepath.Join(os.Getenv("ProgramData"), "pip", "pip.ini"), filepath.Join(home, "pip", "pip.ini"),
			filepath.Join(base, "pip", "pip.ini"), filepath.Join(os.Getenv("VIRTUAL_ENV"), "pip.ini"))
	default:
		files = append(files, "/etc/xdg/pip/pip.conf", "/etc/pip.conf", filepath.Join(home, ".pip", "pip.conf"))
		if runtime.GOOS == "darwin" {
			files = append(files, "/Library/Application Support/pip/pip.conf", filepath.Join(home, ".config", "pip", "pip.conf"))
		}
		files = append(files, filepath.Join(base, "pip", "pip.conf"), filepath.Join(os.Getenv("VIRTUAL_ENV"), "pip.conf"))
	}
	files = append(files, os.Getenv("PIP_CONFIG_FILE"))
	return slices.DeleteFunc(files, func(f string) bool { return !filepath.IsAbs(f) && f != os.Getenv("PIP_CONFIG_FILE") || f == "" })
}

// readINI returns the settings in some sections of a file in the form of Python's configparser, those of later sections
// prevailing. A line that begins with a blank continues the one before.
func readINI(file string, sections ...string) map[string]string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	read := map[string]map[string]string{}
	section, key := "", ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		switch continued := strings.HasPrefix(lines.Text(), " ") || strings.HasPrefix(lines.Text(), "\t"); {
		case line == "" || line[0] == '#' || line[0] == ';':
		case continued && key != "":
			read[section][key] += "\n" + line
		case line[0] == '[':
			section, key = strings.Trim(line, "[] "), ""
			if read[section] == nil {
				read[section] = map[string]string{}
			}
		case read[section] != nil:
			if i := strings.IndexAny(line, "=:"); i > 0 {
				key = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(line[:i])), "_", "-")
				read[section][key] = strings.TrimSpace(line[i+1:])
			}
		}
	}
	values := map[string]string{}
	for _, name := range sections {
		for k, v := range read[name] {
			values[k] = strings.TrimSpace(v)
		}
	}
	return values
}
