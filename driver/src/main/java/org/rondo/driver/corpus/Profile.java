package org.rondo.driver.corpus;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

/** What data are like, seen by a lexicon; kept with the model that has learnt from them, so that later data can be held against it.
 *  @param sequences or lines of a text; 0 where a text's vocabulary does not have their ends
 *  @param tokens    or steps
 *  @param unknown   share of the tokens that the lexicon does not have
 *  @param labels    how often each is, those of entities in the lexicon's scheme, whatever the data have; empty where there are none */
public record Profile(long sequences, long tokens, double unknown, Map<String, Long> labels) {

    /** One pass over the data. */
    public static Profile of(Data data, Lexicon lexicon) {
        return data instanceof Tokens text ? new Profile(text.lines(), text.count(), text.unknown(), Map.of()) : of((Examples) data, lexicon);
    }

    private static Profile of(Examples examples, Lexicon lexicon) {
        JavaSparkContext.fromSparkContext(examples.rows().sparkSession().sparkContext()).setJobGroup("reading", "profile the sequences of " + examples.name(), true);
        boolean words = lexicon.words() != null;
        Task task = lexicon.task();
        long[] counts = examples.rows().javaRDD().map(row -> {
            List<?> sequence = row.getList(Examples.AT_SEQUENCE);
            return new long[] {1, sequence.size(), words ? sequence.stream().filter(word -> lexicon.id((String) word) == Vocabulary.UNKNOWN).count() : 0};
        }).fold(new long[3], (a, b) -> new long[] {a[0] + b[0], a[1] + b[1], a[2] + b[2]});
        TagScheme data = examples.scheme(), scheme = data == TagScheme.NONE || lexicon.scheme() == TagScheme.NONE ? data : lexicon.scheme();
        Map<String, Long> labels = new TreeMap<>();
        if (task == Task.TAGGING || task == Task.CLASSIFICATION) examples.rows().javaRDD()
                .flatMap(row -> task == Task.TAGGING ? data.convert(row.getList(Examples.AT_TARGET), scheme).iterator() : List.of(row.getString(Examples.AT_TARGET)).iterator())
                .mapToPair(label -> new Tuple2<>(label, 1L)).reduceByKey(Long::sum).collect().forEach(count -> labels.put(count._1, count._2));
        return new Profile(counts[0], counts[1], counts[2] / (double) Math.max(1, counts[1]), labels);
    }

    /** Tokens of a sequence or line, on average. */
    public double length() {
        return tokens / (double) Math.max(1, sequences);
    }

    /** Half the sum of the differences between the labels' shares here and there: 0 where they are the same, 1 where none is in both; 0 without labels. */
    public double labelDistance(Profile other) {
        double here = labels.values().stream().mapToLong(n -> n).sum(), there = other.labels.values().stream().mapToLong(n -> n).sum(), sum = 0;
        if (here == 0 || there == 0) return 0;
        Map<String, Long> all = new TreeMap<>(labels);
        other.labels.forEach(all::putIfAbsent);
        for (String label : all.keySet()) sum += Math.abs(labels.getOrDefault(label, 0L) / here - other.labels.getOrDefault(label, 0L) / there);
        return sum / 2;
    }

    public ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("sequences", sequences).put("tokens", tokens).put("unknown", unknown);
        if (!labels.isEmpty()) labels.forEach(json.putObject("labels")::put);
        return json;
    }

    /** The inverse of {@link #json}; empty for what is none. */
    public static Optional<Profile> of(JsonNode json) {
        if (!json.path("tokens").isIntegralNumber()) return Optional.empty();
        Map<String, Long> labels = new TreeMap<>();
        json.path("labels").properties().forEach(label -> labels.put(label.getKey(), label.getValue().asLong()));
        return Optional.of(new Profile(json.path("sequences").asLong(), json.path("tokens").asLong(), json.path("unknown").asDouble(), labels));
    }
}
