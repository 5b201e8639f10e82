package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"strings"
)

// The dimensions of a chart, in pixels.
const (
	left, top     = 60, 30
	width, height = 550, 250
	below, right  = 50, 210 // room for the marks and the title of the x axis, and for the legend
)

// The first six colours are for a light background, and the others are the same hues for a dark one.
var colours = [2][6]string{
	{"#1b7837", "#2166ac", "#762a83", "#b2182b", "#b35806", "#4d4d4d"},
	{"#7fbf7b", "#74add1", "#c2a5cf", "#f4827a", "#fdb863", "#c8c8c8"},
}

// axis maps values to pixels. A logarithmic axis must begin above 0.
type axis struct {
	title     string
	from, to  float64
	log       bool
	marks     []float64
	formatted string // the format of a mark; %g if empty
}

// part returns where on the axis a value is: 0 at its beginning and 1 at its end.
func (a axis) part(v float64) float64 {
	v = min(max(v, a.from), a.to)
	if a.log {
		return math.Log(v/a.from) / math.Log(a.to/a.from)
	}
	return (v - a.from) / (a.to - a.from)
}

func (a axis) mark(v float64) string {
	if a.formatted == "" {
		return fmt.Sprintf("%g", v)
	}
	return fmt.Sprintf(a.formatted, v)
}

// point is a value with its standard error, which is 0 if it has none.
type point struct{ x, y, err float64 }

// line is a row of points. Steps rise at each point, as of a distribution; other lines are straight between the points.
type line struct {
	name   string
	points []point
	steps  bool
	dotted bool // without a line, as for samples
}

type chart struct {
	title string
	x, y  axis
	lines []line
}

// draw writes the charts, one below the other, to an SVG file.
func draw(file string, charts ...chart) error {
	each := top + height + below
	return drawSVG(file, left+width+right, each*len(charts), func(b *strings.Builder) {
		for i, c := range charts {
			fmt.Fprintf(b, `<g transform="translate(0 %d)">`+"\n", i*each)
			c.draw(b)
			b.WriteString("</g>\n")
		}
	})
}

// drawSVG writes an SVG file whose colours are readable on a light and on a dark background.
func drawSVG(file string, width, height int, body func(*strings.Builder)) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n<style>\n", width, height)
	for mode, query := range []string{"%s", "@media (prefers-color-scheme: dark) { %s }"} {
		var rules strings.Builder
		fmt.Fprintf(&rules, "text{fill:%s} .paper{fill:%s} .grid{stroke:%s}", []string{"#222", "#ddd"}[mode], []string{"#fff", "#0d1117"}[mode], []string{"#ddd", "#333"}[mode])
		for i, colour := range colours[mode] {
			fmt.Fprintf(&rules, " .s%d{stroke:%s} .f%d{fill:%s}", i, colour, i, colour)
		}
		fmt.Fprintf(&b, query+"\n", rules.String())
	}
	b.WriteString("path{fill:none;stroke-width:2} .empty{fill:none} .error{stroke:#888}\n</style>\n" + `<rect class="paper" width="100%" height="100%"/>` + "\n")
	body(&b)
	b.WriteString("</svg>\n")
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

func (c chart) draw(b *strings.Builder) {
	x := func(v float64) float64 { return left + width*c.x.part(v) }
	y := func(v float64) float64 { return top + height*(1-c.y.part(v)) }
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", left, top-12, html.EscapeString(c.title))
	for _, v := range c.y.marks {
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(v), left+width, y(v), left-6, y(v)+4, c.y.mark(v))
	}
	for _, v := range c.x.marks {
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			x(v), top, x(v), top+height, x(v), top+height+16, c.x.mark(v))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+width/2, top+height+36, html.EscapeString(c.x.title))
	for i, l := range c.lines {
		colour, path := i%len(colours[0]), ""
		for n, p := range l.points {
			switch {
			case l.dotted:
				fmt.Fprintf(b, `<circle class="f%d" cx="%.1f" cy="%.1f" r="1.5"/>`, colour, x(p.x), y(p.y))
			case n == 0:
				path = fmt.Sprintf("M%.1f %.1f", x(p.x), y(p.y))
			case l.steps:
				path += fmt.Sprintf("H%.1fV%.1f", x(p.x), y(p.y))
			default:
				path += fmt.Sprintf("L%.1f %.1f", x(p.x), y(p.y))
			}
			if p.err > 0 {
				path += fmt.Sprintf("M%.1f %.1fV%.1fM%.1f %.1f", x(p.x), y(p.y-p.err), y(p.y+p.err), x(p.x), y(p.y))
			}
		}
		if path != "" {
			fmt.Fprintf(b, `<path class="s%d" d="%s"/>`, colour, path)
		}
		at := top + 14 + 20*i
		fmt.Fprintf(b, "\n"+`<path class="s%d" d="M%d %dh20"/><text x="%d" y="%d">%s</text>`+"\n", colour, left+width+14, at, left+width+40, at+4, html.EscapeString(l.name))
	}
}

// bar is a value with its standard error, and marks beside it that are filled or empty.
type bar struct {
	name       string
	value, err float64
	marks      []bool
}

// barGroup is bars of one quantity, on an axis of their own that begins at 0.
type barGroup struct {
	title, format string // of a value
	bars          []bar
}

// The dimensions of bars, in pixels.
const (
	barHeight, barGap = 14, 6
	barLeft, barWidth = 210, 440
)

// drawBars writes groups of bars, one below the other, to an SVG file.
func drawBars(file, legend string, groups ...barGroup) error {
	height := 30
	for _, g := range groups {
		height += 30 + len(g.bars)*(barHeight+barGap) + 10
	}
	return drawSVG(file, barLeft+barWidth+120, height, func(b *strings.Builder) {
		fmt.Fprintf(b, `<text x="10" y="20">%s</text>`+"\n", legend)
		y := 30
		for _, g := range groups {
			y = g.draw(b, y)
		}
	})
}

func (g barGroup) draw(b *strings.Builder, y int) int {
	most := 0.0
	for _, one := range g.bars {
		most = max(most, one.value+one.err)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", barLeft, y+20, g.title)
	y += 30
	for i, one := range g.bars {
		colour := min(i, 1) // the first one is ours
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, barLeft-70, y+11, one.name)
		for n, kept := range one.marks {
			fill := "empty"
			if kept {
				fill = fmt.Sprintf("f%d", colour)
			}
			fmt.Fprintf(b, `<rect class="s%d %s" x="%d" y="%d" width="9" height="9"/>`, colour, fill, barLeft-60+13*n, y+2)
		}
		long := barWidth * one.value / most
		fmt.Fprintf(b, `<rect class="f%d" x="%d" y="%d" width="%.1f" height="%d"/>`, colour, barLeft, y, long, barHeight)
		if one.err > 0 {
			fmt.Fprintf(b, `<path class="error" d="M%.1f %dH%.1f"/>`, barLeft+barWidth*(one.value-one.err)/most, y+barHeight/2, barLeft+barWidth*(one.value+one.err)/most)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d">`+g.format+"</text>\n", barLeft+barWidth*(one.value+one.err)/most+8, y+11, one.value)
		y += barHeight + barGap
	}
	return y + 10
}
