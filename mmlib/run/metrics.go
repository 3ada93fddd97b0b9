package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
)

const metricsFile = "metrics.jsonl"

// Metrics are named numbers. JSON has no word for numbers that are not finite; they are written as "NaN", "+Inf", "-Inf".
type Metrics map[string]float64

// MarshalJSON implements [json.Marshaler]; the names are sorted.
func (m Metrics) MarshalJSON() ([]byte, error) {
	values := make(map[string]any, len(m))
	for name, x := range m {
		values[name] = x
		if math.IsNaN(x) || math.IsInf(x, 0) {
			values[name] = strconv.FormatFloat(x, 'g', -1, 64)
		}
	}
	return json.Marshal(values)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *Metrics) UnmarshalJSON(data []byte) error {
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	*m = make(Metrics, len(values))
	for name, value := range values {
		switch x := value.(type) {
		case float64:
			(*m)[name] = x
		case string:
			number, err := strconv.ParseFloat(x, 64)
			if err != nil {
				return fmt.Errorf("metric %s is %q: it must be a number", name, x)
			}
			(*m)[name] = number
		default:
			return fmt.Errorf("metric %s is %v: it must be a number", name, value)
		}
	}
	return nil
}

// Point is one line of metrics.jsonl.
type Point struct {
	Step    int64
	Metrics Metrics
}

// Log adds a line to metrics.jsonl. A training logs a step before it saves it: the lines up to a checkpoint's step are
// what a resumed run keeps.
func (f *Folder) Log(step int64, metrics map[string]float64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.writable(); err != nil {
		return err
	}
	if _, ok := metrics["step"]; ok {
		return errors.New(`run: a metric cannot be named "step"`)
	}
	data, err := json.Marshal(Metrics(metrics))
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	line := fmt.Appendf(nil, `{"step":%d`, step)
	if len(metrics) > 0 {
		line = append(append(line, ','), data[1:len(data)-1]...)
	}
	if err := f.openMetrics(); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	if _, err := f.metrics.Write(append(line, "}\n"...)); err != nil {
		return fmt.Errorf("run: logging step %d: %w", step, err)
	}
	return nil
}

// openMetrics opens metrics.jsonl for appending, after the last line that is whole.
func (f *Folder) openMetrics() error {
	if f.metrics != nil {
		return nil
	}
	path := f.Path(metricsFile)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if whole := bytes.LastIndexByte(data, '\n') + 1; whole < len(data) {
		if err := f.disk.replace(path, data[:whole]); err != nil {
			return err
		}
	}
	f.metrics, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	return err
}

func (f *Folder) syncMetrics() error {
	if f.metrics == nil {
		return nil
	}
	if err := f.disk.allow("sync", f.metrics.Name()); err != nil {
		return err
	}
	return f.metrics.Sync()
}

// ReadMetrics returns what was logged. A last line that a killed process left torn is passed over.
func (f *Folder) ReadMetrics() ([]Point, error) {
	data, err := os.ReadFile(f.Path(metricsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	var points []Point
	for number, line := range wholeLines(data) {
		p, err := parsePoint(line)
		if err != nil {
			return nil, fmt.Errorf("run: %s:%d: %w", f.Path(metricsFile), number, err)
		}
		points = append(points, p)
	}
	return points, nil
}

// cutMetrics removes the lines of steps after the given one.
func (f *Folder) cutMetrics(step int64) error {
	path := f.Path(metricsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	var kept []byte
	for number, line := range wholeLines(data) {
		p, err := parsePoint(line)
		if err != nil {
			f.warn("run: %s:%d is dropped: %v", path, number, err)
			continue
		}
		if p.Step <= step {
			kept = append(append(kept, line...), '\n')
		}
	}
	if bytes.Equal(kept, data) {
		return nil
	}
	if f.metrics != nil { // it would go on writing to the file that is replaced
		if err := f.metrics.Close(); err != nil {
			return fmt.Errorf("run: %w", err)
		}
		f.metrics = nil
	}
	if err := f.disk.replace(path, kept); err != nil {
		return fmt.Errorf("run: cutting the metrics back to step %d: %w", step, err)
	}
	return nil
}

// wholeLines yields the lines that have an end, with their numbers from 1.
func wholeLines(data []byte) func(yield func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		for number := 1; ; number++ {
			line, rest, ok := bytes.Cut(data, []byte("\n"))
			if !ok || !yield(number, line) {
				return
			}
			data = rest
		}
	}
}

func parsePoint(line []byte) (Point, error) {
	var m Metrics
	if err := json.Unmarshal(line, &m); err != nil {
		if len(line) == 0 {
			err = io.ErrUnexpectedEOF
		}
		return Point{}, err
	}
	step, ok := m["step"]
	if !ok || step != math.Trunc(step) {
		return Point{}, errors.New("the line names no step")
	}
	delete(m, "step")
	return Point{Step: int64(step), Metrics: m}, nil
}
