package org.rondo.jobs;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.rondo.jobs.Chart.Axes;
import org.rondo.jobs.Chart.Line;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ChartTest {
    private static final Axes AXES = new Axes("a figure", "x", "y", 1e-12, 1e6);

    static Document parse(String xml) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)));
    }

    static List<Element> elements(Document document, String name) {
        NodeList nodes = document.getElementsByTagName(name);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) elements.add((Element) nodes.item(i));
        return elements;
    }

    private static Document draw(Axes axes, Line... lines) throws Exception {
        return parse(Chart.svg(List.of(new Chart("title", List.of(lines))), 1, axes));
    }

    private static double[][] points(Element polyline) {
        return Stream.of(polyline.getAttribute("points").split(" "))
                .map(point -> Stream.of(point.split(",")).mapToDouble(Double::parseDouble).toArray()).toArray(double[][]::new);
    }

    private static List<String> ticks(Document document) {
        return elements(document, "text").stream().filter(t -> t.getAttribute("text-anchor").equals("end")).map(Element::getTextContent).toList();
    }

    @Test void equalFactorsAreEqualDistances() throws Exception {
        double[][] points = points(elements(draw(AXES, new Line("halves", 0, 0, new double[] {100, 10, 1, 0.1})), "polyline").get(0));
        for (int i = 1; i < 4; i++) {
            assertEquals(points[1][0] - points[0][0], points[i][0] - points[i - 1][0], 0.11, "x " + i);     // a tenth of a pixel is written
            assertEquals(points[1][1] - points[0][1], points[i][1] - points[i - 1][1], 0.11, "y " + i);
        }
        assertEquals(0, points[0][1], "the largest is at the top");
        assertTrue(points[1][1] > 0, "and what is smaller is below it");
    }

    @Test void powersOfTenAreNamed() throws Exception {
        assertEquals(List.of("10\u22123", "10\u22122", "10\u22121", "1", "101"), ticks(draw(AXES, new Line("a", 0, 0, new double[] {9, 0.002}))));
    }

    @Test void aLineEndsWhereThereIsNoLogarithm() throws Exception {
        for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            Document document = draw(AXES, new Line("a", 0, 0, new double[] {1, 2, bad, 3}), new Line("b", 1, 0, new double[] {bad, 1}));
            assertEquals(2, points(elements(document, "polyline").get(0)).length);
            assertEquals("", elements(document, "polyline").get(1).getAttribute("points"));
        }
    }

    @Test void whatIsBeyondTheAxesIsCutOff() throws Exception {
        Document document = draw(new Axes("", "x", "y", 1e-3, 10), new Line("a", 0, 0, new double[] {1, 1e-30}), new Line("b", 1, 0, new double[] {1, 1e30}));
        assertEquals(List.of("10\u22123", "10\u22122", "10\u22121", "1", "101"), ticks(document));
        Element clip = (Element) elements(document, "clipPath").get(0).getFirstChild();
        double tall = Double.parseDouble(clip.getAttribute("height"));
        for (Element line : elements(document, "polyline")) {
            assertEquals("url(#plot0)", line.getAttribute("clip-path"));
            double y = points(line)[1][1];
            assertTrue(y < -2 || y > tall, "outside at " + y);
        }
    }

    @Test void namesOfLinesThatEndTogetherAreReadable() throws Exception {
        for (double end : new double[] {1e-12, 1, 1e6}) {
            Line[] lines = new Line[12];
            Arrays.setAll(lines, i -> new Line("line " + i, i, i, new double[] {1, end}));
            List<Double> places = elements(draw(AXES, lines), "text").stream().filter(t -> t.getTextContent().startsWith("line "))
                    .map(t -> Double.parseDouble(t.getAttribute("y"))).sorted().toList();
            assertEquals(12, places.size());
            for (int i = 1; i < 12; i++) assertTrue(places.get(i) - places.get(i - 1) > 12.5, "type of 12.5 pixels: " + places);
            assertTrue(places.get(0) >= 0 && places.get(11) <= 290, "beside the plot: " + places);
        }
    }

    @Test void namesAreTextWhateverIsInThem() throws Exception {
        String name = "<a & 'b' \"c\">";
        Document document = draw(AXES, new Line(name, 0, 0, new double[] {1, 0.5}));
        assertTrue(elements(document, "text").stream().anyMatch(t -> t.getTextContent().equals(name)));
        assertEquals(name, elements(document, "polyline").get(0).getTextContent());
        assertTrue(elements(draw(AXES, new Line("a/very/long/name/of/some/model", 0, 0, new double[] {1, 0.5})), "text").stream()
                .anyMatch(t -> t.getTextContent().equals("\u2026/name/of/some/model")), "the end of a long name is told");
    }
}
