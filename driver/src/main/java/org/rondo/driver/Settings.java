package org.rondo.driver;

import java.io.Serializable;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.text.similarity.LevenshteinDistance;

/** The values of one job: what was given, and the defaults of {@link Setting} for the rest. Immutable. */
public final class Settings implements Serializable {
    private static final long serialVersionUID = 1;
    private static final String PREFIX = "spark.rondo.";

    private final TreeMap<String, String> given;

    private Settings(Map<String, String> given) {
        this.given = new TreeMap<>(given);
        this.given.forEach((key, value) -> setting(key).read(value));
    }

    /** @param given values by key, without {@code spark.rondo.}
     *  @throws BadInput for an unknown key, naming the nearest, or a value out of range */
    public static Settings of(Map<String, String> given) {
        return new Settings(given);
    }

    /** The keys under {@code spark.rondo.} of a Spark configuration, then {@code options} over them. */
    public static Settings of(Map<String, String> sparkConf, Map<String, String> options) {
        Map<String, String> merged = new LinkedHashMap<>();
        sparkConf.forEach((key, value) -> {
            if (key.startsWith(PREFIX)) merged.put(key.substring(PREFIX.length()), value);
        });
        merged.putAll(options);
        return new Settings(merged);
    }

    /** @throws BadInput if the setting has no default and was not given */
    public <T> T get(Setting<T> setting) {
        String text = given.getOrDefault(setting.key(), setting.fallback());
        if (text == null) throw new BadInput(setting.key() + " is missing, expected " + setting.doc() + "; set --" + setting.key()
                + " or " + setting.sparkKey());
        return setting.read(text);
    }

    public boolean has(Setting<?> setting) {
        return given.containsKey(setting.key());
    }

    public Settings with(Setting<?> setting, Object value) {
        Map<String, String> changed = new LinkedHashMap<>(given);
        changed.put(setting.key(), value.toString());
        return new Settings(changed);
    }

    /** Every setting that has a value, given or default, in the table's order: for provenance. */
    public Map<String, String> all() {
        Map<String, String> all = new LinkedHashMap<>();
        for (Setting<?> s : Setting.ALL) {
            String value = given.getOrDefault(s.key(), s.fallback());
            if (value != null) all.put(s.key(), value);
        }
        return all;
    }

    private static Setting<?> setting(String key) {
        return Setting.ALL.stream().filter(s -> s.key().equals(key)).findFirst().orElseThrow(() -> new BadInput("unknown setting "
                + PREFIX + key + "; the nearest is " + PREFIX + nearest(key, Setting.ALL.stream().map(Setting::key).toList())));
    }

    /** The known name with the fewest edits to this one, whatever the case. */
    public static String nearest(String name, Collection<String> known) {
        LevenshteinDistance distance = LevenshteinDistance.getDefaultInstance();
        return known.stream().min(Comparator.comparing(k -> distance.apply(k.toLowerCase(Locale.ROOT), name.toLowerCase(Locale.ROOT))))
                .orElseThrow();
    }
}
