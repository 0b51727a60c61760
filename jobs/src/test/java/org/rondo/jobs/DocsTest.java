package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

/** What README.md, CONTRIBUTING.md and docs/ say to type can be typed: jobs, options and values are there, as are profiles, modules and properties of
 *  Maven; and where they point to is there. {@link DocsIT} runs some of it. */
class DocsTest {
    private static final Pattern GROUP = Pattern.compile("\\[(--[^\\]]*|[^\\]]* [^\\]]*)\\]"), OPTION = Pattern.compile("--[A-Za-z]+");
    private static final Set<String> PHASES = Set.of("clean", "test", "package", "verify", "install"),
            MAVENS = Set.of("skipTests", "test", "it.test", "surefire.failIfNoSpecifiedTests", "failsafe.failIfNoSpecifiedTests", "artifact", "outputDirectory");
    private static final Set<String> FLAGS = new HashSet<>(List.of("--help", "-h", "--version", "--scoring", "--collect"));
    private static Set<String> valued, switches;

    @BeforeAll static void optionsOfSparkSubmit() throws ReflectiveOperationException {
        valued = sparks("opts");
        switches = sparks("switches");
        switches.removeAll(FLAGS);
        Setting.ALL.stream().filter(Setting::isFlag).forEach(setting -> FLAGS.add("--" + setting.key()));
    }

    private static Set<String> sparks(String field) throws ReflectiveOperationException {
        Class<?> parser = Class.forName("org.apache.spark.launcher.SparkSubmitOptionParser");
        var constructor = parser.getDeclaredConstructor();
        constructor.setAccessible(true);
        var names = parser.getDeclaredField(field);
        names.setAccessible(true);
        Set<String> all = new HashSet<>();
        for (String[] same : (String[][]) names.get(constructor.newInstance())) all.addAll(Arrays.asList(same));
        return all;
    }

    /** Every line of a shell's block, and every code in the text that starts one of these programs. */
    private static Map<String, String> lines() throws IOException {
        Map<String, String> lines = new LinkedHashMap<>();      // by place
        for (Page page : Page.all()) {
            for (Page.Block block : page.blocks())
                if (block.isShell()) block.commands().forEach(line -> lines.put(page.file() + ", line " + block.first() + " on, " + lines.size(), line));
            page.code().stream().filter(code -> code.matches("(bin/rondo|spark-submit|\\./mvnw) .*")).forEach(code -> lines.put(page.file() + ", in the text, " + lines.size(), code));
        }
        return lines;
    }

    @Test void whatIsGivenToRondoIsKnown() throws IOException {
        List<String> problems = new ArrayList<>();
        int checked = 0;
        for (var line : lines().entrySet()) {
            boolean submit = line.getValue().contains("spark-submit");
            if (!submit && !line.getValue().contains("bin/rondo")) continue;
            try {
                List<String> groups = GROUP.matcher(line.getValue()).results().map(group -> group.group(1)).toList();
                List<String> words = ShellLine.arguments(GROUP.matcher(line.getValue()).replaceAll(""), submit ? "spark-submit" : "bin/rondo");
                if (words == null) continue;
                check(words, submit, groups);
                checked++;
            } catch (BadInput | IllegalArgumentException e) {
                problems.add(line.getKey() + ": " + line.getValue() + "\n    " + e.getMessage());
            }
        }
        assertEquals("", String.join("\n", problems), "of " + checked + " commands");
        assertTrue(checked >= 40, "commands found: " + checked);
    }

