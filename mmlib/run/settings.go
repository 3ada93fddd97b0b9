package run

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Set gives the setting named by key its value, as `--set key=value` does. Target is a pointer to a struct; keys are the
// names in its JSON form, joined by dots, and lead through pointers and interfaces to what they hold; what a nil pointer
// does not hold cannot be set. The beginning of a key may be left out where the rest is unique: "batch_size" for
// "training.batch_size". Lists are written a,b,c or as JSON.
func Set(target any, key, value string) error {
	all, err := settings(target)
	if err != nil {
		return err
	}
	x, err := find(settable(all), key)
	if err != nil {
		return err
	}
	if err := parse(x.value, strings.TrimSpace(value)); err != nil {
		return fmt.Errorf("run: %s cannot be %q: it must be %w", x.key, value, err)
	}
	return nil
}

// Keys lists the keys that [Set] knows, in the order of the struct.
func Keys(target any) []string {
	all, err := settings(target)
	if err != nil {
		return nil
	}
	return keysOf(settable(all))
}

// settable leaves out what lies behind nil pointers.
func settable(all []setting) []setting {
	return slices.DeleteFunc(all, func(x setting) bool { return !x.value.CanSet() })
}

func keysOf(all []setting) []string {
	keys := make([]string, len(all))
	for i, x := range all {
		keys[i] = x.key
	}
	return keys
}

// DecodeStrict decodes JSON into a pointer to a struct. A key that the struct does not have is an error that names the
// nearest ones, with upper and lower case told apart.
func DecodeStrict(data []byte, into any) error {
	all, err := settings(into)
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("run: not valid JSON: %w", err)
	}
	if key := unknownKey(tree, reflect.ValueOf(into), ""); key != "" {
		return unknown(keysOf(all), key)
	}
	err = json.Unmarshal(data, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("run: %s is a JSON %s: it must be %s", keyOf(reflect.ValueOf(into), wrong.Field), wrong.Value, kindName(wrong.Type))
	}
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// setting is one leaf of a tree of structs.
type setting struct {
	key   string
	value reflect.Value
}

func settings(target any) ([]setting, error) {
	v := reflect.ValueOf(target)
	if v.Kind() != reflect.Pointer || v.IsNil() || settle(v).Kind() != reflect.Struct {
		return nil, fmt.Errorf("run: settings need a pointer to a struct, not %T", target)
	}
	return leaves(nil, "", settle(v)), nil
}

func leaves(list []setting, prefix string, v reflect.Value) []setting {
	for _, x := range fields(v) {
		x.key = prefix + x.key
		if inner := settle(x.value); isGroup(inner) {
			list = leaves(list, x.key+".", inner)
		} else if inner.IsValid() {
			list = append(list, setting{x.key, inner})
		}
	}
	return list
}

// settle follows pointers and interfaces to what they hold. Behind a nil pointer it finds a zero value, which cannot be set;
// for a nil interface it is invalid.
func settle(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return reflect.Zero(v.Type().Elem())
		}
		v = v.Elem()
	}
	return v
}

var (
	textForm = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonForm = reflect.TypeFor[json.Unmarshaler]()
)

// isGroup reports whether v is a struct of settings, and not a value with a text form of its own.
func isGroup(v reflect.Value) bool {
	if v.Kind() != reflect.Struct {
		return false
	}
	pointer := reflect.PointerTo(v.Type())
	return !pointer.Implements(textForm) && !pointer.Implements(jsonForm)
}

// fields lists the fields of a struct by their JSON names. Those of an embedded struct count as its own, unless a field of
// the outer struct has the same name, as in encoding/json.
func fields(v reflect.Value) []setting {
	var list []setting
	var embedded []reflect.Value
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		inner := settle(v.Field(i))
		switch {
		case field.Tag.Get("json") == "-":
		case field.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			embedded = append(embedded, inner)
		case field.IsExported() && name == "":
			list = append(list, setting{field.Name, v.Field(i)})
		case field.IsExported():
			list = append(list, setting{name, v.Field(i)})
		}
	}
	for _, inner := range embedded {
		for _, x := range fields(inner) {
			if !slices.ContainsFunc(list, func(y setting) bool { return y.key == x.key }) {
				list = append(list, x)
			}
		}
	}
	return list
}

