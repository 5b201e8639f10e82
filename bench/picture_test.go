package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A picture is valid XML, has rules for light and dark backgrounds, and everything that it draws is on its paper.
func TestDraw(t *testing.T) {
	file := filepath.Join(t.TempDir(), "picture.svg")
	c := chart{title: "a < b & c", x: axis{title: `"x" & y`, from: 1, to: 1000, log: true, marks: []float64{1, 10, 1000}}, y: axis{to: 10, marks: []float64{0, 10}, formatted: "%g s"},
		lines: []line{
			{name: "<steps>", steps: true, points: []point{{x: 1, y: 0}, {x: 30, y: 5, err: 2}, {x: 5000, y: 20, err: 30}}},
			{name: "samples", dotted: true, points: []point{{x: 0, y: -1}, {x: 10, y: 3}}},
			{name: "line", points: []point{{x: 2, y: 2}, {x: 1000, y: 10}}},
		}}
	if err := draw(file, c, c); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	style := ""
	circles, paths := 0, 0
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the picture is not valid XML: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attribute := map[string]string{}
		for _, a := range e.Attr {
			attribute[a.Name.Local] = a.Value
		}
		switch e.Name.Local {
		case "svg":
			if want := "0 0 820 660"; attribute["viewBox"] != want {
				t.Errorf("the paper of two charts is %q, want %q", attribute["viewBox"], want)
			}
		case "style":
			if err := d.DecodeElement(&style, &e); err != nil {
				t.Fatal(err)
			}
		case "circle":
			circles++
			onPaper(t, attribute["cx"], attribute["cy"])
		case "path":
			paths++
			pathOnPaper(t, attribute["d"])
		}
	}
	if circles != 4 || paths != 2*(2+3) {
		t.Errorf("%d circles and %d paths, want 4 and 10: two lines and three entries of the legend in each chart", circles, paths)
	}
	light, dark, found := strings.Cut(style, "@media (prefers-color-scheme: dark) {")
	for _, rule := range []string{"text{fill:", ".paper{fill:", ".grid{stroke:", ".s0{stroke:", ".f5{fill:"} {
		if !found || !strings.Contains(light, rule) || !strings.Contains(dark, rule) {
			t.Errorf("a rule %q is missing for a light or a dark background", rule)
		}
	}
	for i := range colours[0] {
		if colours[0][i] == colours[1][i] {
			t.Errorf("colour %d is the same on both backgrounds", i)
		}
	}
}

// onPaper checks that a point is in the area of its chart's axes, or in the legend.
func onPaper(t *testing.T, x, y string) {
	t.Helper()
	px, err1 := strconv.ParseFloat(x, 64)
	py, err2 := strconv.ParseFloat(y, 64)
	if err := errors.Join(err1, err2); err != nil || !(px >= left && px <= left+width+right && py >= top && py <= top+height) {
		t.Errorf("the point %s, %s is outside (%v)", x, y, err)
	}
}

var pathStep = regexp.MustCompile(`([MLHVh])([-\d.]+)(?: ([-\d.]+))?`)

func pathOnPaper(t *testing.T, path string) {
	t.Helper()
	if rest := pathStep.ReplaceAllString(path, ""); rest != "" {
		t.Errorf("the path has %q", rest)
	}
	x, y := "", ""
	for _, step := range pathStep.FindAllStringSubmatch(path, -1) {
		switch step[1] {
		case "M", "L":
			x, y = step[2], step[3]
		case "H":
			x = step[2]
		case "V":
			y = step[2]
		}
		onPaper(t, x, y)
	}
}

func TestAxis(t *testing.T) {
	a := axis{from: 1, to: 1000, log: true}
	for v, want := range map[float64]float64{1: 0, 10: 1. / 3, 1000: 1, 0.1: 0, 9999: 1} {
		near(t, "the part", a.part(v), want, 1e-12)
	}
	near(t, "the part of a linear axis", axis{from: 10, to: 20}.part(12), 0.2, 1e-12)
}