    /** @throws BadInput if Rondo, or Spark before it, would refuse them */
    private static void check(List<String> words, boolean submit, List<String> groups) throws IOException {
        List<String> job = new ArrayList<>();
        Map<String, String> conf = new LinkedHashMap<>();
        boolean jar = !submit;
        for (int i = 0; i < words.size(); i++) {
            String word = words.get(i), name = word.replaceFirst("=.*", "");
            boolean ours = name.equals("--name") && !job.isEmpty() && List.of("retrain", "models").contains(job.get(0));      // elsewhere it is the application's
            if (jar && submit) job.add(word);                                     // all after the jar is the job's
            else if (valued.contains(name) && !ours) {
                String value = word.contains("=") ? word.substring(name.length() + 1) : i + 1 < words.size() ? words.get(++i) : "";
                if (value.isEmpty()) throw new BadInput(name + " needs a value");
                spark(name, value, conf);
            } else if (switches.contains(name)) continue;
            else if (submit && word.startsWith("-")) throw new BadInput("spark-submit does not know " + word);
            else if (submit) {
                if (!word.endsWith("rondo.jar")) throw new BadInput(word + " is not rondo.jar");
                jar = true;
            } else {
                job.add(word);
                if (word.startsWith("-") && !word.contains("=") && !FLAGS.contains(word) && i + 1 < words.size()) job.add(words.get(++i));
            }
        }
        job.replaceAll(word -> word.equals("JOB") ? "train" : word.equals("N") ? "1" : word);      // as in a synopsis
        job.removeIf("..."::equals);
        Command command = Command.parse(job.toArray(String[]::new), 100);
        Settings.of(conf, command.options());
        for (String option : groups.stream().flatMap(group -> OPTION.matcher(group).results().map(found -> found.group())).filter(option -> !option.equals("--key")).toList()) {
            List<String> asked = new ArrayList<>(job.stream().takeWhile(word -> !word.startsWith("-")).toList());
            asked.add("--help");
            if (!Command.parse(asked.toArray(String[]::new), 100).help().matches("(?s).*" + option + "\\b.*")) throw new BadInput("no option " + option + " of " + asked.get(0));
        }
    }

    private static void spark(String name, String value, Map<String, String> conf) throws IOException {
        if (name.equals("--conf") || name.equals("-c")) {
            if (!value.matches("spark\\.[^=]+=.*")) throw new BadInput("--conf " + value + ", expected a key of Spark's, = and its value");
            conf.put(value.replaceFirst("=.*", ""), value.replaceFirst("[^=]+=", ""));
        }
        if (!name.equals("--properties-file") || !value.contains("conf/")) return;
        Properties properties = new Properties();
        properties.load(new StringReader(Files.readString(Page.ROOT.resolve(value))));
        properties.forEach((key, of) -> conf.putIfAbsent(key.toString(), of.toString()));
    }

    @Test void whatIsGivenToMavenIsKnown() throws IOException {
        StringBuilder poms = new StringBuilder(), sources = new StringBuilder();
        try (Stream<Path> files = Files.walk(Page.ROOT)) {
            for (Path file : files.filter(file -> !file.toString().contains("/target/") && (file.endsWith("pom.xml") || file.toString().endsWith(".java"))).toList())
                (file.endsWith("pom.xml") ? poms : sources).append(file.getFileName()).append('\n').append(Files.readString(file));
        }
        List<String> problems = new ArrayList<>();
        for (var line : lines().entrySet()) {
            if (!line.getValue().contains("mvnw")) continue;
            List<String> words = ShellLine.arguments(line.getValue(), "mvnw");
            if (words == null) continue;
            for (int i = 0; i < words.size(); i++) {
                String word = words.get(i), property = word.replaceFirst("^-D", "").replaceFirst("=.*", "");
                boolean known;
                if (word.equals("-pl")) known = Stream.of(words.get(++i).split(",")).allMatch(module -> Files.exists(Page.ROOT.resolve(module).resolve("pom.xml")));
                else if (word.startsWith("-P")) known = Stream.of(word.substring(2).split(",")).allMatch(profile -> poms.indexOf("<id>" + profile + "</id>") >= 0);
                else if (word.startsWith("-Dtest=") || word.startsWith("-Dit.test="))
                    known = Stream.of(word.replaceFirst(".*=", "").split(",")).allMatch(test -> sources.indexOf(test.replaceFirst("#.*", "") + ".java\n") >= 0);
                else if (word.startsWith("-D")) known = MAVENS.contains(property) || poms.indexOf("${" + property + "}") >= 0 || poms.indexOf("<" + property + ">") >= 0
                        || sources.indexOf("\"" + property + "\"") >= 0;
                else known = word.startsWith("-") || PHASES.contains(word) || word.contains(":");
                if (!known) problems.add(line.getKey() + ": " + word + " of " + line.getValue());
            }
        }
        assertEquals("", String.join("\n", problems));
    }

