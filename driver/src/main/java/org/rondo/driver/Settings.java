package org.rondo.driver;

import java.io.Serializable;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** The values of one job: what was given, the job's own defaults, and those of {@link Setting} for the rest. Immutable. */
public final class Settings implements Serializable {
    private static final long serialVersionUID = 1;
    /** Of the keys in Spark's configuration. */
    public static final String PREFIX = "spark.rondo.";

    private final TreeMap<String, String> given, defaults;

    private Settings(Map<String, String> given, Map<String, String> defaults) {
        this.given = new TreeMap<>(given);
        this.defaults = new TreeMap<>(defaults);
        this.given.forEach((key, value) -> setting(key).read(value));
    }

    /** @param given values by key, without {@code spark.rondo.}
     *  @throws BadInput for an unknown key, naming the nearest, or a value out of range */
    public static Settings of(Map<String, String> given) {
        return new Settings(given, Map.of());
    }

    /** The keys under {@code spark.rondo.} of a Spark configuration, then {@code options} over them. */
    public static Settings of(Map<String, String> sparkConf, Map<String, String> options) {
        Map<String, String> merged = new LinkedHashMap<>();
        sparkConf.forEach((key, value) -> {
            if (key.startsWith(PREFIX)) merged.put(key.substring(PREFIX.length()), value);
        });
        merged.putAll(options);
        return new Settings(merged, Map.of());
    }

    /** The same values over other defaults than the table's. */
    public Settings over(Map<Setting<?>, String> defaults) {
        Map<String, String> byKey = new LinkedHashMap<>();
        defaults.forEach((setting, value) -> byKey.put(setting.key(), value));
        return new Settings(given, byKey);
    }

    /** @throws BadInput if the setting has no default and was not given */
    public <T> T get(Setting<T> setting) {
        String text = text(setting);
        if (text == null) throw new BadInput(setting.key() + " is missing, expected " + setting.doc() + "; set " + setting.option());
        return setting.read(text);
    }

    /** Null if there is none. */
    private String text(Setting<?> setting) {
        return given.getOrDefault(setting.key(), defaults.getOrDefault(setting.key(), setting.fallback()));
    }

    /** Whether it was given; a default was not. */
    public boolean has(Setting<?> setting) {
        return given.containsKey(setting.key());
    }

    /** What was given, by key. */
    public Map<String, String> given() {
        return Collections.unmodifiableMap(given);
    }

    public Settings with(Setting<?> setting, Object value) {
        Map<String, String> changed = new LinkedHashMap<>(given);
        changed.put(setting.key(), value.toString());
        return new Settings(changed, defaults);
    }

    /** Every setting that has a value, given or default, in the table's order: for provenance. */
    public Map<String, String> all() {
        Map<String, String> all = new LinkedHashMap<>();
        for (Setting<?> s : Setting.ALL) {
            String value = text(s);
            if (value != null) all.put(s.key(), value);
        }
        return all;
    }

    private static Setting<?> setting(String key) {
        return Setting.ALL.stream().filter(s -> s.key().equals(key)).findFirst().orElseThrow(() -> new BadInput("unknown setting "
                + PREFIX + key + "; " + nearest(key, Setting.ALL.stream().map(Setting::key).toList()).map(near -> "the nearest is " + PREFIX + near)
                .orElse("conf/reference.conf has all, and rondo JOB --help those of a job")));
    }

    /** The known name with the fewest edits to this one, whatever the case; none where a quarter of the letters, and one more, are not
     *  enough, and so it is more likely another word than a slip. */
    public static Optional<String> nearest(String name, Collection<String> known) {
        int most = 1 + name.replaceFirst("^-+", "").length() / 4;
        LevenshteinDistance distance = new LevenshteinDistance(most);
        ToIntFunction<String> edits = k -> distance.apply(k.toLowerCase(Locale.ROOT), name.toLowerCase(Locale.ROOT));     // -1: more
        return known.stream().filter(k -> edits.applyAsInt(k) >= 0).min(Comparator.comparingInt(edits));
    }
}
