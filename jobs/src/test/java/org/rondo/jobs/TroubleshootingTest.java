package org.rondo.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** docs/troubleshooting.md has every message that people can meet and mend, and none that is not in the sources. There a message is the code in the first
 *  column of a table: as it begins, with an ellipsis for whatever differs. */
class TroubleshootingTest {
    private static final Page PAGE = Page.read(Path.of("docs/troubleshooting.md"));
    /** Of a program's call that is wrong, and of what no setting leads to; files of the kernels whose messages people can meet are listed. */
    private static final Set<String> KERNELS_FOR_PEOPLE = Set.of("Network", "NativeLibrary", "Optimizer", "Team", "ReferenceKernel", "Kernel");
    private static final int LEAST_WORDS = 3;

    private static List<String> said() {
        return PAGE.firstColumn().stream().filter(cell -> cell.matches("`.*`")).map(cell -> cell.substring(1, cell.length() - 1).replace("\\|", "|")).toList();
    }

    /** What people can mend. Others pass a message on, which has been made elsewhere, and have too few words of their own. */
    private static List<Messages.Message> forPeople() throws IOException {
        List<Messages.Message> messages = new ArrayList<>(Messages.ofTheScript());
        for (String module : List.of("driver", "jobs")) messages.addAll(Messages.of("BadInput|UncheckedIOException", module));
        Messages.of("IllegalArgumentException|IllegalStateException", "worker-kernels").stream()
                .filter(message -> KERNELS_FOR_PEOPLE.contains(message.place().replaceFirst("\\.java.*", "")) && message.text().matches(".*; (set|lower) .*")).forEach(messages::add);
        return messages.stream().filter(message -> message.words() >= LEAST_WORDS).toList();
    }

    @Test void everyMessageIsOnThePage() throws IOException {
        List<String> said = said();
        String missing = forPeople().stream().filter(message -> said.stream().noneMatch(message.text()::startsWith)).map(message -> message.place() + "  " + message.text())
                .collect(Collectors.joining("\n"));
        assertEquals("", missing, "not in " + PAGE.file() + ": add a line with the beginning of each, its cause, and what to do");
    }

    @Test void everyMessageOfThePageIsInTheSources() throws IOException {
        List<Messages.Message> all = new ArrayList<>(Messages.ofTheScript());
        for (String module : List.of("driver", "jobs", "worker-kernels")) all.addAll(Messages.of("\\w*(?:Exception|BadInput|Broken)", module));
        all.addAll(Messages.returned("worker-kernels"));
        String gone = said().stream().filter(beginning -> all.stream().noneMatch(message -> message.text().startsWith(beginning))).collect(Collectors.joining("\n"));
        assertEquals("", gone, "in " + PAGE.file() + " as messages, but nothing in the sources begins so");
        assertTrue(said().size() > 50, "messages of the page: " + said().size());
    }
}