// find looks a key up: the whole key, or the end of exactly one.
func find(all []setting, key string) (setting, error) {
	var ends []setting
	var inside []string
	for _, x := range all {
		switch {
		case x.key == key:
			return x, nil
		case strings.HasSuffix(x.key, "."+key):
			ends = append(ends, x)
		case strings.HasPrefix(x.key, key+"."):
			inside = append(inside, x.key)
		}
	}
	switch {
	case len(ends) == 1:
		return ends[0], nil
	case len(ends) > 1:
		return setting{}, fmt.Errorf("run: the setting %q is ambiguous: say %s", key, strings.Join(keysOf(ends), " or "))
	case len(inside) > 0:
		return setting{}, fmt.Errorf("run: %q is a group of settings: say one of %s", key, strings.Join(inside, ", "))
	}
	return setting{}, unknown(keysOf(all), key)
}

// unknownKey returns the first key of a decoded JSON value that v has no place for, or "".
func unknownKey(tree any, v reflect.Value, prefix string) string {
	v = settle(v)
	switch node := tree.(type) {
	case map[string]any:
		if !isGroup(v) {
			return ""
		}
		known := fields(v)
		names := make([]string, 0, len(node))
		for name := range node {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			i := slices.IndexFunc(known, func(x setting) bool { return x.key == name })
			if i < 0 {
				return prefix + name
			}
			if key := unknownKey(node[name], known[i].value, prefix+name+"."); key != "" {
				return key
			}
		}
	case []any:
		if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
			return ""
		}
		for i, x := range node {
			if key := unknownKey(x, reflect.New(v.Type().Elem()), fmt.Sprintf("%s%d.", prefix, i)); key != "" {
				return key
			}
		}
	}
	return ""
}

// keyOf takes the names of embedded structs out of a path of encoding/json, which counts them in.
func keyOf(v reflect.Value, path string) string {
	var key []string
	for part := range strings.SplitSeq(path, ".") {
		if v = settle(v); isGroup(v) {
			known := fields(v)
			i := slices.IndexFunc(known, func(x setting) bool { return x.key == part })
			if i < 0 {
				continue
			}
			v = known[i].value
		}
		key = append(key, part)
	}
	if len(key) == 0 {
		return "the whole"
	}
	return strings.Join(key, ".")
}

// parse sets v from text. Its error completes the sentence "it must be …".
func parse(v reflect.Value, text string) error {
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := t.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%s: %w", kindName(v.Type()), err)
		}
		return nil
	}
	wrong := errors.New(kindName(v.Type()))
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		x, err := strconv.ParseBool(text)
		if err != nil {
			return wrong
		}
		v.SetBool(x)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		x, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return wrong
		}
		v.SetInt(x)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		x, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return wrong
		}
		v.SetUint(x)
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return wrong
		}
		v.SetFloat(x)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 && !strings.HasPrefix(text, "[") {
			return parseList(v, text)
		}
		return parseJSON(v, text)
	default:
		return parseJSON(v, text)
	}
	return nil
}

func parseList(v reflect.Value, text string) error {
	parts := strings.Split(text, ",")
	if text == "" {
		parts = nil
	}
	list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	for i, part := range parts {
		if err := parse(list.Index(i), strings.TrimSpace(part)); err != nil {
			return errors.New(kindName(v.Type()))
		}
	}
	v.Set(list)
	return nil
}

func parseJSON(v reflect.Value, text string) error {
	x := reflect.New(v.Type())
	if err := json.Unmarshal([]byte(text), x.Interface()); err != nil {
		return errors.New(kindName(v.Type()))
	}
	v.Set(x.Elem())
	return nil
}

// kindName says in words what a value of type t looks like.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float32, reflect.Float64:
		return "a finite number"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "JSON"
		}
		return "a list (a,b,c or JSON), each " + kindName(t.Elem())
	case reflect.Struct, reflect.Map:
		return "a JSON object"
	}
	return "of type " + t.String()
}
