package org.rondo.driver.rounds;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Corpus;

/** Where a model comes from: data, settings, versions, and how training went. */
final class Provenance {
    /** Settings that change neither data, plan nor random numbers: a training may be resumed with others. */
    private static final List<Setting<?>> FREE = List.of(Setting.INPUT, Setting.OUTPUT, Setting.VALIDATION, Setting.EPOCHS, Setting.KERNEL,
            Setting.CHECKPOINT_EVERY, Setting.KEEP_CHECKPOINTS, Setting.OVERWRITE, Setting.MODEL, Setting.PROMPT, Setting.LENGTH, Setting.TEMPERATURE);

    private final ObjectNode facts = new ObjectMapper().createObjectNode();
    private final ArrayNode epochs = facts.arrayNode();
    private final Map<String, String> identity;

    Provenance(JavaSparkContext sc, Settings settings, Plan plan, Corpus corpus) {
        identity = new TreeMap<>(settings.all());
        FREE.forEach(setting -> identity.remove(setting.key()));
        identity.put("vocabulary", corpus.vocabulary().checksum());
        identity.put("tokens", "" + corpus.training().count());
        identity.put("validation tokens", "" + (corpus.validation() == null ? 0 : corpus.validation().count()));
        facts.put("trainingTokens", corpus.training().count()).put("parameters", plan.network().parameterCount());
        facts.set("settings", new ObjectMapper().valueToTree(settings.all()));
        facts.set("versions", versions(sc));
    }

    /** What a checkpoint's training must share with this one for the one to go on from the other. */
    Map<String, String> identity() {
        return identity;
    }

    void kernel(String description) {
        facts.put("kernel", description);
    }

    void epoch(int epoch, double training, double validation) {
        ObjectNode node = epochs.addObject().put("epoch", epoch).put("trainingLoss", training);
        if (!Double.isNaN(validation)) node.put("validationLoss", validation);
    }

    ObjectNode facts(long rounds) {
        ObjectNode now = facts.deepCopy().put("rounds", rounds);
        now.set("epochs", epochs.deepCopy());
        return now;
    }

    private ObjectNode versions(JavaSparkContext sc) {
        Properties build = new Properties();
        try (InputStream in = Provenance.class.getResourceAsStream("/org/rondo/driver/build.properties")) {
            build.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return facts.objectNode().put("rondo", build.getProperty("version")).put("commit", build.getProperty("commit"))
                .put("spark", sc.version()).put("java", System.getProperty("java.version"));
    }
}
