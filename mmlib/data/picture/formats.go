package picture

import (
	"bytes"
	"errors"
	"fmt"
)

// recognise finds the format of a file by its first bytes.
func recognise(data []byte) (format, error) {
	if len(data) == 0 {
		return format{}, errors.New("is empty")
	}
	for _, f := range formats {
		if begins(data, f.magic) {
			return f, nil
		}
	}
	for _, other := range others {
		if begins(data, other.magic) {
			return format{}, fmt.Errorf("is %s, which is not read; convert it to PNG", other.name)
		}
	}
	if isSVG(data) {
		return format{}, errors.New("is SVG, a drawing without pixels, which is not read; convert it to PNG")
	}
	return format{}, errors.New("is no picture, or in a format other than PNG, JPEG, GIF, WebP and BMP")
}

// begins reports whether data begins with magic, in which ? matches any byte.
func begins(data []byte, magic string) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != data[i] {
			return false
		}
	}
	return true
}

// others are formats that are refused by name.
var others = []struct{ magic, name string }{
	{"II*\x00", "TIFF"}, {"MM\x00*", "TIFF"}, {"II+\x00", "BigTIFF"}, {"MM\x00+", "BigTIFF"},
	{"????ftypheic", "HEIC"}, {"????ftypheix", "HEIC"}, {"????ftyphevc", "HEIC"}, {"????ftyphevx", "HEIC"},
	{"????ftypheim", "HEIC"}, {"????ftypheis", "HEIC"}, {"????ftypmif1", "HEIF"}, {"????ftypmsf1", "HEIF"},
	{"????ftypavif", "AVIF"}, {"????ftypavis", "AVIF"}, {"????ftypcrx ", "a raw photograph (CR3)"}, {"????ftyp", "a film (MP4)"},
	{"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"}, {"\xff\x4f\xff\x51", "JPEG 2000"},
	{"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"}, {"\xff\x0a", "JPEG XL"},
	{"%PDF", "PDF"}, {"%!PS", "PostScript"}, {"\xc5\xd0\xd3\xc6", "PostScript"},
	{"\x00\x00\x01\x00", "ICO"}, {"\x00\x00\x02\x00", "CUR"}, {"icns", "ICNS"}, {"8BPS", "PSD"}, {"gimp xcf", "XCF"},
	{"P1?", "PBM"}, {"P2?", "PGM"}, {"P3?", "PPM"}, {"P4?", "PBM"}, {"P5?", "PGM"}, {"P6?", "PPM"}, {"P7\n", "PAM"},
	{"qoif", "QOI"}, {"DDS ", "DDS"}, {"v/1\x01", "OpenEXR"}, {"#?RADIANCE", "Radiance HDR"}, {"FLIF", "FLIF"}, {"BPG\xfb", "BPG"},
	{"AT&TFORM", "DjVu"}, {"\xd7\xcd\xc6\x9a", "WMF"}, {"\x01\x00\x00\x00????????????????????????????????????\x20EMF", "EMF"},
	{"\x8aMNG\r\n\x1a\n", "MNG"}, {"\x8bJNG\r\n\x1a\n", "JNG"}, {"\x0a\x05\x01", "PCX"}, {"\x59\xa6\x6a\x95", "a Sun raster"},
	{"\x01\xda", "SGI"}, {"RIFF????AVI ", "a film (AVI)"}, {"\x1a\x45\xdf\xa3", "a film (Matroska)"},
	{"PK\x03\x04", "a ZIP archive"}, {"\x1f\x8b", "a gzip archive"}, {"\x93NUMPY", "a NumPy array"},
}

// isSVG reports whether data is an SVG drawing, which may begin with XML's declaration and comments.
func isSVG(data []byte) bool {
	head := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), 4096)], []byte("\xef\xbb\xbf")), " \t\r\n")
	if bytes.HasPrefix(head, []byte("<svg")) {
		return true
	}
	return (bytes.HasPrefix(head, []byte("<?xml")) || bytes.HasPrefix(head, []byte("<!"))) && bytes.Contains(head, []byte("<svg"))
}