    /** Where there is a Python to ask. */
    @Test void theDagIsPython(@TempDir Path folder) throws Exception {
        Process python;
        try {
            ProcessBuilder compile = new ProcessBuilder("python3", "-m", "py_compile", Page.ROOT.resolve("docs/airflow_dag.py").toString()).redirectErrorStream(true);
            compile.environment().put("PYTHONPYCACHEPREFIX", folder.toString());
            python = compile.start();
        } catch (IOException e) {
            assumeTrue(false, "no python3: " + e.getMessage());
            return;
        }
        String said = new String(python.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, python.waitFor(), said);
    }

    @Test void everyLinkLeadsSomewhereAndEveryPageIsReached() throws IOException {
        List<String> problems = new ArrayList<>();
        Set<Path> reached = new LinkedHashSet<>(List.of(Path.of("README.md"), Path.of("CONTRIBUTING.md")));
        Deque<Path> open = new ArrayDeque<>(reached);
        while (!open.isEmpty()) {
            Page page = Page.read(open.remove());
            for (String link : page.links()) {
                if (link.matches("[a-z]+:.*")) continue;
                String[] parts = link.split("#", 2);
                Path target = parts[0].isEmpty() ? page.file() : Page.ROOT.relativize(Page.ROOT.resolve(page.file()).resolveSibling(parts[0]).normalize());
                if (Files.isDirectory(Page.ROOT.resolve(target))) reached.addAll(filesOf(target));
                else if (!Files.exists(Page.ROOT.resolve(target))) problems.add(page.file() + " points to " + link + ", which is not there");
                else if (parts.length > 1 && !Page.read(target).anchors().contains(parts[1])) problems.add(page.file() + " points to " + link + ", but there is no such heading");
                else if (reached.add(target) && target.toString().endsWith(".md")) open.add(target);
            }
        }
        filesOf(Path.of("docs")).stream().filter(file -> !reached.contains(file)).forEach(file -> problems.add(file + " is reached neither from README.md nor from CONTRIBUTING.md"));
        assertEquals("", String.join("\n", problems));
    }

    private static List<Path> filesOf(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(Page.ROOT.resolve(folder))) {
            return files.filter(Files::isRegularFile).map(Page.ROOT::relativize).sorted().toList();
        }
    }

    /** Its options, as cron and Airflow give them to it. */
    @Test void whatCronAndAirflowGiveToRetrainIsKnown() throws IOException {
        for (String file : List.of("docs/crontab.example", "docs/airflow_dag.py")) {
            Matcher given = Pattern.compile("\\bretrain\"?,? (?=\"?--)([^)>]*)").matcher(Files.readString(Page.ROOT.resolve(file)));
            assertTrue(given.find(), file + " has no retrain with options");
            List<String> options = OPTION.matcher(given.group(1)).results().map(found -> found.group()).filter(option -> !option.equals("--properties")).toList();
            assertTrue(options.containsAll(List.of("--registry", "--name", "--newData", "--holdout")), file + ": " + options);
            List<Setting<?>> known = Job.ALL.stream().filter(job -> job.name().equals("retrain")).findFirst().map(Job::settings).orElse(Setting.ALL);
            for (String option : options) assertTrue(known.stream().anyMatch(setting -> option.equals("--" + setting.key())), option + " of " + file + " is no setting of retrain");
        }
    }
}
