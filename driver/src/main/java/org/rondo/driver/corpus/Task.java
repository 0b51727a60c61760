package org.rondo.driver.corpus;

import java.util.Locale;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** What is learnt of data. */
public enum Task {
    /** Every token from those before it. */
    LANGUAGE_MODEL,
    /** A label for every token. */
    TAGGING,
    /** A label for a whole sequence. */
    CLASSIFICATION,
    /** Numbers for a whole sequence. */
    REGRESSION;

    public static Task of(Settings settings) {
        return valueOf(settings.get(Setting.TASK).toUpperCase(Locale.ROOT).replace('-', '_'));
    }

    /** As settings and models have it. */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What data for it are labelled with. */
    public Examples.Target target(Settings settings) {
        return switch (this) {
            case LANGUAGE_MODEL -> Examples.Target.NONE;
            case TAGGING -> Examples.Target.LABELS;
            case CLASSIFICATION -> Examples.Target.LABEL;
            case REGRESSION -> settings.has(Setting.VALUES_COLUMN) ? Examples.Target.VALUES : Examples.Target.VALUE;
        };
    }
}
