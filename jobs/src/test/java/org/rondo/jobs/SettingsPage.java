package org.rondo.jobs;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.rondo.driver.Setting;

/** docs/settings.md, made of the tables of settings and of jobs. */
final class SettingsPage {
    private static final String HEAD = """
            # Settings

            Every setting: `--key` on the command line, `spark.rondo.key` in Spark's configuration; the option wins over `--conf`, that over
            `--properties-file`, and that over the default ([jobs.md](jobs.md)). This page is written from the tables in the code, and a test keeps it
            so. The same as a properties file: [conf/reference.conf](../conf/reference.conf). What belongs together in practice is in [conf/recipes](../conf/recipes).

            Where the default is *must be given*, a job that reads the setting ends with exit code 2 without it.
            """;

    private SettingsPage() { }

    static String text() {
        StringBuilder page = new StringBuilder(HEAD);
        groups().forEach((heading, settings) -> {
            page.append("\n## ").append(heading).append("\n\n| setting | default | expected | what it is | read by |\n|---|---|---|---|---|\n");
            settings.forEach(setting -> page.append("| `").append(setting.key()).append("` | ").append(value(setting.fallback())).append(" | ").append(cell(setting.expected())).append(" | ")
                    .append(cell(setting.doc())).append(" | ").append(readers(setting)).append(" |\n"));
        });
        page.append("\n## Where a job differs\n\nDefaults of a job's own, and what a setting is there.\n\n| job | setting | default | what it is |\n|---|---|---|---|\n");
        for (Job job : Job.ALL)
            for (Setting<?> setting : job.settings())
                if (job.defaults().containsKey(setting) || job.docs().containsKey(setting))
                    page.append("| ").append(job.name()).append(" | `").append(setting.key()).append("` | ").append(value(job.fallback(setting))).append(" | ")
                            .append(cell(job.doc(setting))).append(" |\n");
        return page.toString();
    }

    /** Each setting once, under the heading of the first job that reads it. */
    private static Map<String, List<Setting<?>>> groups() {
        Map<String, List<Setting<?>>> groups = new LinkedHashMap<>();
        Set<Setting<?>> seen = new LinkedHashSet<>();
        for (Job job : Job.ALL)
            for (Job.Group group : job.groups())
                for (Setting<?> setting : group.settings())
                    if (seen.add(setting)) groups.computeIfAbsent(group.heading(), heading -> new ArrayList<>()).add(setting);
        for (Setting<?> setting : Setting.ALL) if (seen.add(setting)) groups.computeIfAbsent("Of programs alone, and of no job", heading -> new ArrayList<>()).add(setting);
        return groups;
    }

    private static String readers(Setting<?> setting) {
        return Job.ALL.stream().filter(job -> job.settings().contains(setting)).map(Job::name).collect(Collectors.joining(", "));
    }

    private static String value(String fallback) {
        return fallback == null ? "*must be given*" : fallback.isEmpty() ? "" : "`" + fallback + "`";
    }

    /** Markdown takes a bar for the end of a cell, and {@code <unk>} for a tag of HTML. */
    private static String cell(String text) {
        return text.replace("|", "\\|").replaceAll("<\\w+>", "`$0`");
    }
}
