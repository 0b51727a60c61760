package org.rondo.driver.retraining;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.corpus.Profile;

/** How far new data are from those that the champion has learnt from: the share of tokens that it does not know, the distance of the labels' distributions (half the
 *  sum of the differences of their shares), and how many times longer or shorter sequences are.
 *  @param warnings of limits that are passed but do not stop
 *  @param stops    of limits that do */
record Drift(Profile now, Optional<Profile> then, List<String> warnings, List<String> stops) {

    /** What a figure may be.
     *  @param warn past it there is a warning, past {@code stop} no retraining */
    private record Limits(double warn, double stop) {
        static Limits of(Settings settings, Setting<String> setting) {
            String[] both = settings.get(setting).split(",", -1);
            try {
                Limits limits = new Limits(Double.parseDouble(both[0].strip()), Double.parseDouble(both[1].strip()));
                if (both.length == 2 && limits.warn >= 0 && limits.warn <= limits.stop) return limits;
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
                // said below
            }
            throw new BadInput(setting.key() + " is '" + settings.get(setting) + "', expected two numbers with a comma between, the first not above the second: a warning and a stop; set " + setting.option());
        }
    }

    /** @throws BadInput for limits that are none */
    static void check(Settings settings) {
        for (Setting<String> limits : List.of(Setting.UNKNOWN_LIMITS, Setting.LABEL_LIMITS, Setting.LENGTH_LIMITS)) Limits.of(settings, limits);
    }

    /** What is too little to learn from, if these are. */
    static Optional<String> tooFew(Profile data, Settings settings) {
        int least = settings.get(Setting.LEAST_TOKENS);
        return data.tokens() >= least ? Optional.empty() : Optional.of("the new data have " + data.tokens() + " tokens, expected at least " + least + " (" + Setting.LEAST_TOKENS.key() + ")");
    }

    /** @param now  the new data, seen by the champion's lexicon
     *  @param then what the champion has learnt from; empty where it does not say */
    static Drift of(Profile now, Optional<Profile> then, Settings settings) {
        Drift drift = new Drift(now, then, new ArrayList<>(), new ArrayList<>());
        tooFew(now, settings).ifPresent(drift.stops::add);
        drift.check("share of unknown tokens", now.unknown(), then.map(Profile::unknown), settings, Setting.UNKNOWN_LIMITS);
        then.ifPresent(before -> {
            drift.check("distance of the labels' distribution", now.labelDistance(before), Optional.empty(), settings, Setting.LABEL_LIMITS);
            if (now.sequences() > 0 && before.sequences() > 0) drift.check("ratio of the sequences' length", ratio(now.length(), before.length()), Optional.empty(), settings, Setting.LENGTH_LIMITS);
        });
        return drift;
    }

    private static double ratio(double a, double b) {
        return Math.max(a, b) / Math.max(1e-9, Math.min(a, b));
    }

    private void check(String what, double value, Optional<Double> before, Settings settings, Setting<String> setting) {
        Limits limits = Limits.of(settings, setting);
        if (value <= limits.warn) return;
        boolean stops = value > limits.stop;
        (stops ? this.stops : warnings).add(what + " is " + number(value) + before.map(b -> ", of the champion's data " + number(b)).orElse("") + ", past " + number(stops ? limits.stop : limits.warn)
                + " (" + setting.key() + ")");
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }

    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode().put("sequences", now.sequences()).put("tokens", now.tokens()).put("unknown", now.unknown()).put("length", now.length());
        then.ifPresent(before -> json.put("championUnknown", before.unknown()).put("championLength", before.length()).put("labelDistance", now.labelDistance(before)));
        warnings.forEach(json.putArray("warnings")::add);
        return json;
    }
}
