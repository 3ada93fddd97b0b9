// The check command fails when a number of a run's summary is not what it must be:
//
//	go run ./.ci/check runs/demo/summary.json 'zero_shot_accuracy_en>=0.975' 'finetune_accuracy>=0.985'
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: check SUMMARY.json 'KEY>=NUMBER'...")
		os.Exit(2)
	}
	if err := checkFile(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// checkFile reads a summary and reports every condition that it does not meet.
func checkFile(path string, conditions []string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	var summary map[string]any
	if err := json.Unmarshal(data, &summary); err != nil {
		return fmt.Errorf("check: %s is no JSON object: %w", path, err)
	}
	var failures []error
	for _, condition := range conditions {
		if err := check(summary, condition); err != nil {
			failures = append(failures, fmt.Errorf("check: %s: %w", path, err))
		}
	}
	return errors.Join(failures...)
}

// check reports a condition that is not met. What is absent or no number does not meet any.
func check(summary map[string]any, condition string) error {
	key, number, found := strings.Cut(condition, ">=")
	want, err := strconv.ParseFloat(number, 64)
	if !found || err != nil {
		return fmt.Errorf("%q is no condition; want KEY>=NUMBER", condition)
	}
	value, found := summary[key]
	if !found {
		return fmt.Errorf("no %s", key)
	}
	got, ok := value.(float64)
	if !ok {
		return fmt.Errorf("%s is %v, not a number", key, value)
	}
	if !(got >= want) {
		return fmt.Errorf("%s is %v, want at least %v", key, got, want)
	}
	fmt.Printf("%s: %v, at least %v\n", key, got, want)
	return nil
}
