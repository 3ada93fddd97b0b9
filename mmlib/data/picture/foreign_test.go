package picture_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"gomm/mmlib/data/picture"
	"gomm/mmlib/internal/check"
)

// TestFromTransformers: the files of OpenAI's models, in the forms of three versions, say the same.
func TestFromTransformers(t *testing.T) {
	want := picture.CLIP(224)
	want.Resampling, want.CropRounding = picture.Bicubic, picture.Floor
	for _, file := range []string{
		`{}`,
		`{"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true, "feature_extractor_type": "CLIPFeatureExtractor",
		  "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224}`,
		`{"crop_size": {"height": 224, "width": 224}, "do_convert_rgb": true, "do_rescale": true, "rescale_factor": 0.00392156862745098,
		  "resample": 3, "size": {"shortest_edge": 224}}`,
		`{"image_processor": {"crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 224}}, "processor_class": "CLIPProcessor"}`,
	} {
		p, err := picture.FromTransformers([]byte(file))
		check.Must(t, err)
		if !reflect.DeepEqual(p, want) {
			t.Errorf("%s is %+v, want %+v", file, p, want)
		}
		again, err := json.Marshal(p)
		check.Must(t, err)
		var back picture.Preprocess
		check.Must(t, json.Unmarshal(again, &back))
	}
	p, err := picture.FromTransformers([]byte(`{"size": {"shortest_edge": 336}, "crop_size": 336, "resample": 2, "do_normalize": false}`))
	if err != nil || p.Size != 336 || p.Resampling != picture.Bilinear || p.Mean != nil || p.Std != nil {
		t.Errorf("it is %+v (%v)", p, err)
	}
	for file, want := range map[string]string{
		`{"do_resize": false}`:                           "do_resize is false",
		`{"do_center_crop": false}`:                      "do_center_crop is false",
		`{"size": 256}`:                                  "size is 256 and crop_size 224",
		`{"size": {"height": 224, "width": 200}}`:        "size: it is",
		`{"size": "large"}`:                              "size: json",
		`{"resample": 5}`:                                "resample is 5",
		`{"rescale_factor": 1}`:                          "rescale_factor",
		`{"do_rescale": false}`:                          "rescale_factor",
		`{"image_std": [0, 0, 0]}`:                       "std of channel 0 is 0",
		`{"image_mean": [0.5]}`:                          "mean has 1 values",
		`{"size": -1, "crop_size": -1}`:                  "size is -1",
		`{"image_processor": {"do_center_crop": false}}`: "do_center_crop is false",
		`7`: "image processor's file",
	} {
		_, err := picture.FromTransformers([]byte(file))
		check.Error(t, err, want)
	}
}

func TestFromOpenCLIP(t *testing.T) {
	want := picture.CLIP(32)
	want.Resampling, want.Resize, want.CropRounding = picture.Bicubic, picture.Crop, picture.Round
	for _, file := range []string{
		`{}`, `{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {"size": [32, 32], "interpolation": "bicubic", "resize_mode": "shortest"}}`,
		`{"preprocess_cfg": {"size": 32, "mode": "RGB", "fill_color": 0}}`,
	} {
		p, err := picture.FromOpenCLIP([]byte(file), 32)
		check.Must(t, err)
		if !reflect.DeepEqual(p, want) {
			t.Errorf("%s is %+v, want %+v", file, p, want)
		}
	}
	other := `{"preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "interpolation": "bilinear", "resize_mode": "squash"}}`
	p, err := picture.FromOpenCLIP([]byte(other), 64)
	check.Must(t, err)
	want.Size, want.Mean, want.Resampling, want.Resize = 64, []float32{0.5, 0.5, 0.5}, picture.Bilinear, picture.Squash
	if !reflect.DeepEqual(p, want) {
		t.Errorf("it is %+v, want %+v", p, want)
	}
	for file, want := range map[string]string{
		`{"preprocess_cfg": {"size": 48}}`:                                  "preprocess_cfg.size is 48",
		`{"preprocess_cfg": {"size": [32, 48]}}`:                            "preprocess_cfg.size is [32, 48]",
		`{"preprocess_cfg": {"mode": "L"}}`:                                 `mode is "L"`,
		`{"preprocess_cfg": {"interpolation": "random"}}`:                   `interpolation is "random"`,
		`{"preprocess_cfg": {"resize_mode": "fit"}}`:                        `resize_mode is "fit"`,
		`{"preprocess_cfg": {"resize_mode": "longest", "fill_color": 255}}`: "fill_color is 255",
		`{"preprocess_cfg": 1}`:                                             "open_clip_config.json",
	} {
		_, err := picture.FromOpenCLIP([]byte(file), 32)
		check.Error(t, err, want)
	}
}
