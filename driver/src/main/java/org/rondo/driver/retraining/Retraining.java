package org.rondo.driver.retraining;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Checkpoints;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.corpus.Data;
import org.rondo.driver.corpus.Examples;
import org.rondo.driver.corpus.Lexicon;
import org.rondo.driver.corpus.Profile;
import org.rondo.driver.corpus.Task;
import org.rondo.driver.corpus.Text;
import org.rondo.driver.corpus.Tokens;
import org.rondo.driver.registry.Entry;
import org.rondo.driver.registry.Lease;
import org.rondo.driver.registry.Pointer;
import org.rondo.driver.registry.Registry;
import org.rondo.driver.registry.Version;
import org.rondo.driver.rounds.Origin;
import org.rondo.driver.rounds.Plan;
import org.rondo.driver.rounds.Progress;
import org.rondo.driver.rounds.Trainer;
import org.rondo.driver.scoring.Evaluation;

/** A night's work: the current version (the champion) learns from new data, and what it becomes (the challenger) takes its place if it is better on data that
 *  neither has learnt from. {@link #run} is the whole of it.
 *
 *  <p>Killed at any moment and run again it goes on: a night knows its version by its request. The champion stays current until the pointer moves, which is the last
 *  step and one exclusive creation of a file; a version is not written to after its verdict. */
public final class Retraining {
    private final JavaSparkContext sc;
    private final Settings settings;
    private final Progress progress;
    private final Entry entry;

    /** What has become of the current version.
     *  @param promoted whether the night's version has taken its place
     *  @param facts    of the night's version, as it keeps them */
    public record Outcome(boolean promoted, ObjectNode facts) { }

    /** @throws BadInput if the registry cannot be used */
    public Retraining(JavaSparkContext sc, Settings settings, Progress progress) {
        this.sc = sc;
        this.settings = settings;
        this.progress = progress;
        this.entry = entry(sc, settings);
    }

    private static Entry entry(JavaSparkContext sc, Settings settings) {
        return Registry.open(settings.get(Setting.REGISTRY), sc.hadoopConfiguration()).entry(settings.get(Setting.NAME));
    }

    /** With what the champion says of itself, if there is one.
     *  @throws BadInput if the settings contradict it */
    public static Settings settings(JavaSparkContext sc, Settings settings) {
        Entry entry = entry(sc, settings);
        return Origin.of(warm(settings, entry, entry.current()), sc.hadoopConfiguration()).settings();
    }

    /** @throws BadInput if another retraining is under way, the data cannot be used or have drifted past a limit, or the settings contradict the champion */
    public Outcome run() {
        Night night = Night.of(settings, sc.hadoopConfiguration(), Clock.systemUTC());
        try (Lease lease = entry.lease("retrain " + night.date(), Duration.ofMinutes(settings.get(Setting.LEASE_MINUTES)))) {
            Optional<Pointer> pointer = entry.current();
            Optional<Version> mine = version(night, pointer);
            if (mine.isPresent() && mine.get().state() != Version.State.UNFINISHED) return told(mine.get(), pointer);
            Settings own = of(night, pointer);
            Optional<Model> champion = pointer.map(p -> Model.load(entry.directory(p.version()).toString(), sc.hadoopConfiguration()));
            check(night, champion, own);
            Optional<Drift> drift = champion.map(model -> drift(model, night, own));
            int version = mine.map(Version::number).orElseGet(() -> entry.claim(request(night, pointer)));
            progress.note("version " + version + " of " + entry.path() + pointer.map(p -> ", from version " + p.version()).orElse(", the first"));
            lease.check();
            Model challenger = trained(version, own, lease);
            Profile.of(challenger.provenance().path("data").path("profile")).flatMap(learnt -> Drift.tooFew(learnt, settings)).ifPresent(few -> {        // of the first night
                throw new BadInput(few + "; give more data, or lower the limit");
            });
            progress.note("measuring version " + version + " on " + night.holdout());
            Lexicon known = champion.orElse(challenger).lexicon();
            Evaluation after = Evaluation.of(sc, challenger, night.holdout(), known, own, progress::note);
            Evaluation before = champion.map(model -> Evaluation.of(sc, model, night.holdout(), known, own, progress::note)).orElse(null);
            ObjectNode facts = facts(night, pointer, Judge.of(settings, challenger.lexicon()), after, before);
            drift.ifPresent(d -> facts.set("drift", d.json()));
            lease.check();
            entry.finish(version, facts);
            return decided(version, facts, pointer);
        }
    }

    /** That this night has begun before, if it has: with the same champion, unless it is finished. What was found better than a champion that another has replaced before it
     *  could is of no use. */
    private Optional<Version> version(Night night, Optional<Pointer> pointer) {
        return entry.versions().stream().filter(version -> {
            Optional<ObjectNode> request = entry.request(version.number());
            if (request.isEmpty() || !night.request().equals(request.get().path("night")) || version.state() == Version.State.DAMAGED) return false;
            if (version.state() == Version.State.UNFINISHED) return request.get().path("parent").asInt() == pointer.map(Pointer::version).orElse(0);
            return !isPromoted(version.facts()) || serial(pointer) == version.facts().path("serial").asLong() || entry.history().stream().anyMatch(p -> p.version() == version.number());
        }).findFirst();
    }

    private static boolean isPromoted(ObjectNode facts) {
        return facts.path("verdict").asText().equals("promoted");
    }

    private static long serial(Optional<Pointer> pointer) {
        return pointer.map(Pointer::serial).orElse(0L);
    }

