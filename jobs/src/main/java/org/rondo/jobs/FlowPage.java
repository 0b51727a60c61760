package org.rondo.jobs;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.rondo.jobs.ShowGradientFlow.Measured;
import org.rondo.kernels.GradientFlow;

/** What was measured of gradients, for programs and for people.
 *  @param conditions under which it was, in words */
record FlowPage(List<Measured> measured, String conditions) {
    /** Shares of the gradient at k = 0. Beside it a float does not see what is below 6e-8; what is shown goes some way beyond. */
    private static final double TENTH = 0.1, THOUSANDTH = 0.001, LEAST_SHOWN = 1e-12, MOST_SHOWN = 1e6;
    private static final Chart.Axes AXES = new Chart.Axes("Norm of the gradient of the last step's loss by the state k steps before, as a share of that at k = 0",
            "k, steps back from T", "norm of the gradient, relative to k = 0", LEAST_SHOWN, MOST_SHOWN);
    private static final String TEMPLATE = "gradient-flow.html";

    int curves() {
        return measured.stream().mapToInt(m -> m.flow().layers()).sum();
    }

    /** A line for every network, layer (from 1, the lowest) and k. */
    String tsv() {
        StringBuilder tsv = new StringBuilder("model\tweights\tlayer\tk\tnorm\trelative\n");
        for (Measured m : measured)
            for (int l = 0; l < m.flow().layers(); l++)
                for (int k = 0; k < m.flow().steps(); k++)
                    tsv.append(String.format(Locale.ROOT, "%s\t%s\t%d\t%d\t%.6e\t%.6e\n", m.model(), weights(m), l + 1, k,
                            m.flow().norm(l, k), m.flow().relative(l, k)));
        return tsv.toString();
    }

    /** For a terminal. */
    String table() {
        StringBuilder table = new StringBuilder(String.format(Locale.ROOT, "%-24s %-8s %8s %8s %8s%n", "model", "weights", "E_T", "1/10", "1/1000"));
        for (Measured m : measured)
            for (int l = 0; l < m.flow().layers(); l++)
                table.append(String.format(Locale.ROOT, "%-24s %-8s %8.3f %8s %8s%n", m.model() + (m.flow().layers() == 1 ? "" : "/" + (l + 1)),
                        weights(m), m.flow().loss(), reach(m.flow(), l, TENTH), reach(m.flow(), l, THOUSANDTH)));
        return table.toString();
    }

    String svg() {
        return Chart.svg(charts(), columns(), AXES);
    }

    private int columns() {
        return compares() ? 2 : 1;
    }

    /** Of one layer and of more, with initial weights and with trained ones: a chart each, as far as there are such networks. */
    private List<Chart> charts() {
        List<Chart> charts = new ArrayList<>();
        if (!compares()) charts.add(new Chart("Trained models", lines(measured)));
        else
            for (boolean deep : new boolean[] {false, true})
                for (boolean trained : new boolean[] {false, true}) {
                    List<Measured> of = measured.stream().filter(m -> m.trained() == trained && m.flow().layers() > 1 == deep).toList();
                    if (!of.isEmpty()) charts.add(new Chart((deep ? of.get(0).flow().layers() + " layers, " : "One layer, ") + when(trained), lines(of)));
                }
        return charts;
    }

    private static List<Chart.Line> lines(List<Measured> measured) {
        List<Chart.Line> lines = new ArrayList<>();
        for (Measured m : measured)
            for (int l = 0; l < m.flow().layers(); l++) {
                int layer = l;
                lines.add(new Chart.Line(name(m, l), m.colour(), m.flow().layers() - 1 - l,
                        IntStream.range(0, m.flow().steps()).mapToDouble(k -> m.flow().relative(layer, k)).toArray()));
            }
        return lines;
    }

    /** One file, well-formed as XML too, that loads nothing. */
    String html() {
        try (InputStream template = FlowPage.class.getResourceAsStream(TEMPLATE)) {
            return new String(template.readAllBytes(), StandardCharsets.UTF_8).replace("${charts}", Chart.html(charts(), columns(), AXES))
                    .replace("${table}", htmlTable()).replace("${conditions}", Chart.escape(conditions)).replace("${least}", power(LEAST_SHOWN))
                    .replace("${most}", power(MOST_SHOWN));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Of ten, for HTML. */
    private static String power(double value) {
        return "10<sup>" + String.valueOf(Math.round(Math.log10(value))).replace('-', '\u2212') + "</sup>";
    }

    /** A row for every layer: loss and reach before training, where that was measured, and after. */
    private String htmlTable() {
        List<Boolean> groups = compares() ? List.of(false, true) : List.of(true);
        StringBuilder html = new StringBuilder("<table>\n<thead><tr><th/>");
        for (boolean trained : groups) html.append("<th colspan=\"3\">").append(when(trained)).append("</th>");
        html.append("</tr>\n<tr><th/>").append("<th>loss at T</th><th>1/10 to k</th><th>1/1000 to k</th>".repeat(groups.size())).append("</tr></thead>\n<tbody>\n");
        Map<String, Map<Boolean, String>> rows = new LinkedHashMap<>();
        for (Measured m : measured)
            for (int l = 0; l < m.flow().layers(); l++)
                rows.computeIfAbsent(name(m, l), name -> new HashMap<>()).put(m.trained(), String.format(Locale.ROOT, "<td>%.3f</td><td>%s</td><td>%s</td>",
                        m.flow().loss(), reach(m.flow(), l, TENTH), reach(m.flow(), l, THOUSANDTH)));
        rows.forEach((name, cells) -> {
            html.append("<tr><th scope=\"row\">").append(Chart.escape(name)).append("</th>");
            for (boolean trained : groups) html.append(cells.getOrDefault(trained, "<td>\u2013</td>".repeat(3)));
            html.append("</tr>\n");
        });
        return html.append("</tbody></table>").toString();
    }

    private boolean compares() {
        return measured.stream().anyMatch(m -> !m.trained());
    }

    private static String reach(GradientFlow flow, int l, double share) {
        int k = flow.reach(l, share);
        return k == flow.steps() - 1 ? k + "+" : "" + k;
    }

    private static String name(Measured m, int l) {
        return m.flow().layers() == 1 ? m.label() : m.label() + ", layer " + (l + 1);
    }

    private static String when(boolean trained) {
        return trained ? "after training" : "before training";
    }

    private static String weights(Measured m) {
        return m.trained() ? "trained" : "initial";
    }
}
