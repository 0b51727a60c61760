package org.rondo.jobs;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.apache.commons.text.StringEscapeUtils;

/** Lines over x = 0, 1, 2, ... and a logarithmic y, as SVG that needs nothing else: it follows the reader's light or dark
 *  scheme, names every line at its end, and tells values under the pointer. */
record Chart(String title, List<Line> lines) {
    private static final int WIDTH = 1120, TALL = 290, LEFT = 74, RIGHT = 182, TOP = 46, BOTTOM = 58, HIGH = TOP + TALL + BOTTOM;
    private static final int COLOURS = 6, DASHES = 4;
    /** Between names of lines, one below the other. */
    private static final double LEADING = 16;
    private static final int MOST_TICKS = 8, HOVERS = 25;
    /** Characters that have room beside a chart; of a longer name, the end is told. */
    private static final int NAME = 20;
    private static final List<Integer> TICK_STEPS = List.of(1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000);
    /** Okabe and Ito's colours, which the colour-blind tell apart; brighter on dark paper. */
    private static final String STYLE = """
            <style>
            .chart { --paper: #ffffff; --ink: #1f2328; --faint: #6b7280; --grid: #e5e7eb; --one: #9ca3af;
              --c0: #d55e00; --c1: #0072b2; --c2: #009e73; --c3: #e69f00; --c4: #b5548c; --c5: #56b4e9; }
            @media (prefers-color-scheme: dark) { .chart { --paper: #14171c; --ink: #e6e8eb; --faint: #9aa3ad; --grid: #2a2f37; --one: #5b6470;
              --c0: #ff7f2a; --c1: #3d9fe0; --c2: #2fc99b; --c3: #f2b632; --c4: #e08cc0; --c5: #8fd0f7; } }
            .chart text { font: 12.5px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; fill: var(--ink); }
            .chart .title { font-size: 15px; font-weight: 600; } .chart .tick { fill: var(--faint); font-size: 11.5px; }
            .chart .axis { fill: var(--faint); } .chart .power { font-size: 9px; } .chart .paper { fill: var(--paper); }
            .chart .grid { stroke: var(--grid); fill: none; } .chart .one { stroke: var(--one); fill: none; }
            .chart .line { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
            .chart .lead { fill: none; stroke-width: 1; opacity: 0.6; } .chart .hover { stroke: none; opacity: 0; } .chart .hover:hover { opacity: 1; }
            .chart .c0 { stroke: var(--c0); } .chart .c1 { stroke: var(--c1); } .chart .c2 { stroke: var(--c2); }
            .chart .c3 { stroke: var(--c3); } .chart .c4 { stroke: var(--c4); } .chart .c5 { stroke: var(--c5); }
            .chart .f0 { fill: var(--c0); } .chart .f1 { fill: var(--c1); } .chart .f2 { fill: var(--c2); }
            .chart .f3 { fill: var(--c3); } .chart .f4 { fill: var(--c4); } .chart .f5 { fill: var(--c5); }
            .chart .d1 { stroke-dasharray: 9 5; } .chart .d2 { stroke-dasharray: 1 5; } .chart .d3 { stroke-dasharray: 9 5 1 5; }
            </style>
            """;

    /** Colours and dashes are numbers, taken again from the first after the last.
     *  @param y at x = 0, 1, 2, ...; the line ends before the first value that a logarithmic axis does not have */
    record Line(String label, int colour, int dash, double[] y) {
        private int length() {
            int n = 0;
            while (n < y.length && y[n] > 0 && y[n] < Double.POSITIVE_INFINITY) n++;
            return n;
        }

        private double end() {
            return y[length() - 1];
        }
    }

    /** What the charts of a figure share.
     *  @param about       the figure, for those who do not see it
     *  @param least, most of y that is shown; a line is cut off where it goes beyond */
    record Axes(String about, String x, String y, double least, double most) { }

    /** The charts in rows of {@code columns}, all on the same axes. */
    static String svg(List<Chart> charts, int columns, Axes axes) {
        int rows = (charts.size() + columns - 1) / columns;
        Drawing drawing = new Drawing(charts, axes, WIDTH / columns);
        drawing.open(WIDTH, rows * HIGH, axes.about);
        for (int i = 0; i < charts.size(); i++) drawing.chart(charts.get(i), i, i % columns * (WIDTH / columns), i / columns * HIGH);
        drawing.add("</svg>");
        return drawing.svg.toString();
    }

    /** The same charts, each a picture by itself, for a page that has them in as many columns as there is room for. */
    static String html(List<Chart> charts, int columns, Axes axes) {
        Drawing drawing = new Drawing(charts, axes, WIDTH / columns);
        for (int i = 0; i < charts.size(); i++) {
            drawing.open(WIDTH / columns, HIGH, charts.get(i).title + ": " + axes.about);
            drawing.chart(charts.get(i), i, 0, 0);
            drawing.add("</svg>");
        }
        return drawing.svg.toString();
    }

    /** Draws on one scale: x from 0 to {@code last}, y from 10^low to 10^high, whole powers around what there is, 1 among them. */
    private static final class Drawing {
        final StringBuilder svg = new StringBuilder();
        private final Axes axes;
        private final int wide, last, low, high;