    private static ObjectNode request(Night night, Optional<Pointer> pointer) {
        ObjectNode request = JsonNodeFactory.instance.objectNode().put("job", "retrain").put("parent", pointer.map(Pointer::version).orElse(0));
        request.set("night", night.request());
        return request;
    }

    /** The verdict is known: from the run that was killed, or another. */
    private Outcome told(Version version, Optional<Pointer> pointer) {
        progress.note("version " + version.number() + " of " + entry.path() + " is this night's, and finished: " + version.facts().path("reason").asText());
        return decided(version.number(), version.facts(), pointer);
    }

    /** Moves the pointer, unless it has been since the verdict: by the run that was killed after it, or by somebody who knew better. */
    private Outcome decided(int version, ObjectNode facts, Optional<Pointer> pointer) {
        boolean promoted = isPromoted(facts);
        if (promoted && serial(pointer) == facts.path("serial").asLong()) entry.point(pointer, version, "retrain", facts.path("reason").asText());
        return new Outcome(promoted, facts.deepCopy().put("number", version));
    }

    private Settings of(Night night, Optional<Pointer> pointer) {
        Settings own = warm(settings, entry, pointer).with(Setting.INPUT, night.data()).with(Setting.HISTORY, night.history()).with(Setting.OVERWRITE, true);
        boolean measures = !own.get(Setting.VALIDATION).strip().matches("0(\\.0*)?");
        return Origin.of(measures ? own : own.with(Setting.METRIC, "none"), sc.hadoopConfiguration()).settings();       // which is then of the holdout alone
    }

    /** Vectors from a file are for the first version: the others have them. */
    private static Settings warm(Settings settings, Entry entry, Optional<Pointer> pointer) {
        return pointer.isEmpty() ? settings : settings.with(Setting.WARM_START, entry.directory(pointer.get().version())).with(Setting.VECTORS, "");
    }

    /** What would be found after training, and then cost the night.
     *  @throws BadInput if data or holdout cannot be read, or limits, guards or metric are none */
    private void check(Night night, Optional<Model> champion, Settings own) {
        Drift.check(settings);
        champion.ifPresentOrElse(model -> Judge.of(settings, model.lexicon()), () -> Judge.check(settings, Task.of(own)));
        if (champion.isPresent()) read(night.holdout(), champion.get().lexicon(), own).close();          // the new data are read for their drift
        else for (String path : List.of(night.data(), night.holdout()))
            if (Task.of(own) == Task.LANGUAGE_MODEL) Text.open(sc, path, own, note -> { }).close();
            else Examples.read(sc, path, Task.of(own).target(own), own, note -> { }).close();
    }

    private Data read(String path, Lexicon lexicon, Settings own) {
        return lexicon.task() == Task.LANGUAGE_MODEL ? Tokens.read(sc, path, lexicon.words(), own, note -> { })
                : Examples.read(sc, path, lexicon.values() > 1 ? Examples.Target.VALUES : lexicon.task().target(own), lexicon.scheme(), own, note -> { });
    }

    /** @throws BadInput if a limit is passed that stops */
    private Drift drift(Model champion, Night night, Settings own) {
        Lexicon lexicon = champion.lexicon();
        try (Data data = read(night.data(), lexicon, own)) {
            Drift drift = Drift.of(Profile.of(data, lexicon), Profile.of(champion.provenance().path("data").path("profile")), settings);
            drift.warnings().forEach(warning -> progress.note("drift: " + warning));
            if (!drift.stops().isEmpty()) throw new BadInput("the data of " + night.data() + " are too far from what version " + entry.current().orElseThrow().version() + " has learnt from: "
                    + String.join("; ", drift.stops()) + "; look at them, and raise the limit if they are right. Nothing was changed");
            return drift;
        }
    }

    /** The version's model: trained now, from its last checkpoint on if it has one, or before, if only the verdict is missing. */
    private Model trained(int version, Settings own, Lease lease) {
        String directory = entry.directory(version).toString();
        if (Model.exists(entry.directory(version), sc.hadoopConfiguration())) try {
            Model model = Model.load(directory, sc.hadoopConfiguration());
            new Checkpoints(new Path(directory, Checkpoints.DIRECTORY), sc.hadoopConfiguration(), 1).delete();
            return model;
        } catch (BadInput damaged) {
            progress.note("training again: " + damaged.getMessage());
        }
        return new Trainer(sc, own.with(Setting.OUTPUT, directory), progress.and(new Held(lease))).train();
    }

    /** Sees to it that nothing is written by who stood still while another went on: the last epoch's end comes before the model is saved. */
    private record Held(Lease lease) implements Progress {
        @Override public void begin(Plan plan, long firstRound, long tokens) {
            lease.check();
        }

        @Override public void round(Round round) { }

        @Override public void epoch(Epoch epoch, Model model) {
            lease.check();
        }

        @Override public void note(String message) { }
    }

    private static ObjectNode facts(Night night, Optional<Pointer> pointer, Judge judge, Evaluation after, Evaluation before) {
        Judge.Verdict verdict = judge.verdict(after, before);
        ObjectNode facts = JsonNodeFactory.instance.objectNode().put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString()).put("night", night.date().toString())
                .put("data", night.data()).put("metric", judge.metric().key()).put("value", after.figure(judge.metric()))
                .put("champion", before == null ? null : before.figure(judge.metric())).put("parent", pointer.map(Pointer::version).orElse(null))
                .put("verdict", verdict.promoted() ? "promoted" : "rejected").put("reason", verdict.reason()).put("request", night.request().toString())
                .put("serial", serial(pointer));
        ObjectNode figures = facts.putObject("figures");
        figures.set("challenger", after.json());
        if (before != null) figures.set("champion", before.json());
        return facts;
    }
}
