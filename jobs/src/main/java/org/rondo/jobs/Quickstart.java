package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.scoring.Sampler;

/** A first model in minutes, of a text that comes with the build: WordNet's definitions of English words. */
final class Quickstart {
    /** Sized for about three minutes on two cores at 130 GFLOP/s each: 9 million characters at 5.3 MFLOP. Nothing here reads a
     *  clock: the model is the same every time. Few definitions often, for the sake of seeing it get better every epoch. */
    static final Map<Setting<?>, String> DEFAULTS = Job.table(Setting.OUTPUT, "models/quickstart", Setting.VALIDATION, 0.03,
            Setting.LAYERS, 2, Setting.HIDDEN, 256, Setting.EMBEDDING, 64, Setting.SHARDS, 2, Setting.BATCH, 16, Setting.SEQ_LEN, 64,
            Setting.AVERAGING, "parameters", Setting.WINDOWS_PER_ROUND, 8, Setting.OUTER_OPTIMIZER, "mean", Setting.EPOCHS, 4,
            Setting.OPTIMIZER, "adam", Setting.LEARNING_RATE, 0.004, Setting.DECAY, "epoch", Setting.DECAY_FACTOR, 0.45,
            Setting.TEMPERATURE, 0.6);
    private static final int DEFINITIONS = 40_000;
    private static final int SAMPLES = 3, SAMPLE_LENGTH = 400;
    private static final long ORDER = 31;

    private Quickstart() { }

    static ObjectNode run(Settings given, SparkConf conf, Console console) throws IOException {
        if (isZero(given.get(Setting.VALIDATION)))
            throw new BadInput("validation is " + given.get(Setting.VALIDATION) + ", but quickstart measures the model on definitions that are held out; "
                    + "set --validation to a fraction above 0, as 0.03");
        Train.warn(given, console);
        Path folder = folder(given.get(Setting.OUTPUT), "models/quickstart"), text = folder.resolve("definitions.txt"), model = folder.resolve("model");
        write(text, given.get(Setting.OVERWRITE));
        console.err().println(Units.count(DEFINITIONS) + " definitions of WordNet 3.1 are in " + text + " (WordNet 3.1 Copyright 2011 by Princeton University)");
        Settings settings = given.with(Setting.UNIT, "character").with(Setting.FORMAT, "text").with(Setting.INPUT, hadoop(text)).with(Setting.OUTPUT, hadoop(model));
        Report report = new Samples(console, settings);
        // An unfinished training is resumed; a model of its own starts over.
        Model trained = Train.train("quickstart", wrote(settings, conf) ? settings.with(Setting.OVERWRITE, true) : settings, conf, report);
        console.out().print(report.summary(model.toString()));
        console.out().print("next:\n  bin/rondo generate --model " + Train.shell(model.toString()) + " --length 300 --temperature 0.6 --prompt 'a small'\n"
                + "  bin/rondo evaluate --model " + Train.shell(model.toString()) + " --input YOUR_TEXT\n"
                + "  bin/rondo train --input YOUR_TEXT --output models/mine\n");
        console.out().println("model=" + Train.shell(model.toString()) + " bits_per_character=" + Units.decimals(Units.bits(report.validation()), 3)
                + " tokens_per_second=" + Math.round(report.tokensPerSecond()));
        return report.figures(trained).put("model", model.toString()).put("bitsPerCharacter", Units.bits(report.validation()));
    }

    private static boolean isZero(String validation) {
        try {
            return Double.parseDouble(validation) == 0;
        } catch (NumberFormatException path) {
            return false;
        }
    }

    /** On this machine: where WordNet is, and where pages are looked at. */
    static Path folder(String output, String example) {
        if (output.matches("[A-Za-z][A-Za-z0-9+.-]+:.*"))
            throw new BadInput("output is " + output + ", expected a folder on this machine's own file system for this job, as " + example + "; "
                    + "train writes to any file system");
        return Path.of(output);
    }

    /** As Hadoop reads it, whatever its default file system; blanks are not escaped there. */
    static String hadoop(Path path) {
        return "file://" + path.toAbsolutePath();
    }

    /** Whether this job wrote the model in its output directory: from the same text. */
    private static boolean wrote(Settings settings, SparkConf conf) {
        Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
        String directory = settings.get(Setting.OUTPUT);
        try {
            return Model.exists(new org.apache.hadoop.fs.Path(directory), hadoop)
                    && Model.load(directory, hadoop).provenance().path("data").path("input").asText().equals(settings.get(Setting.INPUT));
        } catch (BadInput damaged) {
            return false;
        }
    }

    /** Shuffled, so that what is held out is like the rest: nouns and verbs are defined in different words. */
    private static void write(Path text, boolean overwrite) throws IOException {
        Path wordnet = wordnet();
        List<String> definitions = new ArrayList<>(Glosses.read(wordnet));
        Collections.shuffle(definitions, new Random(ORDER));
        definitions = definitions.subList(0, Math.min(DEFINITIONS, definitions.size()));
        if (Files.exists(text) && !overwrite) {
            if (definitions.equals(Files.readAllLines(text))) return;
            throw new BadInput(text + " is there and is not what quickstart writes; set --output to another folder, or --overwrite to replace it");
        }
        Files.createDirectories(text.toAbsolutePath().getParent());
        Files.write(text, definitions);
        Files.write(text.resolveSibling("definitions-LICENSE.txt"), Glosses.licence(wordnet));
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
            super(console, settings);
            this.settings = settings;
        }

        @Override public void epoch(Epoch epoch, Model model) {
            super.epoch(epoch, model);
            Sampler.sample(model, "", SAMPLE_LENGTH, settings.get(Setting.TEMPERATURE), settings.get(Setting.SEED), settings.get(Setting.KERNEL))
                    .lines().limit(SAMPLES).forEach(line -> note("  it now writes: " + line));
        }
    }
}
