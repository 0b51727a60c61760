package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.registry.Entry;
import org.rondo.driver.registry.Pointer;
import org.rondo.driver.registry.Registry;
import org.rondo.driver.scoring.Sampler;

/** Model and prompt to text. Runs in the driver: one sequence has nothing to spread over executors. */
final class Generate {
    private Generate() { }

    static ObjectNode run(Settings settings, SparkConf conf, Console console) {
        Model model = model(settings, SparkHadoopUtil.get().newConfiguration(conf), console);
        String prompt = settings.get(Setting.PROMPT);
        String text = prompt + Sampler.sample(model, prompt, settings.get(Setting.LENGTH), settings.get(Setting.TEMPERATURE),
                settings.get(Setting.SEED), settings.get(Setting.KERNEL));
        console.out().println(text);
        return JsonNodeFactory.instance.objectNode().put("characters", text.length());
    }

    /** The model of a directory; of a registry's entry the current version, which is said. */
    static Model model(Settings settings, Configuration hadoop, Console console) {
        String directory = settings.get(Setting.MODEL);
        if (isFile(directory, hadoop))
            throw new BadInput("model is " + directory + ", which is a file, expected the directory that train wrote; set --model to it");
        Optional<Entry> entry = Registry.entryAt(directory, hadoop);
        if (entry.isEmpty()) return Model.load(directory, hadoop);
        Pointer current = entry.get().current().orElseThrow(() -> new BadInput(entry.get().path() + " has no current version; promote one, or set --model to the directory of a version"));
        console.err().println("model " + entry.get().path() + ": " + current);
        return Model.load(entry.get().directory(current.version()).toString(), hadoop);
    }

    private static boolean isFile(String path, Configuration hadoop) {
        try {
            Path file = new Path(path);
            return Storage.of(file, hadoop).getFileStatus(file).isFile();
        } catch (IOException | IllegalArgumentException unreadable) {
            return false;                                   // loading says why
        }
    }
}
