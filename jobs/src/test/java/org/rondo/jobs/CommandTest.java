package org.rondo.jobs;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.rondo.driver.BadInput;
import org.rondo.driver.Setting;
import org.rondo.driver.Settings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CommandTest {
    private static Command parse(String... args) {
        return Command.parse(args, 100);
    }

    static Stream<Job> jobs() {
        return Job.ALL.stream();
    }

    @Test void optionsTakeTheirValueWithAnEqualsSignOrWithout() {
        Command command = parse("train", "--hidden", "7", "--input=a b", "--overwrite");
        assertEquals("train", command.job().name());
        assertEquals(Map.of("hidden", "7", "input", "a b", "overwrite", "true"), command.options());
    }

    @Test void valuesAreTakenAsTheyAre() {
        assertEquals("@file", parse("generate", "--prompt", "@file").options().get("prompt"), "no file is read");
        assertEquals("", parse("generate", "--prompt", "").options().get("prompt"));
        assertEquals("${x} %s", parse("generate", "--prompt", "${x} %s").options().get("prompt"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            trian                     | the nearest is train
            train --hiden 3           | the nearest is --hidden
            train --learning-rate=1   | the nearest is --learningRate
            evaluate --mdel x         | the nearest is --model
            train --hidden 3 extra    | unexpected argument 'extra'
            train --hidden            | --hidden
            train --hidden --layers 2 | Expected parameter for option '--hidden' but found '--layers'
            generate --prompt=--seed  | Expected parameter for option '--prompt' but found '--seed'
            train --hidden 3 --layers 2 --hidden 4 | --hidden is given twice
            train --seed 3 --debug --debug=true | --debug is given twice
            train --seed 3 --seed=3   | --seed is given twice
            bnech                     | the nearest is bench
            models promot             | unknown models promot; the nearest is promote
            models --registry R prune | option --registry stands before the models, expected after it; see rondo models --help
            models prune --kep 3      | unknown option --kep of prune; the nearest is --keep (rondo models prune --help shows all)
            models --nmae M           | the nearest is --name (rondo models --help shows all)
            models promote --keep 3   | unknown option --keep of promote; the nearest is --help (rondo models promote --help shows all)
            bench                     | no bench given, expected one of kernels, rounds, scale; see rondo bench --help
            bench kernles             | unknown bench kernles; the nearest is kernels
            bench --isa avx2          | option --isa stands before the bench, expected after it; see rondo bench --help
            --hidden 3 train          | option --hidden stands before the job, expected after it; see rondo --help
            nosuch                    | unknown job nosuch, expected one of train, evaluate, score, generate
            help nosuch               | unknown job nosuch, expected one of train, evaluate, score, generate
            help trian                | unknown job trian; the nearest is train
            help bench nosuch         | unknown bench nosuch, expected one of kernels
            bench kernels --hidden 3  | unknown option --hidden of kernels; see rondo bench kernels --help
            train --bidirectional     | the nearest is --directions (rondo train --help shows all)
            bench kernels --iso avx2  | the nearest is --isa (rondo bench kernels --help
            bench kernels --seconds 1 --seconds 2 | --seconds""")
    void whatCannotBeReadIsNamed(String line, String expected) {
        String message = assertThrows(BadInput.class, () -> parse(line.split(" "))).getMessage();
        assertTrue(message.contains(expected), message);
    }

    @ParameterizedTest @MethodSource("jobs")
    void helpHasEverySettingOfTheJobAndNoOther(Job job) {
        List<String> words = Arrays.asList(parse((job.name() + " --help").split(" ")).help().split("[\\s=\\[]+"));
        for (Setting<?> setting : Setting.ALL)
            assertEquals(job.settings().contains(setting), words.contains("--" + setting.key()), "--" + setting.key() + " in the help of " + job.name());
    }

    @Test void helpOfRondoHasEveryJob() {
        Job.names().forEach(name -> {
            int last = name.lastIndexOf(' ');
            String help = parse(((last < 0 ? "" : name.substring(0, last) + " ") + "--help").split(" ")).help();
            assertTrue(help.contains(" " + name.substring(last + 1) + " "), name + " in " + help);
        });
    }

    @Test void helpIsAskedForInEitherOrder() {
        assertEquals(parse("--help").help(), parse("help").help());
        assertEquals(parse("train", "--help").help(), parse("help", "train").help());
        assertEquals(parse("bench", "kernels", "--help").help(), parse("help", "bench", "kernels").help());
        assertEquals(parse("--help").help(), parse("--help", "train").help(), "nothing is trained");
    }

    @Test void helpOfAJobSaysWhatASettingIsThere() {
        String help = parse("gradient-flow", "--help").help().replaceAll("\\s+", " ");
        for (String doc : List.of("folder on this machine to write page, picture and table to", "directories of trained models, with commas between",
                "of the deep networks", "sequences read side by side")) assertTrue(help.contains(doc), doc + " in " + help);
        assertFalse(help.contains("directory to write the model to"), help);
        assertTrue(parse("export", "--help").help().replaceAll("\\s+", " ").contains("pytorch: a state dict in safetensors' format; or onnx"));
        assertTrue(parse("import", "--help").help().replaceAll("\\s+", " ").contains("of the input: pytorch (default: pytorch)"));
        for (Job job : Job.ALL) assertTrue(job.settings().containsAll(job.docs().keySet()), job.name());
    }

    @Test void aDefaultOfAJobIsNotGiven() {
        Settings settings = Settings.of(Map.of("hidden", "3")).over(Map.of(Setting.HIDDEN, "4", Setting.LAYERS, "5"));
        assertEquals(List.of(3, 5), List.of(settings.get(Setting.HIDDEN), settings.get(Setting.LAYERS)));
        assertEquals(List.of(true, false), List.of(settings.has(Setting.HIDDEN), settings.has(Setting.LAYERS)));
        assertEquals("5", settings.with(Setting.SEED, 2).all().get("layers"));
    }

    @Test void anUnknownKeyNamesTheNearestIfOneIsNear() {
        String near = assertThrows(BadInput.class, () -> Settings.of(Map.of("hiden", "3"))).getMessage();
        assertEquals("unknown setting spark.rondo.hiden; the nearest is spark.rondo.hidden", near);
        String far = assertThrows(BadInput.class, () -> Settings.of(Map.of("gpus", "3"))).getMessage();
        assertEquals("unknown setting spark.rondo.gpus; conf/reference.conf has all, and rondo JOB --help those of a job", far);
    }

    @Test void helpOfABenchIsItsOwn() {
        assertTrue(parse("--help").help().contains(" bench "));
        assertTrue(parse("bench", "--help").help().contains(" kernels "));
        String help = parse("bench", "kernels", "--help").help();
        for (String option : List.of("--shapes=S1,... ", "--seconds=X ", "(default: 5)", "--isa=avx512,... ", "--threads=N ", "--scoring", "--debug"))
            assertTrue(help.contains(option), option + " in " + help);
    }

    @Test void aBenchIsNoJobAndHasNoSettings() {
        Command command = parse("bench", "kernels", "--shapes", "S1,S6", "--debug");
        assertNull(command.job());
        assertNotNull(command.bench());
        assertEquals(Map.of("debug", "true"), command.options());
        assertNull(parse("train", "--hidden", "3").bench());
    }

    @Test void aJobMayHaveJobsOfItsOwn() {
        assertEquals("models", parse("models", "--registry", "R").job().name());
        Command promote = parse("models", "promote", "--registry", "R", "--version", "3");
        assertEquals("models promote", promote.job().name());
        assertEquals(Map.of("registry", "R", "version", "3"), promote.options());
        assertEquals(parse("models", "prune", "--help").help(), parse("help", "models", "prune").help());
    }

    @Test void aTrainCommandIsAPlanCommand() {
        Job train = jobs().filter(job -> job.name().equals("train")).findFirst().orElseThrow();
        for (Setting<?> setting : train.settings()) assertEquals("true", parse("plan", "--" + setting.key() + "=true").options().get(setting.key()));
    }

    @Test void everySettingBelongsToAJob() {
        var used = jobs().flatMap(job -> job.settings().stream()).collect(Collectors.toSet());
        assertEquals(List.of(), Setting.ALL.stream().filter(setting -> !used.contains(setting)).toList());
    }

    @ParameterizedTest @MethodSource("jobs")
    void noSettingIsListedTwice(Job job) {
        assertEquals(job.settings().stream().distinct().count(), job.settings().size());
    }

    @ParameterizedTest @MethodSource("jobs")
    void defaultsOfAJobAreInRange(Job job) {
        job.defaults().forEach((setting, value) -> Settings.of(Map.of(setting.key(), value)));
    }

    @Test void anOptionWinsOverTheConfiguration() {
        Settings settings = Settings.of(Map.of("spark.rondo.hidden", "3", "spark.rondo.layers", "5", "spark.master", "local"),
                parse("train", "--hidden", "4").options());
        assertEquals(4, settings.get(Setting.HIDDEN));
        assertEquals(5, settings.get(Setting.LAYERS));
    }
}
