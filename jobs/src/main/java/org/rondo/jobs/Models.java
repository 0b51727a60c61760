package org.rondo.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.registry.Entry;
import org.rondo.driver.registry.Pointer;
import org.rondo.driver.registry.Pruned;
import org.rondo.driver.registry.Registry;
import org.rondo.driver.registry.Version;

/** A registry's versions, listed and changed. Runs in the driver, and starts no Spark. */
final class Models {
    private static final List<String> HEADER = List.of("name", "version", "date", "data", "metric", "value", "parent", "state", "reason");
    private static final int LONGEST = 50;

    private Models() { }

    static ObjectNode list(Settings settings, SparkConf conf, Console console) {
        Registry registry = registry(settings, conf);
        List<List<String>> rows = new ArrayList<>(List.of(HEADER));
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("registry", registry.directory().toString());
        ArrayNode models = json.putArray("models");
        List<Entry> entries = settings.get(Setting.NAME).isEmpty() ? registry.names().stream().map(registry::entry).toList() : List.of(registry.existing(settings.get(Setting.NAME)));
        if (entries.isEmpty()) throw nothing(registry);
        for (Entry entry : entries) {
            ObjectNode model = models.addObject().put("name", entry.name());
            Optional<Pointer> current = entry.current();
            model.put("current", current.map(Pointer::version).orElse(null)).put("serial", current.map(Pointer::serial).orElse(null));
            ArrayNode versions = model.putArray("versions");
            for (Version version : entry.versions()) {
                rows.add(row(entry.name(), version));
                ObjectNode facts = version.facts().deepCopy();
                facts.remove("number");
                versions.addObject().put("version", version.number()).put("state", version.state().key()).put("directory", entry.directory(version.number()).toString()).setAll(facts);
            }
        }
        print(rows, console);
        console.out().println(json);
        return json;
    }

    private static List<String> row(String name, Version version) {
        ObjectNode facts = version.facts();
        JsonNode value = facts.path("value");
        return List.of(name, "" + version.number(), text(facts, "date"), shortened(text(facts, "data"), true), text(facts, "metric"),
                value.isNumber() ? Units.decimals(value.asDouble(), 4) : "", text(facts, "parent"), version.state().key(), shortened(text(facts, "reason"), false));
    }

    private static String text(ObjectNode facts, String field) {
        return facts.hasNonNull(field) ? facts.get(field).asText().replaceAll("\\s+", " ") : "";
    }

    /** @param end whether it says more than the beginning */
    private static String shortened(String text, boolean end) {
        return text.length() <= LONGEST ? text : end ? "..." + text.substring(text.length() - LONGEST + 3) : text.substring(0, LONGEST - 3) + "...";
    }

    /** Columns as wide as their widest cell; a dash for what is not known. */
    private static void print(List<List<String>> rows, Console console) {
        int[] widths = IntStream.range(0, HEADER.size()).map(c -> rows.stream().mapToInt(row -> Math.max(1, row.get(c).length())).max().orElse(1)).toArray();
        for (List<String> row : rows)
            console.out().println(IntStream.range(0, row.size()).mapToObj(c -> String.format("%-" + widths[c] + "s", row.get(c).isEmpty() ? "-" : row.get(c)))
                    .collect(Collectors.joining("  ")).stripTrailing());
    }

    static ObjectNode promote(Settings settings, SparkConf conf, Console console) {
        Entry entry = entry(settings, conf);
        int version = settings.get(Setting.VERSION);
        if (version == 0) throw new BadInput("version is missing, expected the number of a version of " + entry.path() + ", as rondo models lists them; set " + Setting.VERSION.option());
        return say(entry, version, entry.promote(version, "promoted by hand"), console);
    }

    static ObjectNode rollback(Settings settings, SparkConf conf, Console console) {
        Entry entry = entry(settings, conf);
        Optional<Integer> version = Optional.of(settings.get(Setting.VERSION)).filter(given -> given > 0);
        return say(entry, version.orElse(0), entry.rollback(version, "rolled back by hand"), console);
    }

    private static ObjectNode say(Entry entry, int version, Optional<Pointer> made, Console console) {
        console.out().println(entry.path() + ": " + made.map(pointer -> "current is now " + pointer).orElse("version " + version + " is current already; nothing was changed"));
        return JsonNodeFactory.instance.objectNode().put("current", entry.current().orElseThrow().version());
    }

    static ObjectNode prune(Settings settings, SparkConf conf, Console console) {
        Entry entry = entry(settings, conf);
        Pruned pruned = entry.prune(settings.get(Setting.KEEP));
        pruned.bytes().forEach((version, bytes) -> console.out().println(entry.path() + ": deleted version " + version + ", " + Units.bytes(bytes)));
        pruned.left().forEach(directory -> console.err().println(directory + " has files that Rondo did not write; they are left, delete them if they are of no use"));
        console.out().println(entry.path() + ": deleted " + pruned.bytes().size() + (pruned.bytes().size() == 1 ? " version, " : " versions, ")
                + Units.bytes(pruned.bytes().values().stream().mapToLong(Long::longValue).sum()));
        return JsonNodeFactory.instance.objectNode().put("deleted", pruned.bytes().size());
    }

    static ObjectNode add(Settings settings, SparkConf conf, Console console) {
        if (settings.get(Setting.NAME).isEmpty()) throw new BadInput("name is missing, expected the name that the model shall have in the registry; set " + Setting.NAME.option());
        Entry entry = registry(settings, conf).entry(settings.get(Setting.NAME));
        int version = entry.add(settings.get(Setting.MODEL));
        console.out().println(entry.path() + ": added version " + version + ", which is not current; to make it so:\n  bin/rondo models promote --registry "
                + Train.shell(settings.get(Setting.REGISTRY)) + " --name " + Train.shell(entry.name()) + " --version " + version);
        return JsonNodeFactory.instance.objectNode().put("version", version);
    }

    private static Registry registry(Settings settings, SparkConf conf) {
        return Registry.open(settings.get(Setting.REGISTRY), SparkHadoopUtil.get().newConfiguration(conf));
    }

    /** The one that is named, or the only one. */
    private static Entry entry(Settings settings, SparkConf conf) {
        Registry registry = registry(settings, conf);
        if (!settings.get(Setting.NAME).isEmpty()) return registry.existing(settings.get(Setting.NAME));
        List<String> names = registry.names();
        if (names.isEmpty()) throw nothing(registry);
        if (names.size() > 1) throw new BadInput("name is missing, expected one of " + String.join(", ", names) + ", which registry " + registry.directory() + " has; set "
                + Setting.NAME.option());
        return registry.entry(names.get(0));
    }

    private static BadInput nothing(Registry registry) {
        return new BadInput("there is no registry at " + registry.directory() + ", or it is empty, expected a directory that retrain or models add has made; set --registry");
    }
}