        /** @param width of a chart with what is beside it */
        Drawing(List<Chart> charts, Axes axes, int width) {
            double least = 1, most = 1;
            int longest = 2;
            for (Chart chart : charts)
                for (Line line : chart.lines) {
                    longest = Math.max(longest, line.length());
                    for (int x = 0; x < line.length(); x++) {
                        least = Math.min(least, line.y[x]);
                        most = Math.max(most, line.y[x]);
                    }
                }
            this.axes = axes;
            this.wide = width - LEFT - RIGHT;
            this.last = longest - 1;
            this.low = (int) Math.floor(Math.log10(Math.max(least, axes.least)));
            this.high = Math.max(low + 1, (int) Math.ceil(Math.log10(Math.min(most, axes.most))));
        }

        /** A line of SVG, formatted; what is not a number is escaped already. */
        void add(String format, Object... values) {
            svg.append(String.format(Locale.ROOT, format, values)).append('\n');
        }

        private double x(int x) {
            return (double) x * wide / last;
        }

        private double y(double value) {
            return TALL * (high - Math.log10(value)) / (high - low);
        }

        void open(int width, int height, String about) {
            add("<svg xmlns='http://www.w3.org/2000/svg' class='chart' role='img' viewBox='0 0 %d %d'>", width, height);
            add("<title>%s</title>%n%s<rect class='paper' width='100%%' height='100%%'/>", escape(about), STYLE);
        }

        /** Its upper left corner at x, y.
         *  @param number of its own on a page */
        void chart(Chart chart, int number, int x, int y) {
            add("<g transform='translate(%d %d)'>", x + LEFT, y + TOP);
            axes(chart.title, number);
            for (Line line : chart.lines) line(line, number);
            for (Line line : chart.lines) hovers(line);
            names(chart.lines.stream().filter(line -> line.length() > 0).sorted(Comparator.comparing(Line::end).reversed()).toList());
            add("</g>");
        }

        private void axes(String title, int number) {
            add("<text class='title' y='-18'>%s</text>", escape(title));
            int decades = (high - low + MOST_TICKS - 1) / MOST_TICKS;
            int steps = TICK_STEPS.stream().filter(step -> last / step <= MOST_TICKS).findFirst().orElse(last);
            for (int power = low; power <= high; power++)
                if (power % decades == 0) {
                    double y = y(Math.pow(10, power));
                    add("<path class='%s' d='M0 %.1fh%d'/>", power == 0 ? "one" : "grid", y, wide);
                    add("<text class='tick' text-anchor='end' x='-8' y='%.1f' dy='4'>%s</text>", y, power == 0 ? "1"
                            : String.format(Locale.ROOT, "10<tspan class='power' dy='-5'>%s%d</tspan>", power < 0 ? "\u2212" : "", Math.abs(power)));
                }
            for (int x = 0; x <= last; x += steps) {
                add("<path class='grid' d='M%.1f 0v%d'/>", x(x), TALL);
                add("<text class='tick' text-anchor='middle' x='%.1f' y='%d'>%d</text>", x(x), TALL + 18, x);
            }
            add("<text class='axis' text-anchor='middle' x='%d' y='%d'>%s</text>", wide / 2, TALL + 38, escape(axes.x));
            add("<text class='axis' text-anchor='middle' transform='translate(-54 %d) rotate(-90)'>%s</text>", TALL / 2, escape(axes.y));
            add("<clipPath id='plot%d'><rect x='-2' y='-2' width='%d' height='%d'/></clipPath>", number, wide + 4, TALL + 4);
        }

        private void line(Line line, int number) {
            StringBuilder points = new StringBuilder();
            for (int x = 0; x < line.length(); x++) points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(x), y(line.y[x])));
            add("<polyline clip-path='url(#plot%d)' class='line c%d d%d' points='%s'><title>%s</title></polyline>", number,
                    line.colour % COLOURS, line.dash % DASHES, points.toString().strip(), escape(line.label));
        }

        /** Places to point at. */
        private void hovers(Line line) {
            for (int x = 0; x < line.length(); x += 1 + last / HOVERS) {
                double y = y(line.y[x]);
                if (y >= 0 && y <= TALL)
                    add("<circle class='hover f%d' r='5' cx='%.1f' cy='%.1f'><title>%s, %d: %.1e</title></circle>", line.colour % COLOURS,
                            x(x), y, escape(line.label), x, line.y[x]);
            }
        }

        /** To the right of the lines' ends, as near as they can be; of a line that was cut off, where it went.
         *  @param lines the uppermost end first */
        private void names(List<Line> lines) {
            double[] places = lines.stream().mapToDouble(line -> Math.max(0, Math.min(TALL, y(line.end())))).toArray();
            for (int i = 1; i < places.length; i++) places[i] = Math.max(places[i], places[i - 1] + LEADING);
            for (int i = places.length - 1; i >= 0; i--) places[i] = Math.min(places[i], i == places.length - 1 ? TALL : places[i + 1] - LEADING);
            for (int i = 0; i < places.length; i++) {
                Line line = lines.get(i);
                double end = y(line.end());
                int colour = line.colour % COLOURS;
                if (line.length() > last && end >= 0 && end <= TALL)
                    add("<path class='lead c%d' d='M%d %.1fL%d %.1f'/>", colour, wide + 2, end, wide + 13, places[i]);
                add("<path class='line c%d d%d' d='M%d %.1fh18'/>", colour, line.dash % DASHES, wide + 15, places[i]);
                String name = line.label.length() <= NAME ? line.label : "\u2026" + line.label.substring(line.label.length() - NAME + 1);
                add("<text x='%d' y='%.1f' dy='4'>%s</text>", wide + 39, places[i], escape(name));
            }
        }
    }

    /** For XML. */
    static String escape(String text) {
        return StringEscapeUtils.escapeXml10(text);
    }
}
