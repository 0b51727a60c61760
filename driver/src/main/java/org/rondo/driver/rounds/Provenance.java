package org.rondo.driver.rounds;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Versions;
import org.rondo.driver.checkpoints.Checkpoint;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Corpus;
import org.rondo.driver.corpus.Profile;
import org.rondo.driver.corpus.Tokens;
import org.rondo.driver.scoring.Evaluation;
import org.rondo.driver.scoring.Metric;

/** Where a model comes from: data, settings, versions, and how training went. */
final class Provenance {
    /** Settings that change neither data, plan nor random numbers: a training may be resumed with others. */
    private static final List<Setting<?>> FREE = List.of(Setting.INPUT, Setting.OUTPUT, Setting.VALIDATION, Setting.WARM_START, Setting.HISTORY, Setting.EPOCHS, Setting.KERNEL,
            Setting.ROUND_DEADLINE, Setting.CHECKPOINT_EVERY, Setting.KEEP_CHECKPOINTS, Setting.OVERWRITE, Setting.SUMMARY, Setting.DEBUG, Setting.MODEL, Setting.PROMPT, Setting.LENGTH, Setting.TEMPERATURE,
            Setting.REGISTRY, Setting.NAME, Setting.NEW_DATA, Setting.HOLDOUT, Setting.DATE, Setting.DAYS, Setting.HISTORY_DAYS, Setting.MARGIN, Setting.GUARDS, Setting.LEAST_TOKENS,
            Setting.UNKNOWN_LIMITS, Setting.LABEL_LIMITS, Setting.LENGTH_LIMITS, Setting.LEASE_MINUTES, Setting.VERSION, Setting.KEEP);

    private final ObjectNode facts = new ObjectMapper().createObjectNode();
    private ArrayNode epochs = facts.arrayNode();
    private final Set<String> kernels = new TreeSet<>();
    private final Map<String, String> identity;
    /** Told of every epoch beside the loss; null for none. */
    private final Metric metric;
    private static final String WINDOWS_PER_ROUND = "windowsPerRound";

    /** @param metric that epochs are compared by; null for none */
    Provenance(Origin origin, Plan plan, Corpus corpus, Metric metric) {
        Settings settings = origin.settings();
        this.metric = metric == Metric.LOSS ? null : metric;
        identity = new TreeMap<>(settings.all());
        FREE.forEach(setting -> identity.remove(setting.key()));
        if (settings.get(Setting.DECAY).equals("cosine")) identity.put(Setting.EPOCHS.key(), settings.get(Setting.EPOCHS).toString());     // it bends every epoch's rate
        identity.put("lexicon", corpus.lexicon().checksum());
        identity.put("data", corpus.training().checksum());
        identity.put("validation data", corpus.validation() == null ? "none" : corpus.validation().checksum());
        identity.put("start", origin.model().map(Model::checksum).orElse("random numbers"));
        facts.put("parameters", plan.network().parameterCount());
        ObjectNode data = facts.putObject("data").put("input", settings.has(Setting.INPUT) ? settings.get(Setting.INPUT) : "a table").put(corpus.training() instanceof Tokens ? "tokens" : "sequences", corpus.training().count())
                .put("checksum", corpus.training().checksum()).put("heldOut", corpus.validation() == null ? 0 : corpus.validation().count());
        data.set("profile", Profile.of(corpus.training(), corpus.lexicon()).json());
        facts.set("settings", new ObjectMapper().valueToTree(settings.all()));
        facts.set("versions", new ObjectMapper().valueToTree(Versions.all()));
    }

    /** What a checkpoint says of its training. */
    ObjectNode checkpointFacts() {
        ObjectNode said = facts.objectNode();
        said.set("identity", new ObjectMapper().valueToTree(identity));
        said.set("epochs", epochs.deepCopy());
        said.set("kernels", new ObjectMapper().valueToTree(kernels));
        said.put(WINDOWS_PER_ROUND, facts.path(WINDOWS_PER_ROUND).asInt(Setting.AUTO));
        return said;
    }

    /** In what this training differs from the one that left a checkpoint: none, and the one can go on from the other. */
    Map<String, String> differences(Checkpoint checkpoint) {
        Map<String, String> differences = new TreeMap<>();
        identity.forEach((key, now) -> {
            String then = checkpoint.facts().path("identity").path(key).asText("nothing");
            if (!then.equals(now)) differences.put(key, then + " there, " + now + " here");
        });
        return differences;
    }

    /** Takes over what was said of the epochs before the checkpoint. */
    void resume(Checkpoint checkpoint) {
        epochs = (ArrayNode) checkpoint.facts().get("epochs").deepCopy();
        checkpoint.facts().get("kernels").forEach(kernel -> kernels.add(kernel.asText()));
        windowsPerRound(checkpoint.facts().path(WINDOWS_PER_ROUND).asInt(Setting.AUTO));
    }

    /** Of the rounds of this training: what was set, or measured when it began; {@link Setting#AUTO} until then. */
    int windowsPerRound() {
        return facts.path(WINDOWS_PER_ROUND).asInt(Setting.AUTO);
    }

    void windowsPerRound(int windows) {
        facts.put(WINDOWS_PER_ROUND, windows);
    }

    /** Kernels that ran in a round.
     *  @return whether there are new ones among them */
    boolean kernels(Set<String> descriptions) {
        return kernels.addAll(descriptions);
    }

    /** @param validation null where nothing is held out */
    void epoch(int epoch, double training, Evaluation validation) {
        ObjectNode node = epochs.addObject().put("epoch", epoch).put("trainingLoss", training);
        if (validation == null) return;
        node.put("validationLoss", validation.loss());
        if (metric != null) node.put(metric.key(), validation.figure(metric));
    }

    /** Which epoch's model is kept, where the best is. */
    void kept(int epoch) {
        facts.put("keptEpoch", epoch);
    }

    /** Of the last epoch that has ended: also when training resumes after it. */
    void tellEpoch(Progress progress, Model model) {
        JsonNode last = epochs.get(epochs.size() - 1);
        progress.epoch(new Progress.Epoch(last.get("epoch").asInt(), last.get("trainingLoss").asDouble(), last.path("validationLoss").asDouble(Double.NaN),
                metric, metric == null ? Double.NaN : last.path(metric.key()).asDouble(Double.NaN)), model);
    }

    ObjectNode facts(long rounds) {
        ObjectNode now = facts.deepCopy().put("rounds", rounds);
        now.set("epochs", epochs.deepCopy());
        now.set("kernels", new ObjectMapper().valueToTree(kernels));
        return now;
    }
}
