package org.rondo.jobs;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.SparkConf;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.scoring.Sampler;

/** A first model in minutes, of a text that comes with the build: WordNet's definitions of English words. */
final class Quickstart {
    /** Sized for about three minutes on two cores at 130 GFLOP/s each: 9 million characters at 5.3 MFLOP. Nothing here reads a
     *  clock: the model is the same every time. Few definitions often, for the sake of seeing it get better every epoch. */
    static final Map<Setting<?>, String> DEFAULTS = Job.defaults(Setting.OUTPUT, "models/quickstart", Setting.VALIDATION, 0.03,
            Setting.LAYERS, 2, Setting.HIDDEN, 256, Setting.EMBEDDING, 64, Setting.SHARDS, 2, Setting.BATCH, 16, Setting.SEQ_LEN, 64,
            Setting.AVERAGING, "parameters", Setting.WINDOWS_PER_ROUND, 8, Setting.EPOCHS, 4,
            Setting.OPTIMIZER, "adam", Setting.LEARNING_RATE, 0.004, Setting.DECAY, "epoch", Setting.DECAY_FACTOR, 0.45,
            Setting.TEMPERATURE, 0.6);
    private static final int DEFINITIONS = 40_000;
    private static final int SAMPLES = 3, SAMPLE_LENGTH = 400;
    private static final long ORDER = 31;

    private Quickstart() { }

    static void run(Settings given, SparkConf conf, Console console) throws IOException {
        Path folder = Path.of(given.get(Setting.OUTPUT)), text = folder.resolve("definitions.txt"), directory = folder.resolve("model");
        write(text);
        console.err().println(Units.count(DEFINITIONS) + " definitions of WordNet 3.1 are in " + text + " (WordNet 3.1 Copyright 2011 by Princeton University)");
        // Its own folder: an unfinished training is resumed, a finished one starts over.
        Settings settings = given.with(Setting.INPUT, text).with(Setting.OUTPUT, directory).with(Setting.OVERWRITE, true);
        Report report = new Samples(console, settings);
        Train.train("quickstart", settings, conf, report);
        console.out().print(report.summary(directory.toString()));
        console.out().print("next:\n  bin/rondo generate --model " + directory + " --length 300 --temperature 0.6 --prompt 'a small'\n"
                + "  bin/rondo evaluate --model " + directory + " --input YOUR_TEXT\n"
                + "  bin/rondo train --input YOUR_TEXT --output models/mine\n");
        console.out().println("model=" + directory + " bits_per_character=" + Units.decimals(Units.bits(report.validation()), 3)
                + " tokens_per_second=" + Math.round(report.tokensPerSecond()));
    }

    /** Shuffled, so that what is held out is like the rest: nouns and verbs are defined in different words. */
    private static void write(Path text) throws IOException {
        List<String> definitions = new ArrayList<>(Glosses.read(wordnet()));
        Collections.shuffle(definitions, new Random(ORDER));
        Files.createDirectories(text.toAbsolutePath().getParent());
        Files.write(text, definitions.subList(0, Math.min(DEFINITIONS, definitions.size())));
    }

    /** Where the build puts it: beside the jar that this class comes from. */
    private static Path wordnet() {
        try {
            Path jar = Path.of(Quickstart.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            Path archive = jar.resolveSibling("quickstart").resolve("wordnet.jar");
            if (!Files.exists(archive))
                throw new BadInput("WordNet's definitions are not at " + archive + ", where the build puts them; run ./mvnw -DskipTests package");
            return archive;
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A report that shows, after every epoch, what the model makes up by now. */
    private static final class Samples extends Report {
        private final Settings settings;

        Samples(Console console, Settings settings) {
            super(console, settings.get(Setting.UNIT));
            this.settings = settings;
        }

        @Override public void epoch(int epoch, double training, double validation, Model model) {
            super.epoch(epoch, training, validation, model);
            Sampler.sample(model, "", SAMPLE_LENGTH, settings.get(Setting.TEMPERATURE), settings.get(Setting.SEED), settings.get(Setting.KERNEL))
                    .lines().limit(SAMPLES).forEach(line -> note("  it now writes: " + line));
        }
    }
}
