package org.rondo.jobs;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.checkpoints.Model;
import org.rondo.driver.formats.Exported;
import org.rondo.driver.formats.Imported;

/** Models to other programs and from them. Runs in the driver: a model is one file. */
final class Formats {
    static final Map<Setting<?>, String> EXPORT_DOCS = Job.table(Setting.FORMAT, "pytorch: a state dict in safetensors' format; or onnx",
            Setting.OUTPUT, "directory to write to: the model for other programs, its tokens, labels and architecture", Setting.OVERWRITE, "replace an exported model in the output directory");
    static final Map<Setting<?>, String> IMPORT_DEFAULTS = Job.table(Setting.FORMAT, "pytorch", Setting.WORD_FORM, "exact");
    static final Map<Setting<?>, String> IMPORT_DOCS = Job.table(Setting.INPUT, "file in safetensors' format with the state dict of nn.Embedding, nn.LSTM or nn.RNN, and nn.Linear",
            Setting.OUTPUT, "directory to write the model to", Setting.FORMAT, "of the input: pytorch", Setting.TASK, "what the model says; " + Setting.TASK.doc().replaceFirst("^what is learnt; ", ""),
            Setting.UNIT, "what a line of the vocabulary is, of a language model: a character, or a word between blanks (a line ends with <eos>)",
            Setting.CELL, "what the tensors of an nn.RNN do not say: rnn for tanh, or relu; of LSTMs they do",
            Setting.TAG_SCHEME, "how the labels of tokens say where entities are; auto: io, iob2 or iobes, the first that has them all, or else none: plain classes",
            Setting.VOCABULARY, strip(Setting.VOCABULARY), Setting.CHARACTERS, strip(Setting.CHARACTERS), Setting.LABELS, strip(Setting.LABELS));

    private Formats() { }

    static ObjectNode export(Settings settings, SparkConf conf, Console console) {
        Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
        Model model = Generate.model(settings, hadoop, console);
        String file = Exported.write(model, settings, hadoop, console.err()::println).toString();
        console.out().println("file=" + file);
        return JsonNodeFactory.instance.objectNode().put("file", file).put("parameters", model.parameters().length);
    }

    static ObjectNode read(Settings settings, SparkConf conf, Console console) {
        Model model = Imported.write(settings, SparkHadoopUtil.get().newConfiguration(conf), console.err()::println);
        console.out().println("model=" + settings.get(Setting.OUTPUT));
        return JsonNodeFactory.instance.objectNode().put("parameters", model.parameters().length);
    }

    private static String strip(Setting<?> setting) {
        return setting.doc().replaceFirst("^import: ", "");
    }
}
