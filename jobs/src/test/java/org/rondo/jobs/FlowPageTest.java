package org.rondo.jobs;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rondo.driver.Settings;
import org.rondo.jobs.ShowGradientFlow.Measured;
import org.rondo.kernels.Cell;
import org.rondo.kernels.GradientFlow;
import org.rondo.kernels.Head;
import org.rondo.kernels.Kernel;
import org.rondo.kernels.Layout;
import org.rondo.kernels.Loss;
import org.rondo.kernels.Network;
import org.rondo.kernels.Parameters;
import org.rondo.kernels.Streams;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class FlowPageTest {
    private static final int STEPS = 9;

    private static GradientFlow flow(Cell cell, int layers) {
        Network network = new Network(3, 2, cell, 4, layers, false, new Head(true, Loss.SOFTMAX, 3), false);
        Streams shard = new Streams(0, new int[][] {IntStream.range(0, STEPS + 1).map(i -> i % 3).toArray()});
        try (Kernel kernel = Kernel.open("reference", Layout.forTraining(network, 1, STEPS, false, 0))) {
            return GradientFlow.of(kernel, Parameters.initial(network, 1), new float[0], shard, 0, 1);
        }
    }

    private static final FlowPage PAGE = new FlowPage(List.of(new Measured("one", "One & only", 0, false, flow(Cell.RNN, 1)),
            new Measured("one", "One & only", 0, true, flow(Cell.RELU, 1)), new Measured("deep", "Deep", 1, true, flow(Cell.LSTM, 3))), "conditions <of> it");

    @Test void thePageIsXmlWithALineForEveryCurve() throws Exception {
        Document page = ChartTest.parse(PAGE.html());
        assertEquals(5, PAGE.curves());
        assertEquals(5, ChartTest.elements(page, "polyline").size());
        List<String> titles = ChartTest.elements(page, "text").stream().filter(t -> t.getAttribute("class").equals("title")).map(Element::getTextContent).toList();
        assertEquals(List.of("One layer, before training", "One layer, after training", "3 layers, after training"), titles);
        assertEquals(List.of("One & only", "Deep, layer 1", "Deep, layer 2", "Deep, layer 3"),
                ChartTest.elements(page, "th").stream().filter(th -> th.getAttribute("scope").equals("row")).map(Element::getTextContent).toList());
        assertTrue(page.getDocumentElement().getTextContent().contains("conditions <of> it"));
        assertFalse(PAGE.html().contains("${"), "something is not filled in");
    }

    @Test void thePageLoadsNothing() {
        String page = PAGE.html().replace("http://www.w3.org/2000/svg", "");
        for (String loads : List.of("http:", "https:", "<script", "<link", "@import", "src=")) assertFalse(page.contains(loads), loads);
    }

    private static List<String> curves(Document document) {
        return ChartTest.elements(document, "polyline").stream().map(line -> line.getAttribute("points")).toList();
    }

    /** Of 560 units each, and not beside each other where the page has no room for two. */
    @Test void thePageHasThePicturesChartsOneByOne() throws Exception {
        Document picture = ChartTest.parse(PAGE.svg()), page = ChartTest.parse(PAGE.html());
        assertEquals("svg", picture.getDocumentElement().getTagName());
        assertEquals(curves(picture), curves(page));
        assertEquals(List.of("0 0 1120 788"), viewBoxes(picture));
        assertEquals(List.of("0 0 560 394", "0 0 560 394", "0 0 560 394"), viewBoxes(page));
        assertEquals(1, ChartTest.elements(picture, "style").size(), "a picture has its style");
    }

    private static List<String> viewBoxes(Document document) {
        return ChartTest.elements(document, "svg").stream().map(svg -> svg.getAttribute("viewBox")).toList();
    }

    @Test void theCaptionSaysWhereLinesEnd() throws Exception {
        String caption = ChartTest.elements(ChartTest.parse(PAGE.html()), "figcaption").get(0).getTextContent();
        assertTrue(caption.endsWith(" Lines are cut off at 10\u221212 and 106; all values are in gradient-flow.tsv."), caption);
    }

    @Test void theTableHasEveryStepOfEveryLayer() {
        List<String[]> rows = PAGE.tsv().lines().map(line -> line.split("\t")).toList();
        assertEquals(List.of("model", "weights", "layer", "k", "norm", "relative"), List.of(rows.get(0)));
        assertEquals(1 + 5 * STEPS, rows.size());
        String[] row = rows.get(1 + 3 * STEPS + 4);
        assertEquals(List.of("deep", "trained", "2", "4"), List.of(row).subList(0, 4));
        GradientFlow deep = PAGE.measured().get(2).flow();
        assertEquals(deep.norm(1, 4), Double.parseDouble(row[4]), deep.norm(1, 4) * 1e-6);
        assertEquals(deep.norm(1, 4) / deep.norm(1, 0), Double.parseDouble(row[5]), deep.relative(1, 4) * 1e-6);
    }

    /** Read by someone who knows nothing of windows: after a question comes the key that was told last. */
    @ParameterizedTest @ValueSource(ints = {12, 13, 14, 15, 50, 99, 100})
    void whatIsAskedForCanBeRecalled(int steps) {
        int windows = 7, question = 3;
        Reading reading = Reading.recall(Settings.of(Map.of("seqLen", "" + steps, "batch", "5", "seed", "2")), windows - 2, 2);
        int ones = 0, keys = 0;
        for (int w = 0; w < windows; w++) {
            int[] ids = reading.shard().window(w, steps).ids(), targets = reading.shard().window(w, steps).targets();
            for (int b = 0; b < 5; b++) {
                int key = -1, told = -1;
                for (int t = 0; t < steps; t++) {
                    int token = ids[t * 5 + b], before = t == 0 ? question : ids[(t - 1) * 5 + b];
                    int beforeThat = t == 0 ? -1 : t == 1 ? question : ids[(t - 2) * 5 + b];
                    if (beforeThat == question) {
                        key = token;
                        told = t;
                        keys++;
                        ones += key;
                    } else if (token == question) assertEquals(key, targets[t * 5 + b], "window " + w + ", step " + t);
                    else if (before != question) assertEquals(2, token, "nothing is said in window " + w + " at step " + t);
                }
                assertEquals(question, ids[(steps - 1) * 5 + b], "a window ends with a question");
                assertTrue(reading.source().contains(" " + (steps - 1 - told) + " steps later"), reading.source());
            }
        }
        assertEquals(4 * 5 * windows, keys);
        assertEquals(0.5, ones / (double) keys, 5 * 0.5 / Math.sqrt(keys), "five standard deviations");
    }
}
