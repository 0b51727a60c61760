package org.rondo.driver.retraining;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;
import org.rondo.driver.Storage;

/** What one retraining is about.
 *
 *  @param data    path of the new data, {@code holdout} of what versions are measured on, {@code history} of older data or empty: patterns with dates are filled in
 *  @param request what tells it from other nights: paths, the files that are there with their lengths and times, and all settings that matter to the result. The same
 *                 night run again has the same */
record Night(LocalDate date, String data, String holdout, String history, ObjectNode request) {
    /** A date within a path, in the letters of {@link DateTimeFormatter}: {@code {yyyy-MM-dd}}, {@code {yyyy/MM/dd}}. */
    private static final Pattern DATE = Pattern.compile("\\{([^{},]*yyyy[^{},]*)}");
    private static final List<Setting<?>> FREE = List.of(Setting.REGISTRY, Setting.NAME, Setting.DEBUG, Setting.ROUND_DEADLINE, Setting.CHECKPOINT_EVERY, Setting.KEEP_CHECKPOINTS, Setting.LEASE_MINUTES,
            Setting.SUMMARY, Setting.INPUT, Setting.OUTPUT, Setting.OVERWRITE, Setting.WARM_START, Setting.MODEL, Setting.VERSION, Setting.KEEP, Setting.OUTPUT_FORMAT, Setting.PROMPT, Setting.LENGTH,
            Setting.TEMPERATURE, Setting.DAYS, Setting.HISTORY_DAYS);

    /** @param clock of today, for a date that is not set
     *  @throws BadInput if a pattern or the date is none */
    static Night of(Settings settings, Configuration conf, Clock clock) {
        LocalDate date = date(settings.get(Setting.DATE), clock);
        int days = settings.get(Setting.DAYS), before = settings.get(Setting.HISTORY_DAYS);
        String history = filled(settings.get(Setting.HISTORY), date.minusDays(days), before, Setting.HISTORY);
        String data = filled(settings.get(Setting.NEW_DATA), date, days, Setting.NEW_DATA), holdout = filled(settings.get(Setting.HOLDOUT), date, days, Setting.HOLDOUT);
        if (!history.equals(settings.get(Setting.HISTORY)) && list(history, conf).isEmpty()) history = "";        // of the first nights there is none yet
        List<String> held = list(holdout, conf);
        for (String learnt : List.of(data, history)) list(learnt, conf).stream().filter(held::contains).findFirst().ifPresent(both -> {
            throw new BadInput("holdout " + holdout + " has a file of " + learnt + ", " + both.split(" ")[0] + ", expected data that no version learns from: the challenger would have seen the answers; set "
                    + Setting.HOLDOUT.option() + " to others");
        });
        ObjectNode request = new ObjectMapper().createObjectNode().put("date", date.toString()).put("data", data).put("holdout", holdout).put("history", history)
                .put("files", sha256(Stream.of(data, holdout, history).flatMap(path -> list(path, conf).stream()).collect(Collectors.joining("\n"))));
        Map<String, String> all = new TreeMap<>(settings.all());
        FREE.forEach(setting -> all.remove(setting.key()));
        for (Setting<?> pattern : List.of(Setting.NEW_DATA, Setting.HOLDOUT, Setting.HISTORY, Setting.DATE)) all.remove(pattern.key());     // filled in above
        return new Night(date, data, holdout, history, request.put("settings", sha256(all.toString())));
    }

    private static LocalDate date(String given, Clock clock) {
        LocalDate today = LocalDate.now(clock);
        if (given.equals("today")) return today;
        if (given.equals("yesterday")) return today.minusDays(1);
        try {
            return LocalDate.parse(given);
        } catch (DateTimeException e) {
            throw new BadInput("date is '" + given + "', expected today, yesterday or a date as 2026-11-28; set " + Setting.DATE.option(), e);
        }
    }

    /** A path with the dates of so many days, the last of them {@code date}; as it is where it has no date. */
    static String filled(String path, LocalDate date, int days, Setting<?> setting) {
        Matcher pattern = DATE.matcher(path);
        if (!pattern.find()) return path;
        try {
            DateTimeFormatter format = DateTimeFormatter.ofPattern(pattern.group(1), Locale.ROOT);
            List<String> dates = IntStream.range(0, days).mapToObj(n -> format.format(date.minusDays(days - 1L - n))).distinct().toList();
            String filled = path.substring(0, pattern.start()) + (dates.size() == 1 ? dates.get(0) : "{" + String.join(",", dates) + "}") + path.substring(pattern.end());
            if (DATE.matcher(path.substring(pattern.end())).find()) throw new BadInput(setting.key() + " is '" + path + "', with two dates, expected one, which may have folders in it: {yyyy/MM/dd}; set " + setting.option());
            return filled;
        } catch (IllegalArgumentException | DateTimeException e) {
            throw new BadInput(setting.key() + " is '" + path + "', whose {" + pattern.group(1) + "} is no pattern of a date (" + e.getMessage() + "), expected {yyyy-MM-dd} or the like; set " + setting.option(), e);
        }
    }

    /** Names, lengths and times of all files that there are. What is no file (a table) has none. */
    private static List<String> list(String path, Configuration conf) {
        if (path.isEmpty()) return List.of();
        List<String> found = new ArrayList<>();
        try {
            FileSystem fs = Storage.of(new Path(path), conf);
            FileStatus[] matches = fs.globStatus(new Path(path));
            for (FileStatus match : matches == null ? new FileStatus[0] : matches)
                for (RemoteIterator<LocatedFileStatus> files = fs.listFiles(match.getPath(), true); files.hasNext(); ) {
                    FileStatus file = files.next();
                    found.add(file.getPath() + " " + file.getLen() + " " + file.getModificationTime());
                }
        } catch (IllegalArgumentException noPath) {
            return List.of();                           // reading says why
        } catch (IOException e) {
            throw new BadInput("cannot list the files of '" + path + "': " + e.getMessage() + "; check the path and the file system's configuration", e);
        }
        return found.stream().sorted().toList();
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java has no SHA-256, which every Java must have", e);
        }
    }
}
